using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>A base model from scratch.</summary>
internal static class PretrainCommand
{
    public static Command Create()
    {
        var config = new Option<string?>("--config") { Description = "The recipe (JSON); docs/recipes/arithmetic-base.json made models/arithmetic-base.", HelpName = "FILE" };
        var output = new Option<string>("--output") { Description = "Folder of the new model; must not exist.", HelpName = "FOLDER", Required = true };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means every core.", HelpName = "N" };
        var json = CommonOptions.Json();
        var command = new Command("pretrain", "Trains a small base model from scratch by next-token prediction on worked-out arithmetic, with the machinery of the main job.") { config, output, threads, json };
        command.SetAction(parsed =>
        {
            var recipe = parsed.GetValue(config) is { } path ? PretrainConfig.Load(path) : new PretrainConfig();
            var (folder, asJson, count) = (parsed.GetValue(output)!, parsed.GetValue(json), parsed.GetValue(threads));
            if (count < 0)
                throw new InputException($"--threads is {count}; it must be 0 (every core) or more.");
            using var interruption = new Interruption();
            using var progress = new ProgressLine(asJson);
            try
            {
                Pretrainer.Run(recipe, folder, count > 0 ? count : Environment.ProcessorCount, p =>
                {
                    if (asJson)
                        Console.WriteLine(new JsonObject { ["step"] = p.Step, ["loss_nats"] = p.Loss, ["tokens_per_s"] = p.TokensPerSecond }.ToJsonString());
                    else if (p.Step % 100 == 0 || p.Step == recipe.Steps)
                        progress.Line($"step {p.Step}/{recipe.Steps}  loss {p.Loss:0.0000} nats  {p.TokensPerSecond:0} tokens/s");
                    progress.Show("pretraining, step", p.Step, recipe.Steps, (double)p.Step / recipe.Steps);
                }, interruption.Token);
            }
            catch (OperationCanceledException)
            {
                progress.Warning("interrupted; nothing was written");
                return Failures.Interrupted;
            }
            if (!asJson)
                progress.Line($"model {folder}");
            return 0;
        });
        return command;
    }
}
