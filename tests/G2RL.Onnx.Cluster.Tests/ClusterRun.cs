using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cli.Tests;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>A short run on a tiny model, alone and with workers on loopback, and what it left behind.</summary>
internal sealed class ClusterRun : IDisposable
{
    // What one process gives, by configuration: many faults happen to the same run.
    private static readonly ConcurrentDictionary<string, string[]> Known = [];

    private readonly TinyRun tiny = new();
    private readonly List<G2rlProcess> workers = [];
    private readonly string key;
    private readonly string members;

    /// <summary>Writes the run's configuration.</summary>
    /// <param name="steps">Its steps.</param>
    /// <param name="prompts">Prompts of a step.</param>
    /// <param name="change">Changes the rest.</param>
    /// <param name="isShared">Whether the two workers that tests share take part (see <see cref="SharedWorkers"/>).</param>
    public ClusterRun(int steps = 12, int prompts = 6, Action<JsonObject>? change = null, bool isShared = false)
    {
        members = isShared ? SharedWorkers.Members : tiny.Folder("members");
        var config = tiny.Default;
        config["steps"] = steps;
        config["sampling"]!["promptsPerStep"] = prompts;
        config["sampling"]!["resampleRounds"] = 1;
        config["training"]!["checkpointEvery"] = 1;
        change?.Invoke(config);
        tiny.Write(config);
        key = config.ToJsonString().Replace(tiny.Root, "", StringComparison.Ordinal);
    }

    /// <summary>A run whose works take long enough for something to happen meanwhile.</summary>
    public static ClusterRun Long(bool isShared = false) => new(steps: 5, prompts: 9, c =>
    {
        c["sampling"]!["groupSize"] = 48;
        c["training"]!["gradientShards"] = 4;
    }, isShared);

    /// <summary>Settings by which a process finds the cluster.</summary>
    public string[] Cluster => ["--set", $"distribution.membership=folder:{members}"];

    public string Folder(string name) => tiny.Folder(name);

    /// <summary>What the run gives on one machine.</summary>
    public string[] Alone() => Known.GetOrAdd(key, _ =>
    {
        G2rlProcess.Call(tiny.Train(Folder("alone"))).Exits(0);
        return TinyRun.Essence(Folder("alone"));
    });

    /// <summary>Starts a worker and waits until it has joined.</summary>
    public G2rlProcess Worker(params string[] further) => Worker([], further);

    /// <summary>The same with further variables in its environment.</summary>
    public G2rlProcess Worker((string, string)[] environment, params string[] further)
    {
        var worker = G2rlProcess.Start(environment, ["worker", "--json", "--set", "execution.threads=1", .. Cluster, .. further]);
        workers.Add(worker);
        worker.WaitFor(() => worker.Output.Contains("joined", StringComparison.Ordinal));
        return worker;
    }

    /// <summary>Starts the run with workers.</summary>
    public G2rlProcess Start(params string[] further) => Start([], further);

    /// <summary>The same with further variables in its environment.</summary>
    public G2rlProcess Start((string, string)[] environment, params string[] further) =>
        G2rlProcess.Start(environment, [.. tiny.Train(Folder("shared"), "--json"), .. Cluster, .. further]);

    /// <summary>Goes on with it.</summary>
    public G2rlProcess Resume(params string[] further) =>
        G2rlProcess.Start(["export-and-train", "--resume", Folder("shared"), "--json", .. further]);

    /// <summary>Waits for its end and gives its results.</summary>
    public string[] Results(G2rlProcess run)
    {
        run.End().Exits(0);
        return TinyRun.Essence(Folder("shared"));
    }

    /// <summary>Accounts of all draws and scorings so far.</summary>
    public JsonObject[] Accounts()
    {
        var path = Path.Combine(Folder("shared"), "distribution.jsonl");
        return !File.Exists(path)
            ? []
            : [.. File.ReadAllText(path).Split('\n')[..^1].Where(l => l.Length > 0).Select(l => JsonNode.Parse(l)!.AsObject())];
    }

    /// <summary>A count over all accounts.</summary>
    public int Sum(string name) => Accounts().Sum(a => (int)a[name]!);

    /// <summary>Names of the workers that gave a first answer.</summary>
    public string[] Contributors() =>
        [.. Accounts().SelectMany(a => a["workers"]!.AsArray()).Select(w => (string)w!).Where(w => w.Length > 0).Distinct()];

    /// <summary>Every piece sent has one end, and every piece of work one first answer.</summary>
    public void AssertAccountsAddUp()
    {
        foreach (var a in Accounts())
        {
            int Count(string name) => (int)a[name]!;
            Assert.AreEqual(Count("sent"), Count("first") + Count("duplicates") + Count("failures") + Count("cancelled"), a.ToJsonString());
            Assert.AreEqual(Count("pieces"), Count("first") + Count("here"), a.ToJsonString());
        }
    }

    public void Dispose()
    {
        foreach (var worker in workers)
            worker.Dispose();
        tiny.Dispose();
    }
}
