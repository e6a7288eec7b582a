using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>A base model from scratch.</summary>
internal static class PretrainCommand
{
    public static Command Create()
    {
        var config = new Option<string?>("--config")
        {
            Description = "The recipe (JSON); docs/recipes/arithmetic-base.json made "
            + "models/arithmetic-base, docs/recipes/countdown-base.json models/countdown-base.",
            HelpName = "FILE"
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
            Description = "Goes on with an interrupted pretraining of the same recipe and output.",
        };
        var json = CommonOptions.Json();
        var command = new Command("pretrain", """
            Trains a small base model from scratch by next-token prediction on problems with their solutions, with the machinery of the main
            job.

            Ctrl-C and SIGTERM save and exit with 130; the work so far is kept in OUTPUT.pretraining until the model is written.

              g2rl pretrain --config docs/recipes/arithmetic-base.json --output models/mine
            """)
        {
            config,
            output,
            threads,
            resume,
            json,
        };
        command.SetAction(parsed =>
        {
            var recipe = parsed.GetValue(config) is { } path ? PretrainConfig.Load(path) : new PretrainConfig();
            var (folder, asJson) = (parsed.GetValue(output)!, parsed.GetValue(json));
            using var interruption = new Interruption();
            using var progress = new ProgressLine(asJson);
            try
            {
                Pretrainer.Run(recipe, folder, CommonOptions.Threads(parsed, threads), p =>
                {
                    if (asJson)
                        Console.WriteLine(new JsonObject { ["step"] = p.Step, ["loss_nats"] = p.Loss, ["tokens_per_s"] = p.TokensPerSecond }
                            .ToJsonString());
                    else if (p.Step % 100 == 0 || p.Step == recipe.Steps)
                        progress.Line($"step {p.Step}/{recipe.Steps}  loss {p.Loss:0.0000} nats  {p.TokensPerSecond:0} tokens/s");
                    progress.Show("pretraining, step", p.Step, recipe.Steps, (double)p.Step / recipe.Steps);
                }, parsed.GetValue(resume), interruption.Token);
            }
            catch (OperationCanceledException)
            {
                progress.Warning("interrupted; go on with the same command and --resume (the work so far is in "
                    + $"{Pretrainer.WorkFolder(folder)})");
                return Failures.Interrupted;
            }
            if (asJson)
                Console.WriteLine(new JsonObject { ["completed"] = true, ["model"] = folder }.ToJsonString());
            else
                progress.Line($"model {folder}");
            return 0;
        });
        return command;
    }
}
