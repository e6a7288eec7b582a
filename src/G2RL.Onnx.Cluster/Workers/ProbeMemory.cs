using System.Globalization;
using System.IO.Hashing;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics.X86;
using System.Text;
using System.Text.RegularExpressions;
using G2RL.Onnx.Checkpoints;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>
/// Remembers what the probe of a passport gave, in the user's folder for caches: the same program on the same processor gives the same. A
/// worker never asks it.
/// </summary>
internal static partial class ProbeMemory
{
    /// <summary>Where it remembers.</summary>
    public static string Folder => Path.Combine(Path.GetDirectoryName(GgufCache.Root)!, "probes");

    /// <summary>
    /// What a probe depends on beside the rest of a passport: the processor's model and features, and the native libraries. Null where the
    /// processor does not say.
    /// </summary>
    public static string? Identity()
    {
        if (!X86Base.IsSupported)
            return null;
        var text = new StringBuilder();
        void Add(int leaf, int part, bool hasCore = false)
        {
            var (a, b, c, d) = X86Base.CpuId(leaf, part);
            // The second number of leaf 1 tells which core this is.
            text.Append(CultureInfo.InvariantCulture, $"{a:x8}{(hasCore ? 0 : b):x8}{c:x8}{d:x8} ");
        }
        Add(0, 0);
        Add(1, 0, hasCore: true);
        Add(7, 0);
        Add(7, 1);
        for (var leaf = 2; leaf <= 4; leaf++)
            Add(unchecked((int)0x80000000) + leaf, 0);
        text.Append(typeof(TensorPrimitives).Assembly.ManifestModule.ModuleVersionId);
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*onnxruntime*", SearchOption.AllDirectories)
            .Select(f => new FileInfo(f)).OrderBy(f => f.FullName, StringComparer.Ordinal))
            text.Append(CultureInfo.InvariantCulture, $" {file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}");
        return text.ToString();
    }

    /// <summary>What a probe gave, or gives.</summary>
    /// <param name="folder">Where it is remembered; where that cannot be used nothing is.</param>
    /// <param name="identity">All that it depends on.</param>
    /// <param name="make">Makes it.</param>
    public static string Of(string folder, string identity, Func<string> make)
    {
        var path = Path.Combine(folder, Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(identity))));
        try
        {
            if (File.Exists(path) && File.ReadAllText(path) is var known && Probe().IsMatch(known))
                return known;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Made again.
        }
        var made = make();
        try
        {
            Directory.CreateDirectory(folder);
            var next = $"{path}.{Environment.ProcessId}.tmp";
            File.WriteAllText(next, made);
            File.Move(next, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Made again next time.
        }
        return made;
    }

    [GeneratedRegex("^[0-9a-f]{32}$", RegexOptions.CultureInvariant)]
    private static partial Regex Probe();
}
