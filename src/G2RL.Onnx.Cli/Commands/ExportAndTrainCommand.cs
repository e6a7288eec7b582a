using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Reports;
using G2RL.Onnx.Training;
using Spectre.Console;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>The main job.</summary>
internal static class ExportAndTrainCommand
{
    public static Command Create()
    {
        var (config, set, json) = (CommonOptions.Config(), CommonOptions.Set(), CommonOptions.Json());
        var run = new Option<string?>("--run") { Description = "Folder of the new run; by default runs/<utc>-<name>.", HelpName = "FOLDER" };
        var resume = new Option<string?>("--resume") { Description = "Goes on with an interrupted run in this folder, from its last checkpoint.", HelpName = "FOLDER" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Prints the resolved configuration and the memory plan, and stops." };
        var command = new Command("export-and-train", "Writes a model's graphs, trains it with verifiable rewards, evaluates it before and after on held-out problems, and exports the better checkpoint.")
        {
            config, set, run, resume, dryRun, json,
        };
        command.SetAction(parsed =>
        {
            var folder = parsed.GetValue(resume);
            if (folder is not null && parsed.GetValue(run) is not null)
                throw new InputException("--run starts a run and --resume goes on with one; give one of them.");
            var given = parsed.GetValue(config) is not null || parsed.GetValue(set)!.Length > 0;
            var resolved = folder is null || given ? CommonOptions.Load(parsed, config, set) : null;
            if (parsed.GetValue(dryRun))
                return DryRun(resolved ?? RunConfigFile.Load(Path.Combine(folder!, "config.json")), parsed.GetValue(json));
            using var directory = folder is null ? RunDirectory.Create(resolved!, TimeProvider.System, parsed.GetValue(run)) : RunDirectory.Resume(folder, resolved);
            return Train(directory, parsed.GetValue(json));
        });
        return command;
    }

    private static int DryRun(RunConfig config, bool json)
    {
        using var trainer = new Trainer(config, events: new() { Warning = w => Console.Error.WriteLine($"warning: {w}") });
        var plan = trainer.MemoryPlan();
        if (json)
        {
            Console.WriteLine(new JsonObject
            {
                ["configuration"] = JsonNode.Parse(RunConfigFile.ToJson(config)),
                ["memory_bytes"] = new JsonObject(plan.Select(p => KeyValuePair.Create<string, JsonNode?>(p.Purpose, p.Bytes))),
                ["parameters"] = trainer.Policy.ParameterCount,
            }.ToJsonString());
            return 0;
        }
        Console.Write(RunConfigFile.ToJson(config));
        var table = new Table().AddColumn("memory").AddColumn(new TableColumn("MiB").RightAligned());
        foreach (var (purpose, bytes) in plan)
            table.AddRow(Markup.Escape(purpose), $"{bytes / 1048576.0:0.0}");
        table.AddRow("total", $"{plan.Sum(p => p.Bytes) / 1048576.0:0.0}");
        AnsiConsole.Write(table);
        Console.WriteLine($"{trainer.Policy.ParameterCount:N0} parameters; nothing was written.");
        return 0;
    }

    private static int Train(RunDirectory run, bool json)
    {
        using var interruption = new Interruption();
        using var progress = new ProgressLine(json);
        var (config, started, step) = (run.Config, Stopwatch.GetTimestamp(), 0);
        using var trainer = new Trainer(config, events: new()
        {
            Warning = progress.Warning,
            Progress = (phase, done, of) => progress.Show($"step {step + 1}/{config.Steps} {phase}", done, of, (step + (phase == "sample" ? 0.3 * done / of : 0)) / config.Steps),
            Step = m =>
            {
                step = m.Step + 1;
                if (json)
                    Console.WriteLine(m.ToJson().ToJsonString());
                else
                    progress.Line(Describe(m, config));
                progress.Show("step", step, config.Steps, (double)step / config.Steps);
            },
            Evaluation = e =>
            {
                if (json)
                    Console.WriteLine(e.ToJson().ToJsonString());
                else
                    progress.Line(Describe(e));
            },
        });
        var artifacts = Path.Combine(run.Folder, "artifacts");
        if (!Directory.Exists(artifacts))
            GraphArtifacts.Write(artifacts, trainer.Policy.Spec, config);
        if (!json)
            progress.Line($"{run.Folder}: {config.Algorithm.Name} on {trainer.Problems.Name}, {trainer.Policy.ParameterCount:N0} parameters, {config.Steps} steps of {config.Sampling.PromptsPerStep} x {config.Sampling.GroupSize} rollouts, seed {config.Seed}");
        var result = trainer.Run(run, interruption.Token);
        if (!result.Completed)
        {
            HtmlReport.Write(run.Folder);
            progress.Warning($"interrupted after step {result.Steps}; go on with: g2rl export-and-train --resume {run.Folder}");
            return Failures.Interrupted;
        }
        var model = Path.Combine(run.Folder, "model");
        if (!Directory.Exists(model))
            trainer.Export(model);
        HtmlReport.Write(run.Folder);
        if (!json)
        {
            if (result.Before is { } before && result.After is { } after)
                progress.Line($"pass@1 {before.PassAt1.Mean:P1} -> {after.PassAt1.Mean:P1} ({100 * (after.PassAt1.Mean - before.PassAt1.Mean):+0.0;-0.0} points), on well-formed answers {before.PassAt1WellFormed:P1} -> {after.PassAt1WellFormed:P1}");
            progress.Line($"{ProgressLine.Span(Stopwatch.GetElapsedTime(started))}, peak memory {Process.GetCurrentProcess().PeakWorkingSet64 / 1048576.0:0} MiB");
            progress.Line($"model   {model}");
            progress.Line($"graphs  {artifacts}");
            progress.Line($"report  {Path.Combine(run.Folder, "report.html")}");
        }
        return 0;
    }

    private static string Describe(StepMetrics m, RunConfig config)
    {
        string Value(string name, string label, string format) => m.Values.TryGetValue(name, out var v) ? $"  {label} {v.ToString(format)}" : "";
        return $"step {m.Step + 1,4}/{config.Steps}" + Value("reward/right_share", "right", "P1") + Value("g2rl/nu_mean", "nu", "0.000") + Value("policy/kl_nats", "kl", "0.0000")
            + Value("policy/entropy_nats", "entropy", "0.000") + Value("policy/clip_share", "clip", "P1") + Value("response/length_mean", "length", "0.0") + Value("speed/sample_tokens_per_s", "tokens/s", "0") + Value("time/step_s", "s", "0.00");
    }

    private static string Describe(EvaluationResult e) =>
        $"evaluation after {e.Step} steps: pass@1 {e.PassAt1.Mean:P1} [{e.PassAt1.Low:P1}, {e.PassAt1.High:P1}], pass@{e.Samples} {e.PassAtN:P1}, maj@{e.Samples} {e.MajorityAtN:P1}, well-formed {e.WellFormed:P1}, {e.Problems} problems x {e.Samples} samples, {e.Seconds:0.0} s";
}
