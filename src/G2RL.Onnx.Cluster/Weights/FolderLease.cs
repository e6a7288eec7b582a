using System.Text.RegularExpressions;

namespace G2RL.Onnx.Cluster.Weights;

/// <summary>
/// A trainer's own files in a folder that members share, under names that nobody else has. They are removed when it ends; of one that was
/// killed they are removed by the next trainer that uses the folder.
/// </summary>
/// <remarks>
/// A file is held open, which the system lets go of whatever ends the process. A folder may be one of a network whose locks do not reach
/// other machines, so what belongs to another machine is left alone while that file has been touched within ten minutes, by the folder's
/// own clock.
/// </remarks>
internal sealed partial class FolderLease : IDisposable
{
    private const string Owner = "owner";
    private static readonly TimeSpan Sign = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(10);

    private readonly FileStream held;
    private readonly Timer signs;
    private readonly byte[] machine;

    private FolderLease(string prefix, FileStream held, byte[] machine)
    {
        (Prefix, this.held, this.machine) = (prefix, held, machine);
        Tell();
        signs = new(_ => Tell(), null, Sign, Sign);
    }

    /// <summary>What the names of its files begin with, folder included.</summary>
    public string Prefix { get; }

    /// <summary>Begins to use a folder; removes what dead trainers left there.</summary>
    /// <param name="folder">The folder; made when it is missing, for this user alone.</param>
    /// <param name="clusterId">Name of the cluster.</param>
    /// <param name="machine">This machine; null is found out.</param>
    /// <exception cref="IOException">The folder cannot be used.</exception>
    /// <exception cref="UnauthorizedAccessException">Neither.</exception>
    public static FolderLease Take(string folder, string clusterId, string? machine = null)
    {
        folder = Path.GetFullPath(folder);
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else if (!Directory.Exists(folder))
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var prefix = Path.Combine(folder, $"{clusterId}-{Guid.NewGuid():N}-");
        var file = new FileStream(prefix + Owner, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        var lease = new FolderLease(prefix, file, System.Text.Encoding.UTF8.GetBytes(machine ?? Machine()));
        lease.Sweep(folder);
        return lease;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        signs.Dispose();
        Remove(Prefix, but: Prefix + Owner);
        held.Dispose();
        File.Delete(Prefix + Owner);
    }

    // Containers of one machine have names of their own, but one kernel, which knows their locks.
    private static string Machine() => File.Exists("/proc/sys/kernel/random/boot_id")
        ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()
        : Environment.MachineName;

    private void Tell()
    {
        try
        {
            held.Position = 0;
            held.Write(machine);
            held.Flush();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The next sign may be seen.
        }
    }

    private void Sweep(string folder)
    {
        var now = File.GetLastWriteTimeUtc(Prefix + Owner);
        foreach (var file in Directory.EnumerateFiles(folder).Where(f => f != Prefix + Owner && Names().IsMatch(Path.GetFileName(f))))
            try
            {
                var touched = File.GetLastWriteTimeUtc(file);
                // Opens where nobody holds it.
                using (var left = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
                {
                    var by = new byte[left.Length];
                    left.ReadExactly(by);
                    if (!by.AsSpan().SequenceEqual(machine) && now - touched < Silence)
                        continue;
                    Remove(file[..^Owner.Length], but: file);
                }
                File.Delete(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Somebody's, or gone meanwhile.
            }
    }

    private static void Remove(string prefix, string but)
    {
        foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(prefix)!)
            .Where(f => f.StartsWith(prefix, StringComparison.Ordinal) && f != but))
            File.Delete(file);
    }

    [GeneratedRegex("-[0-9a-f]{32}-owner$", RegexOptions.CultureInvariant)]
    private static partial Regex Names();
}
