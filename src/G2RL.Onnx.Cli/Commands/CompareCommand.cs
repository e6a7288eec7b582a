using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cluster.Trainers;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Experiments;
using G2RL.Onnx.Reports.Comparisons;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>Arms x seeds.</summary>
internal static class CompareCommand
{
    private const int MostWorkers = 64;

    public static Command Create()
    {
        var file = new Argument<string>("experiment") { Description = "The experiment (JSON), for example docs/results/miniature.json." };
        var output = new Option<string?>("--output")
        {
            Description = "Folder of the experiment; runs/NAME by default. "
            + "Started again in the same folder it skips finished runs and goes on with the others.",
            HelpName = "FOLDER"
        };
        var parallel = new Option<int>("--parallel")
        {
            Description = "Runs side by side; 0 means as many as there are cores. Results do not depend on it.",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        };
        var pagesOnly = new Option<bool>("--pages-only")
        {
            Description = "Runs nothing: writes tables and pages of what is finished so far.",
        };
        var json = CommonOptions.Json();
        var set = new Option<string[]>("--set")
        {
            Description = "Spreads the runs over the workers of a cluster: --set distribution.membership=folder:/tmp/cluster and other "
                + "distribution.* settings. Trainer and workers then share the experiment's folder and the models under the same paths.",
            HelpName = "NAME=VALUE",
            DefaultValueFactory = _ => [],
        };
        var command = new Command("compare", """
            Trains every arm of an experiment with every seed, from the same base model each, and compares the arms: mean and interval over
            seeds, and the difference to the baseline seed by seed.

            The folder holds BASE/ARM/seed-N/ (run folders), results.jsonl, tables.md, charts/ and compare.html. Ctrl-C saves and exits with
            130; the same command goes on.

              g2rl compare docs/results/miniature.json
            """)
        {
            file,
            output,
            parallel,
            pagesOnly,
            set,
            json,
        };
        command.SetAction(parsed =>
        {
            var experiment = ExperimentFile.Load(parsed.GetValue(file)!);
            var folder = parsed.GetValue(output) ?? Path.Combine("runs", experiment.Name);
            if (parsed.GetValue(parallel) is < 0 or > 1024)
                throw new InputException($"--parallel is {parsed.GetValue(parallel)}; it must be 0 (every core) to 1024.");
            var asJson = parsed.GetValue(json);
            if (!parsed.GetValue(pagesOnly))
                return Run(experiment, folder, parsed.GetValue(parallel), Distribution(parsed.GetValue(set) ?? []), asJson);
            Show(ExperimentPages.Write(experiment, folder), asJson, completed: null);
            return 0;
        });
        return command;
    }

    private static RunConfig Distribution(string[] sets)
    {
        if (sets.FirstOrDefault(s => !s.StartsWith("distribution.", StringComparison.Ordinal)) is { } other)
            throw new InputException($"--set {other}: compare takes distribution.* alone; an experiment's settings stand in its file.");
        return RunConfigFile.Load(path: null, sets);
    }

    private static int Run(Experiment experiment, string folder, int parallel, RunConfig cluster, bool json)
    {
        using var interruption = new Interruption();
        var started = Stopwatch.GetTimestamp();
        var cores = Environment.ProcessorCount;
        var runs = experiment.Bases.Count * experiment.Arms.Count * experiment.Seeds.Count;
        var isShared = cluster.Distribution.Membership.Length > 0;
        // A lane only waits where workers train.
        var lanes = parallel == 0 ? Math.Min(isShared ? MostWorkers : cores, runs) : parallel;
        ExperimentOutcome outcome;
        using (var progress = new ProgressLine(json))
        {
            using var workers = isShared ? ClusterCells.Open(cluster, progress.Warning, interruption.Token) : null;
            var begun = false;
            outcome = ExperimentRun.Execute(experiment, folder, lanes, Math.Max(1, cores / lanes), new()
            {
                Warning = progress.Warning,
                Progress = (share, done, of) =>
                {
                    if (!begun)
                        progress.StartAt(share);
                    begun = true;
                    progress.Show("runs", done, of, share);
                },
                Logged = (cell, row) =>
                {
                    if (!json)
                        return;
                    var whole = new JsonObject { ["base"] = cell.Base, ["arm"] = cell.Arm, ["seed"] = cell.Seed };
                    foreach (var (name, value) in row)
                        whole[name] = value?.DeepClone();
                    Print(whole);
                },
                Finished = row =>
                {
                    if (json)
                        Print(new() { ["finished"] = row.DeepClone() });
                    else
                        progress.Line(Describe(row));
                },
            }, workers is null ? null : workers.Run, interruption.Token);
        }
        foreach (var (cell, why) in outcome.Failed)
            Console.Error.WriteLine($"{cell} diverged: {why}");
        Show(ExperimentPages.Write(experiment, folder), json, outcome.Completed && outcome.Failed.Count == 0);
        if (!json)
            Console.WriteLine($"{outcome.Rows.Count(r => r["seed"] is not null)} runs, {outcome.Skipped} of them finished before, "
                + $"{ProgressLine.Span(Stopwatch.GetElapsedTime(started))}, {lanes} side by side");
        if (!outcome.Completed)
        {
            Console.Error.WriteLine($"warning: interrupted; all is saved in {folder}; go on with the same command.");
            return Failures.Interrupted;
        }
        return outcome.Failed.Count == 0 ? 0 : Failures.Failed;
    }

    private static void Show(ExperimentPages pages, bool json, bool? completed)
    {
        if (!json)
        {
            Console.Write(pages.Tables);
            Console.WriteLine($"page    {pages.Page}");
            Console.WriteLine($"results {pages.Results}");
            return;
        }
        foreach (var row in pages.Rows)
            Print(row);
        Print(new() { ["completed"] = completed, ["results"] = pages.Results, ["page"] = pages.Page });
    }

    // A line is written as a whole whatever thread it comes from.
    private static void Print(JsonObject row) => Console.WriteLine(row.ToJsonString());

    private static string Describe(JsonObject row)
    {
        string Share(string name) => row[name] is { } value ? $"  {name} {(double)value:P1}" : "";
        var samples = row["samples"]!.ToJsonString();
        return $"{row["base"]} / "
            + $"{row["arm"]}{(row["seed"] is { } seed ? $" / seed {seed}" : "")}:{Share("pass@1")}{Share($"maj@{samples}")}"
                + $"{Share($"pass@{samples}")}"
                + (row["training_seconds"] is { } seconds ? $"  training {(double)seconds:0.0} s" : "")
            + $"  evaluation {(double)row["evaluation_seconds"]!:0.0} s";
    }
}
