using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cli.Watching;
using G2RL.Onnx.Cluster.Trainers;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Reports;
using G2RL.Onnx.Reports.Viewing;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>The main job.</summary>
internal static class ExportAndTrainCommand
{
    public static Command Create()
    {
        var (config, set, json) = (CommonOptions.Config(), CommonOptions.Set(), CommonOptions.Json());
        var run = new Option<string?>("--run")
        {
            Description = "Folder of the new run, which must be new, empty, or that of a run that "
            + "never did a step; by default runs/<utc>-<name>.",
            HelpName = "FOLDER"
        };
        var resume = new Option<string?>("--resume")
        {
            Description = "Goes on with an interrupted run in this folder, from its last "
            + "checkpoint, bit for bit as if it had never stopped. Its configuration is kept there; "
            + "with --set it may change where that leaves the steps that are done as they were: "
            + "more steps, a larger sampling.maxPromptTokens, evaluation, logging, checkpoints, threads.",
            HelpName = "FOLDER"
        };
        var dryRun = new Option<bool>("--dry-run")
        {
            Description = "Prints the resolved configuration and the memory plan, and stops. Writes nothing.",
        };
        var watch = ReportCommand.Serving("--watch", "Serves the report's page while the run goes on");
        var command = new Command("export-and-train", """
            Writes a model's graphs, trains it with verifiable rewards, evaluates it before and after on held-out problems, and exports the
            better checkpoint.

            A run's folder holds config.json, metrics.jsonl, evaluations.jsonl, rollouts/, checkpoints/, artifacts/ (the graphs), model/
            (the result) and report.html; with adapter.type=lora also adapter/ (in PEFT's layout), while model/ has it merged. Ctrl-C and
            SIGTERM save and exit with 130; a killed run loses at most training.checkpointEvery steps. Settings and their defaults:
            --dry-run.

              g2rl export-and-train --config docs/recipes/adder-122.json --set seed=1
              g2rl export-and-train --resume runs/20260101-120000-run --watch
            """)
        {
            config,
            set,
            CommonOptions.AllowUnknownConfig,
            run,
            resume,
            dryRun,
            watch,
            json,
        };
        command.SetAction(parsed =>
        {
            var (folder, asJson) = (parsed.GetValue(resume), parsed.GetValue(json));
            int? port = parsed.GetResult(watch) is null ? null : parsed.GetValue(watch) ?? 0;
            if (folder is not null && parsed.GetValue(run) is not null)
                throw new InputException("--run starts a run and --resume goes on with one; give one of them.");
            if (folder is null)
            {
                var resolved = CommonOptions.Load(parsed, config, set);
                return parsed.GetValue(dryRun)
                    ? DryRun(resolved, asJson)
                    : Train(resolved, c => RunDirectory.Create(c, TimeProvider.System, parsed.GetValue(run)), asJson, port);
            }
            var own = RunDirectory.ConfigOf(folder);
            // Overrides alone are overrides of the run's own configuration.
            var asked = RunConfigFile.Load(parsed.GetValue(config) ?? own, parsed.GetValue(set));
            if (parsed.GetValue(dryRun))
                return DryRun(asked, asJson);
            using var directory = RunDirectory.Resume(folder, asked);
            return Train(directory.Config, _ => directory, asJson, port);
        });
        return command;
    }

    private static int DryRun(RunConfig config, bool json)
    {
        void Warn(string warning) => Console.Error.WriteLine($"warning: {warning}");
        if (DryRunWithoutWeights.Applies(config))
            return DryRunWithoutWeights.Show(config, json, Warn);
        config = MemoryFit.Resolved(config);
        if (config.Execution.Lead != ExecutionConfig.Cpu)
            return DryRunOfDevice(config, json, Warn);
        using var backend = Backends.Open(config with { Distribution = new() }, Warn);
        using var trainer = new Trainer(config, events: new() { Warning = Warn }, backend: backend);
        var memory = new MemoryColumn(config.Execution.Lead, MemoryFit.Available, trainer.Memory);
        if (json)
        {
            Console.WriteLine(new JsonObject
            {
                ["configuration"] = JsonNode.Parse(RunConfigFile.ToJson(config)),
                ["memory_bytes"] = memory.Json(config),
                ["largest_microbatch_tokens"] = memory.Largest(config),
                ["parameters"] = trainer.Policy.ParameterCount,
                ["trainable_parameters"] = trainer.Policy.TrainableCount,
            }.ToJsonString());
            return 0;
        }
        Console.Write(RunConfigFile.ToJson(config));
        MemoryColumn.Print(config, memory);
        Console.WriteLine($"{Parameters(trainer.Policy)}; nothing was written.");
        return 0;
    }

    // The device need not be here: model, tokenizer and prompts are checked on the host, and the memory is reckoned.
    private static int DryRunOfDevice(RunConfig config, bool json, Action<string> warn)
    {
        DryRunWithoutWeights.Print(config, RunCheck.Inputs(config, warn), json);
        return 0;
    }

    private static string Parameters(Policy policy) => policy.TrainableCount == policy.ParameterCount
        ? $"{policy.ParameterCount:N0} parameters"
        : $"{policy.ParameterCount:N0} parameters, {policy.TrainableCount:N0} of them in training";

    /// <summary>Trains to the end, or until interrupted.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="open">Makes or opens its folder, once everything was checked, with the configuration whose numbers are settled.</param>
    /// <param name="json">Whether rows are printed.</param>
    /// <param name="watch">Port of the page that shows the run meanwhile, 0 for a free one; null for no page.</param>
    /// <param name="graphs">Folder of graphs that were written before; null writes them.</param>
    public static int Train(RunConfig config, Func<RunConfig, RunDirectory> open, bool json, int? watch, string? graphs = null)
    {
        using var interruption = new Interruption();
        using var progress = new ProgressLine(json);
        using var telemetry = Telemetry.Start();
        var (view, started) = (new TrainingView(config, progress, json), Stopwatch.GetTimestamp());
        config = MemoryFit.Resolved(config);
        // Model, tokenizer and problems are checked before a folder is made.
        using var backend = Backends.Open(config, progress.Warning, interruption.Token);
        using var trainer = new Trainer(config, events: view.Events, backend: backend);
        using var run = open(config);
        if (backend is ClusterBackend cluster)
            cluster.LogFile = Path.Combine(run.Folder, "distribution.jsonl");
        using var page = Page(run, watch);
        var (artifacts, model) = (Path.Combine(run.Folder, "artifacts"), Path.Combine(run.Folder, "model"));
        try
        {
            if (!Directory.Exists(artifacts) && graphs is not null)
                GraphArtifacts.Take(graphs, artifacts, trainer.Policy, config);
            else if (!Directory.Exists(artifacts))
                GraphArtifacts.Write(artifacts, trainer.Policy, config, progress.Warning);
        }
        catch
        {
            run.Abandon();
            throw;
        }
        view.Show(
            new()
            {
                ["run"] = run.Folder,
                ["watch"] = page?.Address,
                ["algorithm"] = config.Algorithm.Name,
                ["problems"] = trainer.Problems.Name,
                ["parameters"] = trainer.Policy.ParameterCount,
                ["seed"] = config.Seed,
            },
            $"{run.Folder}: {config.Algorithm.Name} on {trainer.Problems.Name}, {Parameters(trainer.Policy)}, {config.Steps} steps of "
                + $"{config.Sampling.PromptsPerStep} x {config.Sampling.GroupSize} rollouts, seed {config.Seed}");
        if (page is not null)
            view.Show([], $"watch   {page.Address}");
        var result = trainer.Run(run, interruption.Token);
        if (!result.Completed)
        {
            Report(run, progress);
            progress.Warning($"interrupted after {result.Steps} steps; go on with: g2rl export-and-train --resume {run.Folder}");
            return Failures.Interrupted;
        }
        var complete = !view.Worked && Directory.Exists(model);
        // Steps were done: one that is there is of a state before them.
        if (view.Worked && Directory.Exists(model))
            Directory.Delete(model, recursive: true);
        if (!Directory.Exists(model))
            trainer.Export(model);
        var adapter = Path.Combine(run.Folder, "adapter");
        if (config.Adapter.Type != AdapterKind.None && !Directory.Exists(adapter))
            trainer.ExportAdapter(adapter);
        var report = Report(run, progress);
        if (complete && !json)
            progress.Line("This run was complete; nothing was left to do.");
        Show(result, run, model, artifacts, report, view, json, started);
        return 0;
    }

    private static PageServer? Page(RunDirectory run, int? port)
    {
        try
        {
            return port is { } wanted ? PageServer.Start(new RunPage(run.Folder), wanted) : null;
        }
        catch (InputException)
        {
            run.Abandon();
            throw;
        }
    }

    private static void Show(
        EvaluatedResult result,
        RunDirectory run,
        string model,
        string artifacts,
        string? report,
        TrainingView view,
        bool json,
        long started)
    {
        var row = new JsonObject
        {
            ["run"] = run.Folder,
            ["completed"] = true,
            ["model"] = model,
            ["artifacts"] = artifacts,
            ["report"] = report,
        };
        var lines = new List<string>();
        if (result is { Before: { } before, After: { } after })
        {
            (row["pass@1_before"], row["pass@1_after"]) = (before.PassAt1.Mean, after.PassAt1.Mean);
            lines.Add($"pass@1 {before.PassAt1.Mean:P1} -> {after.PassAt1.Mean:P1} "
                + $"({100 * (after.PassAt1.Mean - before.PassAt1.Mean):+0.0;-0.0;0.0} points), on well-formed answers "
                + $"{before.PassAt1WellFormed:P1} -> {after.PassAt1WellFormed:P1}");
        }
        lines.Add($"{ProgressLine.Span(Stopwatch.GetElapsedTime(started))}, peak memory "
            + $"{Process.GetCurrentProcess().PeakWorkingSet64 / 1048576.0:0} MiB");
        lines.Add($"model   {model}");
        if (Path.Combine(run.Folder, "adapter") is var adapter && Directory.Exists(adapter))
        {
            row["adapter"] = adapter;
            lines.Add($"adapter {adapter}");
        }
        lines.Add($"graphs  {artifacts}");
        if (report is not null)
            lines.Add($"report  {report}");
        if (json)
            view.Show(row, "");
        else
            foreach (var line in lines)
                view.Show([], line);
    }

    // Derived from the logs at any time by g2rl report, so no run fails for it.
    private static string? Report(RunDirectory run, ProgressLine progress)
    {
        try
        {
            return HtmlReport.Write(run.Folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InputException)
        {
            progress.Warning($"no report: {e.Message} Write it later with: g2rl report {run.Folder}");
            return null;
        }
    }
}
