using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Experiments.Runs;
using Spectre.Console;

namespace G2RL.Onnx.Cli.Commands.Runs;

/// <summary>The runs on this disk.</summary>
internal static class RunsCommand
{
    public static Command Create()
    {
        var (root, json) = (Root(), CommonOptions.Json());
        var command = new Command("runs", """
            The runs on this disk: how far each is, how they compare, what they take, and what may go.

              g2rl runs
              g2rl runs compare runs/20260101-120000-run runs/20260101-130000-run
              g2rl runs disk
              g2rl runs prune --artifacts
            """)
        {
            root,
            json,
            List(),
            CompareRuns.Create(),
            Disk(),
            PruneRuns.Create(),
        };
        command.SetAction(parsed => Show(parsed.GetValue(root)!, parsed.GetValue(json)));
        return command;
    }

    internal static Option<string> Root() => new("--output")
    {
        Description = "Folder with the runs (the setting output).",
        HelpName = "FOLDER",
        DefaultValueFactory = _ => "runs",
    };

    internal static IReadOnlyList<RunFacts> Read(string root) =>
        RunFacts.Below(root, word => Console.Error.WriteLine($"warning: {word}"));

    internal static string Share(Evaluation.Interval? share) => share is { } s ? $"{s.Mean:P1} [{s.Low:P1}, {s.High:P1}]" : "";

    internal static string Size(long bytes) => bytes >= 1L << 30 ? $"{bytes / (double)(1L << 30):0.0} GiB" : $"{bytes / 1048576.0:0.0} MiB";

    internal static void Write(Table table)
    {
        // Beside a terminal nothing is cut to a width.
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
            console.Profile.Width = 400;
        console.Write(table);
    }

    private static Command List()
    {
        var (root, json) = (Root(), CommonOptions.Json());
        var command = new Command("list", "Lists the runs, oldest first; the same as g2rl runs.") { root, json };
        command.SetAction(parsed => Show(parsed.GetValue(root)!, parsed.GetValue(json)));
        return command;
    }

    private static int Show(string root, bool json)
    {
        // A narrow terminal has room for a few of them, unbroken; --json has all.
        var width = Console.IsOutputRedirected ? int.MaxValue : AnsiConsole.Profile.Width;
        int[] shown = width >= 120 ? [0, 1, 2, 3, 4, 5, 6, 7, 8] : width >= 76 ? [0, 1, 2, 3, 7, 8] : [0, 1, 2, 8];
        string Told(Evaluation.Interval? share) => width >= 120 ? Share(share) : share is { } s ? $"{s.Mean:P1}" : "";
        string[] names =
            ["run", "state", "steps", "algorithm", "problems", "model", "seed", "pass@1 before", width < 76 ? "pass@1" : "after"];
        var table = new Table().AddColumns([.. shown.Select(i => names[i])]);
        var runs = Read(root);
        foreach (var run in runs)
            if (json)
                Console.WriteLine(ToJson(run).ToJsonString());
            else
            {
                string[] values =
                [
                    run.Name, RunsCommand.Told(run.State), $"{run.Done}/{run.Planned}", run.Setting("algorithm.name"),
                    run.Setting("problems.set"), run.Setting("model"), run.Setting("seed"), Told(run.Before), Told(run.After),
                ];
                table.AddRow([.. shown.Select(i => Markup.Escape(values[i]))]);
            }
        if (!json && runs.Count > 0)
            Write(table);
        else if (!json)
            Console.WriteLine($"{root} holds no run; g2rl export-and-train makes one.");
        return 0;
    }

    internal static string Told(RunState state) => state switch
    {
        RunState.AtWork => "at work",
        RunState.Unbegun => "not begun",
        RunState.Interrupted => "interrupted",
        _ => "complete",
    };

    internal static JsonObject ToJson(RunFacts run) => new()
    {
        ["run"] = run.Folder,
        ["state"] = Told(run.State),
        ["steps"] = run.Done,
        ["planned_steps"] = run.Planned,
        ["algorithm"] = run.Setting("algorithm.name"),
        ["problems"] = run.Setting("problems.set"),
        ["model"] = run.Setting("model"),
        ["seed"] = run.Settings["seed"]?.DeepClone(),
        ["begun"] = run.Begun.ToString("O"),
        ["pass@1_before"] = run.Before?.Mean,
        ["pass@1_after"] = run.After?.Mean,
        ["bytes"] = run.TotalBytes,
    };

    private static Command Disk()
    {
        var (root, json) = (Root(), CommonOptions.Json());
        var command = new Command("disk", "Tells what each run takes on the disk, by part.") { root, json };
        command.SetAction(parsed =>
        {
            var runs = Read(parsed.GetValue(root)!);
            if (parsed.GetValue(json))
            {
                foreach (var run in runs)
                    Console.WriteLine(new JsonObject
                    {
                        ["run"] = run.Folder,
                        ["bytes"] = run.TotalBytes,
                        ["parts"] = new JsonObject(run.Bytes.Select(b => KeyValuePair.Create<string, JsonNode?>(b.Key, b.Value))),
                    }.ToJsonString());
                return 0;
            }
            if (runs.Count == 0)
                return Show(parsed.GetValue(root)!, json: false);
            var table = new Table().AddColumn("run");
            foreach (var part in runs[0].Bytes.Keys.Append("all"))
                table.AddColumn(new TableColumn(part).RightAligned());
            foreach (var run in runs)
                table.AddRow([Markup.Escape(run.Name), .. run.Bytes.Values.Append(run.TotalBytes).Select(Size)]);
            table.AddRow(["all", .. runs[0].Bytes.Keys.Select(p => Size(runs.Sum(r => r.Bytes[p]))), Size(runs.Sum(r => r.TotalBytes))]);
            Write(table);
            return 0;
        });
        return command;
    }
}
