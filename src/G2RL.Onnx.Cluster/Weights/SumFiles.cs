using System.Text.RegularExpressions;

namespace G2RL.Onnx.Cluster.Weights;

/// <summary>Sums of gradients as files in a folder that trainer and workers share; whoever reads one removes it. Those that
/// nobody reads go with the trainer's <see cref="FolderLease"/>.</summary>
internal static partial class SumFiles
{
    /// <summary>Writes one.</summary>
    /// <param name="files">What its name begins with.</param>
    /// <param name="sum">Its parts.</param>
    /// <returns>What its name ends with.</returns>
    /// <exception cref="InputException">The folder does not take it.</exception>
    public static string Write(string files, IReadOnlyList<byte[]> sum)
    {
        var end = Guid.NewGuid().ToString("N");
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(files)!);
            var length = sum.Sum(p => (long)p.Length);
            using var file = File.OpenHandle(files + end, FileMode.CreateNew, FileAccess.Write, preallocationSize: length);
            var at = 0L;
            foreach (var part in sum)
            {
                RandomAccess.Write(file, part, at);
                at += part.Length;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"distribution.weightsFolder {Path.GetDirectoryName(files)} cannot be written by this worker: "
                + e.Message, e);
        }
        return end;
    }

    /// <summary>Reads one and removes it.</summary>
    /// <param name="files">What its name begins with.</param>
    /// <param name="end">What its name ends with, as a worker says.</param>
    /// <param name="into">Receives its parts.</param>
    /// <param name="length">Its bytes.</param>
    /// <exception cref="InvalidDataException">No such name, no such file here, or one of another length.</exception>
    public static void Take(string files, string end, byte[][] into, long length)
    {
        // A name with a way to another folder in it is none.
        if (!Name().IsMatch(end))
            throw new InvalidDataException($"A sum's file is named '{end}'.");
        if (!File.Exists(files + end))
            throw new InvalidDataException($"The worker wrote {files}{end}, which is not here: distribution.weightsFolder must be a folder "
                + "that all members share.");
        using (var file = File.OpenHandle(files + end))
        {
            if (RandomAccess.GetLength(file) != length)
                throw new InvalidDataException($"{files}{end} has {RandomAccess.GetLength(file)} bytes; a sum has {length}.");
            var at = 0L;
            for (var i = 0; i < into.Length; at += into[i++].Length)
            {
                into[i] = GC.AllocateUninitializedArray<byte>((int)Math.Min(Contracts.GradientReply.PartBytes, length - at));
                for (var read = 0; read < into[i].Length;)
                    read += RandomAccess.Read(file, into[i].AsSpan(read), at + read) is > 0 and var some
                        ? some
                        : throw new InvalidDataException($"{files}{end} ends at {at + read} of {length} bytes.");
            }
        }
        File.Delete(files + end);
    }

    [GeneratedRegex("^[0-9a-f]{32}$", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
