using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>A base model from scratch, or any model taught by a user's own examples.</summary>
internal static class PretrainCommand
{
    public static Command Create()
    {
        var config = new Option<string?>("--config")
        {
            Description = "The recipe (JSON); docs/recipes/arithmetic-base.json made "
            + "models/arithmetic-base, docs/recipes/countdown-base.json models/countdown-base. One with data fine-tunes.",
            HelpName = "FILE"
        };
        var model = new Option<string?>("--model")
        {
            Description = "Fine-tuning starts from this: a Hugging Face folder, a run, or a checkpoint of one.",
            HelpName = "FOLDER",
        };
        var data = new Option<string?>("--data")
        {
            Description = "Examples to fine-tune on: JSON Lines (or JSON, CSV, Parquet) with a prompt and a response, or with messages.",
            HelpName = "FILE",
        };
        var heldOut = new Option<string?>("--held-out")
        {
            Description = "Examples to measure on; without it a tenth of the others.",
            HelpName = "FILE",
        };
        var set = new Option<string[]>("--set")
        {
            Description = "Overrides a setting of a fine-tuning, for example --set epochs=2 or --set data.chat=true. May be repeated.",
            HelpName = "NAME=VALUE",
            DefaultValueFactory = _ => [],
        };
        var output = new Option<string>("--output")
        {
            Description = "Folder of the new model; must not exist.",
            HelpName = "FOLDER",
            Required = true,
        };
        var threads = CommonOptions.Threads();
        var resume = new Option<bool>("--resume")
        {
            Description = "Goes on with an interrupted training of the same recipe and output.",
        };
        var json = CommonOptions.Json();
        var command = new Command("pretrain", """
            Trains a small base model from scratch by next-token prediction on problems with their solutions, or fine-tunes any model on
            examples of your own (SFT): the loss is on the responses alone, and what is held out is measured after every epoch.

            Ctrl-C and SIGTERM save and exit with 130; the work so far is kept in OUTPUT.pretraining until the model is written.

              g2rl pretrain --config docs/recipes/arithmetic-base.json --output models/mine

            First taught, then trained with rewards:
              g2rl pretrain --model Qwen3-0.6B --data examples.jsonl --output taught
              g2rl export-and-train --set model=taught --set problems.set=jsonl --set problems.settings.train=problems.jsonl

            With adapters (LoRA) in place of all weights; the run goes on with the same ones:
              g2rl pretrain --model Qwen3-0.6B --data examples.jsonl --output taught --set adapter.type=lora --set learningRate=2e-4
              g2rl export-and-train --set model=Qwen3-0.6B --set adapter.type=lora --set adapter.path=taught/adapter ...

            Settings of a fine-tuning: model, data.train, data.heldOut, data.heldOutFraction, data.promptField, data.responseField,
            data.chat, data.system, data.lastTurnOnly, data.skipTooLong, epochs, examplesPerStep, learningRate, warmupSteps, weightDecay,
            maxTokens, tokensPerMicrobatch, seed, and adapter.* as in a run. docs/fine-tuning.md has the whole of it.
            """)
        {
            config,
            model,
            data,
            heldOut,
            set,
            output,
            threads,
            resume,
            json,
        };
        command.SetAction(parsed =>
        {
            var (path, folder) = (parsed.GetValue(config), parsed.GetValue(output)!);
            string[] sets =
            [
                .. parsed.GetValue(model) is { } m ? new[] { $"model={JsonValue.Create(m).ToJsonString()}" } : [],
                .. parsed.GetValue(data) is { } d ? new[] { $"data.train={JsonValue.Create(d).ToJsonString()}" } : [],
                .. parsed.GetValue(heldOut) is { } h ? new[] { $"data.heldOut={JsonValue.Create(h).ToJsonString()}" } : [],
                .. parsed.GetValue(set)!,
            ];
            using var training = new TrainingOutput(folder, parsed.GetValue(json));
            var count = CommonOptions.Threads(parsed, threads);
            return sets.Length > 0 || (path is not null && FineTuneConfig.Is(path))
                ? training.FineTune(FineTuneConfig.Load(path, sets), count, parsed.GetValue(resume))
                : training.Pretrain(path is null ? new() : PretrainConfig.Load(path), count, parsed.GetValue(resume));
        });
        return command;
    }
}
