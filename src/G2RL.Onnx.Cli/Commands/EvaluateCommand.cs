using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Reports;
using Spectre.Console;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>pass@k of a model, or of completions made elsewhere.</summary>
internal static class EvaluateCommand
{
    private const string Samples = "samples.jsonl";

    // A number a problem, which the report compares; nothing to read on a terminal.
    private const string ByProblem = "pass@1_by_problem";

    public static Command Create()
    {
        var (config, set, json) = (CommonOptions.Config(), CommonOptions.Set(), CommonOptions.Json());
        var model = new Option<string?>("--model")
        {
            Description = "Hugging Face folder; the configuration's model by default.",
            HelpName = "FOLDER",
        };
        var adapter = CommonOptions.Adapter();
        var benchmark = new Option<string[]>("--benchmark")
        {
            Description = "A benchmark and its file, for example --benchmark math500=data/math500.jsonl. May be repeated; "
                + "takes the place of evaluation.benchmarks.",
            HelpName = "NAME=FILE",
            DefaultValueFactory = _ => [],
        };
        var output = new Option<string?>("--output")
        {
            Description =
                "Folder for samples.jsonl (written while sampling; the same command goes on after a kill), results.jsonl and report.html.",
            HelpName = "FOLDER",
        };
        var to = new Option<string?>("--samples-to")
        {
            Description = "Writes the completions to this file; with --output that is FOLDER/samples.jsonl.",
            HelpName = "FILE",
        };
        var from = new Option<string?>("--samples-from")
        {
            Description = "Grades completions made elsewhere; needs no model.",
            HelpName = "FILE",
        };
        var command = new Command("evaluate", """
            Samples a model on held-out problems and gives pass@1 (the mean over the samples, avg@n) with its 95 % interval over problems,
            pass@n, maj@n (n: evaluation.samples; equal answers are one vote) and the shares of unparseable and truncated answers.

            Several benchmarks are one table. Greedy: --set evaluation.greedy=true. Several times over: --set evaluation.repeats=3.

              g2rl evaluate --model runs/20260101-120000-run/model --set evaluation.problems=200
              g2rl evaluate --adapter runs/20260101-120000-run/adapter
              g2rl evaluate --model models/mine --benchmark math500=data/math500.jsonl --benchmark aime24=data/aime24.jsonl --output
              runs/evaluation
              g2rl evaluate --config docs/recipes/paper-evaluation.json --model models/mine --output runs/paper
              g2rl evaluate --benchmark gsm8k=data/gsm8k_test.jsonl --samples-from completions.jsonl
            """)
        {
            model,
            adapter,
            config,
            set,
            CommonOptions.AllowUnknownConfig,
            benchmark,
            output,
            to,
            from,
            json,
        };
        command.SetAction(parsed =>
        {
            var resolved = CommonOptions.Load(parsed, config, set);
            using var source = new ModelSource(parsed.GetValue(model) ?? resolved.Model);
            resolved = resolved with { Model = source.Folder };
            if (parsed.GetValue(adapter) is { } peft)
                resolved = resolved with { Adapter = new() { Type = AdapterKind.Lora, Base = resolved.Adapter.Base, Path = peft } };
            if (parsed.GetValue(benchmark) is { Length: > 0 } named)
                resolved = resolved with { Evaluation = resolved.Evaluation with { Benchmarks = [.. named.Select(Benchmark)] } };
            if (RunConfigRules.Faults(resolved) is { Count: > 0 } faults)
                throw InputException.Of([.. faults]);
            var (asJson, into) = (parsed.GetValue(json), parsed.GetValue(output));
            using var interruption = new Interruption();
            using var progress = new ProgressLine(asJson);
            using var telemetry = Telemetry.Start();
            void Judging(int done, int of) => progress.Show("problems judged", done, of, (double)done / of);
            IReadOnlyList<(string Name, EvaluationResult Result)> results;
            if (parsed.GetValue(from) is { } made)
            {
                if (parsed.GetValue(to) is not null)
                    throw new InputException("--samples-from grades completions that are there, and --samples-to writes new ones; "
                        + "give one of them.");
                results = Evaluator.Grade(resolved, made, progress.Warning, Judging);
            }
            else
            {
                using var backend = Backends.Open(resolved, progress.Warning, interruption.Token);
                results = Evaluator.RunAll(
                    resolved,
                    parsed.GetValue(to) ?? (into is null ? null : Path.Combine(into, Samples)),
                    (done, of) => progress.Show("samples", done, of, (double)done / of),
                    progress.Warning,
                    backend,
                    Judging,
                    interruption.Token);
            }
            var own = resolved.Evaluation.Benchmarks.Count == 0;
            if (into is not null)
                Write(into, parsed.GetValue(from) ?? resolved.Model, results);
            Show(results, own, asJson, progress);
            if (into is not null && !asJson)
                progress.Line($"report  {Path.Combine(into, "report.html")}");
            return 0;
        });
        return command;
    }

    private static BenchmarkConfig Benchmark(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0 || equals == text.Length - 1)
            throw new InputException($"--benchmark {text}: write it as NAME=FILE, for example math500=data/math500.jsonl.");
        return new() { Set = text[..equals], Settings = JsonSerializer.SerializeToElement(new { heldOut = text[(equals + 1)..] }) };
    }

    private static void Write(string folder, string model, IReadOnlyList<(string Name, EvaluationResult Result)> results)
    {
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllLines(Path.Combine(folder, "results.jsonl"), results.Select(r => Row(r.Name, r.Result).ToJsonString()));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{folder} cannot be written: {e.Message}", e);
        }
        EvaluationPage.Write(Path.Combine(folder, "report.html"), model, results);
    }

    private static JsonObject Row(string name, EvaluationResult result)
    {
        var row = new JsonObject { ["benchmark"] = name };
        foreach (var (key, value) in result.ToJson())
            row[key] = value?.DeepClone();
        return row;
    }

    private static string Text(JsonNode? value) => value switch
    {
        JsonArray many => string.Join(", ", many.Select(Text)),
        JsonObject named => string.Join(", ", named.Select(p => $"{p.Key}: {Text(p.Value)}")),
        JsonValue number when number.TryGetValue<double>(out var d) => d.ToString("0.####", CultureInfo.InvariantCulture),
        _ => value?.ToJsonString() ?? "",
    };

    // The run's own held-out problems are shown as they always were: every number on a line. --json has all digits.
    private static void Show(IReadOnlyList<(string Name, EvaluationResult Result)> results, bool own, bool json, ProgressLine progress)
    {
        if (json)
        {
            foreach (var (name, result) in results)
                Console.WriteLine((own ? result.ToJson() : Row(name, result)).ToJsonString());
            return;
        }
        if (own)
        {
            var result = results[0].Result;
            foreach (var (name, value) in result.ToJson())
                if (name != ByProblem && (!result.SaysNothing || name is not ("pass@1_low" or "pass@1_high")))
                    progress.Line($"{name,-20} {Text(value)}");
            if (result.Doubt is { } doubt)
                progress.Line(doubt, Ansi.Bold);
            return;
        }
        var table = new Table();
        foreach (var name in EvaluationTable.Head)
            table.AddColumn(name);
        foreach (var (name, result) in results)
            table.AddRow([.. EvaluationTable.Row(name, result).Select(Markup.Escape)]);
        progress.Line("");
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        // Beside a terminal nothing is cut to a width.
        if (Console.IsOutputRedirected)
            console.Profile.Width = Math.Max(console.Profile.Width, 160);
        console.Write(table);
        foreach (var (name, result) in results)
            if (result.Doubt is { } doubt)
                progress.Line($"{name}: {doubt}", Ansi.Bold);
    }
}
