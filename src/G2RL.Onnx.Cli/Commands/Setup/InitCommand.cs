using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Experiments.Setup;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands.Setup;

/// <summary>A configuration for a user's own model and data.</summary>
internal static class InitCommand
{
    public static Command Create()
    {
        var json = CommonOptions.Json();
        var model = new Option<string?>("--model") { Description = "Hugging Face folder of the model.", HelpName = "FOLDER" };
        var data = new Option<string?>("--data")
        {
            Description = "Problems with answers: JSON Lines, JSON, CSV or Parquet; without it the generated arithmetic.",
            HelpName = "FILE",
        };
        var heldOut = new Option<string?>("--held-out")
        {
            Description = "Problems to evaluate on; without it a tenth of the others is held out.",
            HelpName = "FILE",
        };
        var output = new Option<string>("--output")
        {
            Description = "The configuration to be written; must not exist.",
            HelpName = "FILE",
            DefaultValueFactory = _ => "g2rl.json",
        };
        var algorithm = new Option<string?>("--algorithm") { Description = "g2rl, grpo, ... (default g2rl).", HelpName = "NAME" };
        var chat = new Option<bool?>("--chat")
        {
            Description = "Whether prompts go through the chat template; without it they do where the model has one.",
        };
        var steps = new Option<int?>("--steps") { Description = "Steps (default 100).", HelpName = "N" };
        var tokens = new Option<int?>("--max-new-tokens") { Description = "Longest response, tokens.", HelpName = "N" };
        var rate = new Option<double?>("--learning-rate") { Description = "Peak learning rate.", HelpName = "X" };
        var force = new Option<bool>("--force") { Description = "Writes over a configuration that is there." };
        var command = new Command("init", """
            Looks into a model and a file of problems and writes a commented configuration for them; then reads it back, opens everything
            that it names and tells the memory that a run would take. On a terminal it asks for what no option says.

              g2rl init --model models/arithmetic-base --data problems.jsonl
              g2rl init
              g2rl export-and-train --config g2rl.json
            """)
        {
            model, data, heldOut, output, algorithm, chat, steps, tokens, rate, force, json,
        };
        command.SetAction(parsed =>
        {
            var target = parsed.GetValue(output)!;
            if (Directory.Exists(target) || (File.Exists(target) && !parsed.GetValue(force)))
                throw new InputException($"{target} exists. Choose another --output, or give --force to write over it.");
            var asks = parsed.GetValue(model) is null && !Console.IsInputRedirected && !parsed.GetValue(json);
            var setup = new RunSetup(new()
            {
                Model = parsed.GetValue(model) ?? (asks ? Ask("Folder of the model", "models/arithmetic-base") : "models/arithmetic-base"),
                Data = parsed.GetValue(data) ?? (asks ? Empty(Ask("File of problems (empty for generated arithmetic)", "")) : null),
                HeldOut = parsed.GetValue(heldOut),
                Algorithm = parsed.GetValue(algorithm) ?? (asks ? Ask("Algorithm", "g2rl") : "g2rl"),
                Chat = parsed.GetValue(chat),
                Steps = parsed.GetValue(steps) ?? (asks ? Number(Ask("Steps", "100")) : 100),
                MaxNewTokens = parsed.GetValue(tokens),
                LearningRate = parsed.GetValue(rate),
            });
            Write(target, setup.Write());
            var (bytes, parameters) = Prove(target);
            if (parsed.GetValue(json))
                Console.WriteLine(new JsonObject
                {
                    ["config"] = target,
                    ["findings"] = new JsonArray([.. setup.Findings().Select(f => JsonValue.Create(f))]),
                    ["memory_bytes"] = bytes,
                    ["parameters"] = parameters,
                }.ToJsonString());
            else
            {
                foreach (var finding in setup.Findings())
                    Console.WriteLine(finding);
                Console.WriteLine($"{target} is written and was tried: everything that it names opens; a run takes about "
                    + $"{bytes / 1048576.0:0} MiB of memory.");
                Console.WriteLine($"next: g2rl export-and-train --config {target}");
            }
            return 0;
        });
        return command;
    }

    // What was written is read, checked and opened as a run would; where that fails the file stays, with what is wrong told.
    private static (long Bytes, long Parameters) Prove(string file)
    {
        using var trainer = new Trainer(
            RunConfigFile.Load(file),
            events: new() { Warning = word => Console.Error.WriteLine($"warning: {word}") });
        return (trainer.Memory().Total, trainer.Policy.ParameterCount);
    }

    private static void Write(string file, string text)
    {
        try
        {
            if (Path.GetDirectoryName(file) is { Length: > 0 } folder)
                Directory.CreateDirectory(folder);
            File.WriteAllText(file, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{file} cannot be written: {e.Message} Choose another --output.", e);
        }
    }

    private static string Ask(string what, string preset)
    {
        Console.Write(preset.Length > 0 ? $"{what} [{preset}]: " : $"{what}: ");
        return Console.ReadLine()?.Trim() is { Length: > 0 } answer ? answer : preset;
    }

    private static string? Empty(string text) => text.Length == 0 ? null : text;

    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw new InputException($"The number of steps is '{text}'; it must be a whole number, such as 100.");
}
