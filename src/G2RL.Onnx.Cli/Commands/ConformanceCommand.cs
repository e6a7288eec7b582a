using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Conformance;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>Our numbers against golden ones.</summary>
internal static class ConformanceCommand
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("path")
        {
            Description = "Golden files (*.json with \"cases\"), model folders with golden.json, or folders of them.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var strict = new Option<bool>("--strict") { Description = "Unsupported cases count as failures." };
        var tokenizer = new Option<string?>("--tokenizer")
        {
            Description = "Folder of a tokenizer: *.jsonl files of {\"text\", \"ids\"} are cases, too.",
            HelpName = "FOLDER",
        };
        var json = CommonOptions.Json();
        var command = new Command("conformance", """
            Computes golden cases (losses, gradients, advantages, divergences, corrections, models) through the code and graphs that
            training uses, and compares. Exits with 1 when a case fails, with 2 when a file cannot be read; unsupported kinds are named and
            counted.

              g2rl conformance golden models
            """)
        {
            paths,
            strict,
            tokenizer,
            json,
        };
        command.SetAction(parsed =>
        {
            var given = parsed.GetValue(paths)!;
            if (given.Length == 0)
                throw new InputException("There is nothing to run: give golden files, model folders, or folders of them.");
            using var interruption = new Interruption();
            var asJson = parsed.GetValue(json);
            if (!asJson)
                Console.WriteLine($"{"file",-44} {"cases",5} {"passed",6} {"failed",6} {"unsup.",6} {"largest error",13}  slowest");
            var report = ConformanceRun.Run(
                given,
                parsed.GetValue(tokenizer) is { } folder ? Tokenizer.Load(folder) : null,
                file => Show(file, asJson),
                interruption.Token);
            Summarize(report, asJson);
            return report.IsGreen(parsed.GetValue(strict)) ? 0 : Failures.Failed;
        });
        return command;
    }

    private static void Show(FileResult file, bool json)
    {
        if (json)
        {
            Console.WriteLine(file.ToJson().ToJsonString());
            return;
        }
        var name = file.Path.Length <= 44 ? file.Path : "..." + file.Path[^41..];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-44} {file.Cases.Count,5} {file.Passed,6} {file.Failed,6} "
            + $"{file.Unsupported,6} {file.Error,13:0.00e+00}  {file.Slowest?.Seconds ?? 0:0.00} s {file.Slowest?.Id}"));
        foreach (var failed in file.Cases.Where(c => c.Supported && !c.Passed))
            Console.WriteLine($"  FAILED {failed.Id} ({failed.Kind}): {failed.Fault}");
        foreach (var kind in file.Cases.Where(c => !c.Supported).GroupBy(c => c.Kind))
            Console.WriteLine($"  unsupported: {kind.Key} ({kind.Count()})");
    }

    private static void Summarize(ConformanceReport report, bool json)
    {
        var (cases, passed, failed, unsupported) = (report.Files.Sum(f => f.Cases.Count), report.Files.Sum(f => f.Passed),
            report.Files.Sum(f => f.Failed), report.Files.Sum(f => f.Unsupported));
        if (json)
        {
            Console.WriteLine(new JsonObject
            {
                ["cases"] = cases,
                ["passed"] = passed,
                ["failed"] = failed,
                ["unsupported"] = unsupported,
                ["not_cases"] = new JsonArray([.. report.NotCases.Select(n => (JsonNode)n)]),
            }.ToJsonString());
            return;
        }
        foreach (var path in report.NotCases)
            Console.WriteLine($"not cases: {path}");
        Console.WriteLine($"{cases} cases: {passed} passed, {failed} failed, {unsupported} unsupported.");
    }
}
