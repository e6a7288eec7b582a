using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>A folder for the runs of a trial, and what they have in common.</summary>
internal sealed class Trial : IDisposable
{
    /// <summary>What workers do in most trials: everything that they can.</summary>
    public const string All = "distribution.share=[\"rollouts\",\"scores\",\"gradients\"]";

    private readonly string root = Directory.CreateTempSubdirectory("g2rl-trial-").FullName;
    private int runs;

    /// <summary>Where results on one process are kept for other calls; null for nowhere.</summary>
    public static string? Kept { get; set; }

    /// <summary>Settings of the run.</summary>
    public required string[] Job { get; init; }

    /// <summary>Where members find each other.</summary>
    public string Members => $"distribution.membership=folder:{Path.Combine(root, "members")}";

    public string Folder(string name) => Path.Combine(root, name);

    /// <summary>Starts a run; gives it and its folder.</summary>
    public (Member Run, string Folder) Start(string[] before, params string[] further)
    {
        var folder = Folder($"run-{++runs}");
        return (Member.Start(
            before,
            ["export-and-train", "--json", "--run", folder, .. Sets(["execution.threads=1", .. Job, .. further])]), folder);
    }

    /// <summary>Starts a run of which workers do everything that they can.</summary>
    public (Member Run, string Folder) Spread(int workers, params string[] further) =>
        Start([], [Members, $"distribution.workers={workers}", All, .. further]);

    /// <summary>What the run gives on one process; computed where it is not kept.</summary>
    public string Alone()
    {
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', Job))))[..16];
        var file = Kept is { } kept ? Path.Combine(kept, name) : null;
        if (File.Exists(file))
            return File.ReadAllText(file);
        var (run, folder) = Start([]);
        using (run)
            run.End();
        var essence = Essence(folder);
        if (file is not null)
        {
            Directory.CreateDirectory(Kept!);
            File.WriteAllText(file, essence);
        }
        return essence;
    }

    /// <summary>A worker of the trial.</summary>
    public Member Worker(string[] before, params string[] further) => Member.Worker(before, Sets([Members, .. further]));

    /// <summary>Settings as arguments.</summary>
    public static string[] Sets(IEnumerable<string> settings) => [.. settings.SelectMany(s => new[] { "--set", s })];

    /// <summary>What a run gave, as one hash: weights, moments, rollouts, metrics without times.</summary>
    public static string Essence(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var files = Directory.EnumerateFiles(folder, "*.safetensors", SearchOption.AllDirectories);
        if (Directory.Exists(Path.Combine(folder, "rollouts")))
            files = files.Concat(Directory.EnumerateFiles(Path.Combine(folder, "rollouts"), "*"));
        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetRelativePath(folder, file)));
            hash.AppendData(File.ReadAllBytes(file));
        }
        foreach (var row in Rows(folder, "metrics.jsonl").Concat(Rows(folder, "evaluations.jsonl")))
        {
            foreach (var timed in row.Select(p => p.Key).Where(k => StepMetrics.IsTiming(k) || k == "seconds").ToArray())
                row.Remove(timed);
            hash.AppendData(Encoding.UTF8.GetBytes(row.ToJsonString()));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }

    /// <summary>Rows of a log; what is half written is left out.</summary>
    public static JsonObject[] Rows(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path))
            return [];
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return [.. reader.ReadToEnd().Split('\n')[..^1].Where(l => l.Length > 0).Select(l => JsonNode.Parse(l)!.AsObject())];
    }

    /// <summary>Accounts of a run's works.</summary>
    public static JsonObject[] Works(string folder) => Rows(folder, "distribution.jsonl");

    /// <summary>Whether every piece sent has one end, and every piece of work one first answer.</summary>
    public static bool AddsUp(string folder) => Works(folder).All(a =>
    {
        int Count(string name) => (int)a[name]!;
        return Count("sent") == Count("first") + Count("duplicates") + Count("failures") + Count("cancelled")
            && Count("pieces") == Count("first") + Count("here");
    });

    /// <summary>The sums of all accounts, in words.</summary>
    public static string Counts(string folder)
    {
        var works = Works(folder);
        int Sum(string count) => works.Sum(r => (int)r[count]!);
        return $"sent {Sum("sent")} = {Sum("first")} first + {Sum("duplicates")} duplicates + {Sum("failures")} failures + "
            + $"{Sum("cancelled")} cancelled; here {Sum("here")}";
    }

    public static string Seconds(double seconds) => seconds.ToString("F2", CultureInfo.InvariantCulture) + " s";

    public static double Timed(Action work)
    {
        var began = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}
