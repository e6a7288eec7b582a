using System.Text.Json.Nodes;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>A run and a comparison give the bytes of one process, by one, two and three workers.</summary>
internal static class BytesTrials
{
    public static bool Run(string only)
    {
        var isWell = true;
        foreach (var algorithm in new[] { "g2rl", "grpo" })
            foreach (var features in new[] { "sampling", "scoring" })
                if ($"{algorithm} {features}".Contains(only, StringComparison.Ordinal))
                    isWell &= Train(algorithm, features);
        if ("compare".Contains(only, StringComparison.Ordinal))
            isWell &= Compare();
        return isWell;
    }

    private static bool Train(string algorithm, string features)
    {
        using var trial = new Trial
        {
            Job =
            [
                "steps=12", "sampling.promptsPerStep=6", "sampling.groupSize=8", "sampling.resampleRounds=2", "evaluation.problems=16",
                "evaluation.every=6", "training.gradientShards=4", "training.checkpointEvery=3", "logging.rolloutsEvery=1",
                $"algorithm.name={algorithm}", $"algorithm.features={features}",
            ],
        };
        var expected = trial.Alone();
        var isWell = true;
        for (var count = 1; count <= 3; count++)
        {
            var workers = Enumerable.Range(0, count).Select(_ => trial.Worker([])).ToArray();
            var (run, folder) = trial.Spread(count);
            using (run)
                run.End();
            Array.ForEach(workers, w => w.Dispose());
            var same = Trial.Essence(folder) == expected;
            var everybody = Trial.Works(folder).SelectMany(r => r["shares"]!.AsArray()).Select(s => (string)s!["name"]!).Distinct().Count();
            isWell &= Findings.Say(
                $"12 steps, {algorithm}, features from {features}, {count} {(count == 1 ? "worker" : "workers")}",
                $"{(same ? "same bytes" : "OTHER BYTES")}; {Trial.Counts(folder)}",
                same && Trial.AddsUp(folder) && everybody == count);
        }
        return isWell;
    }

    private static bool Compare()
    {
        using var trial = new Trial { Job = [] };
        var alone = Runs(trial, 0);
        var isWell = true;
        for (var count = 1; count <= 3; count++)
        {
            var workers = Enumerable.Range(0, count).Select(_ => trial.Worker([])).ToArray();
            var shared = Runs(trial, count);
            Array.ForEach(workers, w => w.Dispose());
            isWell &= Findings.Say(
                $"compare of 4 runs, {count} {(count == 1 ? "worker" : "workers")}",
                alone.SequenceEqual(shared) ? "same bytes" : "OTHER BYTES",
                alone.Length == 4 && alone.SequenceEqual(shared));
        }
        return isWell;
    }

    // Essences of the runs of a comparison.
    private static string[] Runs(Trial trial, int workers)
    {
        var folder = trial.Folder($"compare-{workers}");
        Experiment.Run(trial, folder, seeds: 2, workers, steps: 12);
        return [.. Directory.EnumerateDirectories(folder, "seed-*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).Select(Trial.Essence)];
    }
}

/// <summary>A comparison of grpo and g2rl.</summary>
internal static class Experiment
{
    /// <summary>Runs it, on this process or over workers.</summary>
    public static void Run(Trial trial, string folder, int seeds, int workers, int steps, params string[] before)
    {
        var file = $"{folder}.json";
        File.WriteAllText(file, new JsonObject
        {
            ["name"] = "trial",
            ["run"] = new JsonObject
            {
                ["steps"] = steps,
                ["sampling"] = new JsonObject { ["promptsPerStep"] = 8, ["groupSize"] = 8, ["resampleRounds"] = 1 },
                ["evaluation"] = new JsonObject { ["problems"] = 32, ["samples"] = 4 },
                ["logging"] = new JsonObject { ["rolloutsEvery"] = 1 },
            },
            ["bases"] = new JsonArray(Named("arithmetic", "model", JsonValue.Create("models/arithmetic-base"))),
            ["arms"] = new JsonArray(
                Named("grpo", "algorithm", new JsonObject { ["name"] = "grpo" }),
                Named("g2rl", "algorithm", new JsonObject { ["name"] = "g2rl" })),
            ["baseline"] = "grpo",
            ["seeds"] = new JsonArray([.. Enumerable.Range(1, seeds).Select(s => (JsonNode)s)]),
        }.ToJsonString());
        string[] cluster = workers == 0 ? []
            : Trial.Sets([trial.Members, $"distribution.workers={workers}", "distribution.whenAlone=stop"]);
        using var run = Member.Start(
            before,
            ["compare", file, "--output", folder, "--json", .. cluster]);
        run.End();
    }

    private static JsonObject Named(string name, string setting, JsonNode value) =>
        new() { ["name"] = name, ["settings"] = new JsonObject { [setting] = value } };
}
