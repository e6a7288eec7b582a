using G2RL.Onnx.Cli.Tests;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>
/// Two worker processes for all tests that leave them alive: they start once, and serve one run after the other as those of a cluster do.
/// </summary>
[TestClass]
public static class SharedWorkers
{
    private static readonly Lazy<(string Folder, G2rlProcess[] Workers)> Pair = new(Start);

    /// <summary>Where they are found; starts them where nobody has asked before.</summary>
    internal static string Members => Pair.Value.Folder;

    /// <summary>Ends them.</summary>
    [AssemblyCleanup]
    public static void End()
    {
        if (!Pair.IsValueCreated)
            return;
        foreach (var worker in Pair.Value.Workers)
            worker.Dispose();
        Directory.Delete(Members, recursive: true);
    }

    private static (string Folder, G2rlProcess[] Workers) Start()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-members-").FullName;
        string[] arguments = ["worker", "--json", "--set", "execution.threads=1", "--set", $"distribution.membership=folder:{folder}"];
        var workers = new[] { G2rlProcess.Start(arguments), G2rlProcess.Start(arguments) };
        foreach (var worker in workers)
            worker.WaitFor(() => worker.Output.Contains("joined", StringComparison.Ordinal));
        return (folder, workers);
    }
}
