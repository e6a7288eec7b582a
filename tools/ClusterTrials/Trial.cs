using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>A folder for the runs of a trial, and what they have in common.</summary>
internal sealed class Trial : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("g2rl-trial-").FullName;
    private int runs;

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
            ["export-and-train", "--json", "--run", folder, "--set", "execution.threads=1", .. Job.SelectMany(j => new[] { "--set", j }),
                .. further.SelectMany(j => new[] { "--set", j })]), folder);
    }

    /// <summary>A worker of the trial.</summary>
    public Member Worker(string[] before, params string[] further) =>
        Member.Worker(before, ["--set", Members, .. further.SelectMany(f => new[] { "--set", f })]);

    /// <summary>What a run gave, as one hash: weights, moments, rollouts, metrics without times.</summary>
    public static string Essence(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var files = Directory.EnumerateFiles(folder, "*.safetensors", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Path.Combine(folder, "rollouts"), "*"));
        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(Path.GetRelativePath(folder, file)));
            hash.AppendData(File.ReadAllBytes(file));
        }
        foreach (var row in Rows(folder, "metrics.jsonl").Concat(Rows(folder, "evaluations.jsonl")))
        {
            foreach (var timed in row.Select(p => p.Key).Where(k => k.StartsWith("time/", StringComparison.Ordinal)
                || k.StartsWith("speed/", StringComparison.Ordinal) || k.EndsWith("_s", StringComparison.Ordinal)).ToArray())
                row.Remove(timed);
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(row.ToJsonString()));
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

    /// <summary>Whether every piece sent has one end, and every piece of work one first answer.</summary>
    public static bool AddsUp(string folder) => Rows(folder, "distribution.jsonl").All(a =>
    {
        int Count(string name) => (int)a[name]!;
        return Count("sent") == Count("first") + Count("duplicates") + Count("failures") + Count("cancelled")
            && Count("pieces") == Count("first") + Count("here");
    });

    public static void Say(string what, string value, bool isWell = true) =>
        Console.WriteLine($"| {what} | {value} | {(isWell ? "yes" : "**no**")} |");

    public static string Seconds(double seconds) => seconds.ToString("F2", CultureInfo.InvariantCulture) + " s";

    public static double Timed(Action work)
    {
        var began = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}
