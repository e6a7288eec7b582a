using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>Next-token training as a user sees it: rows or lines, progress, and how to go on with what was interrupted.</summary>
/// <param name="folder">Folder of the model to be made.</param>
/// <param name="json">Whether rows are printed.</param>
internal sealed class TrainingOutput(string folder, bool json) : IDisposable
{
    private readonly ProgressLine progress = new(json);

    /// <summary>A base model from scratch.</summary>
    public int Pretrain(PretrainConfig recipe, int threads, bool resume) => Interruptible(cancel =>
    {
        Pretrainer.Run(recipe, folder, threads, p => Show("pretraining", p, recipe.Steps, every: 100), resume, cancel);
        Done(new());
    });

    /// <summary>A model taught by examples.</summary>
    public int FineTune(FineTuneConfig recipe, int threads, bool resume) => Interruptible(cancel =>
    {
        var result = FineTuner.Run(
            recipe,
            folder,
            threads,
            (p, of) => Show("fine-tuning", p, of, every: Math.Max(1, of / 20)),
            progress.Warning,
            resume,
            cancel);
        if (!json && result is { HeldOutBefore: { } before, HeldOutAfter: { } after })
            progress.Line($"held-out loss {before:0.0000} -> {after:0.0000} nats, {result.Examples} examples, {result.Steps} steps");
        var adapter = recipe.Adapter.Type == AdapterKind.None ? null : Path.Combine(folder, FineTuner.AdapterFolder);
        if (!json && adapter is not null)
            progress.Line($"adapter {adapter}");
        JsonObject facts = new()
        {
            ["steps"] = result.Steps,
            ["examples"] = result.Examples,
            ["held_out_loss_nats_before"] = result.HeldOutBefore,
            ["held_out_loss_nats_after"] = result.HeldOutAfter,
        };
        if (adapter is not null)
            facts["adapter"] = adapter;
        Done(facts);
    });

    /// <inheritdoc/>
    public void Dispose() => progress.Dispose();

    private int Interruptible(Action<CancellationToken> work)
    {
        using var interruption = new Interruption();
        try
        {
            work(interruption.Token);
            return 0;
        }
        catch (OperationCanceledException)
        {
            progress.Warning("interrupted; go on with the same command and --resume (the work so far is in "
                + $"{Pretrainer.WorkFolder(folder)})");
            return Failures.Interrupted;
        }
    }

    private void Show(string what, PretrainProgress p, int of, int every)
    {
        if (json)
        {
            var row = new JsonObject { ["step"] = p.Step, ["loss_nats"] = p.Loss, ["tokens_per_s"] = p.TokensPerSecond };
            if (p.HeldOutLoss is { } loss)
                row["held_out_loss_nats"] = loss;
            Console.WriteLine(row.ToJsonString());
        }
        else if (p.Step % every == 0 || p.Step == of || p.HeldOutLoss is not null)
        {
            progress.Line($"step {p.Step}/{of}  loss {p.Loss:0.0000} nats"
                + (p.HeldOutLoss is { } loss ? $"  held out {loss:0.0000}" : "") + $"  {p.TokensPerSecond:0} tokens/s");
        }
        progress.Show($"{what}, step", p.Step, of, (double)p.Step / of);
    }

    private void Done(JsonObject facts)
    {
        (facts["completed"], facts["model"]) = (true, folder);
        if (json)
            Console.WriteLine(facts.ToJsonString());
        else
            progress.Line($"model {folder}");
    }
}
