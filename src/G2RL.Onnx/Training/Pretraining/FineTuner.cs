using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Pretraining;

/// <summary>How a fine-tuning ended.</summary>
/// <param name="Steps">Steps done.</param>
/// <param name="Examples">Sequences learned in each epoch.</param>
/// <param name="HeldOutBefore">Held-out loss before the first step, nats; null where nothing is held out.</param>
/// <param name="HeldOutAfter">Held-out loss after the last step, nats.</param>
/// <param name="HeldOutBest">The lowest held-out loss, nats, and the steps behind it.</param>
public sealed record FineTuneResult(
    int Steps,
    int Examples,
    double? HeldOutBefore,
    double? HeldOutAfter,
    (double Loss, int Step)? HeldOutBest);

/// <summary>
/// Supervised fine-tuning of any model on prompts and responses, or conversations: next-token cross-entropy of the responses alone, a mean
/// over the response tokens of a step. What it writes is a model that a run can start from.
/// </summary>
public static class FineTuner
{
    /// <summary>
    /// File beside the model with a row a step: step, loss_nats, where rows are packed the share of operations that this saved, and where
    /// it was measured held_out_loss_nats.
    /// </summary>
    public const string LogFile = "training_log.jsonl";

    /// <summary>Folder beside the model with the adapters by themselves, in PEFT's layout, where adapters learned.</summary>
    public const string AdapterFolder = "adapter";

    /// <summary>Trains and writes a Hugging Face folder.</summary>
    /// <param name="config">The recipe.</param>
    /// <param name="output">Folder to be made; must not exist.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="progress">Called after every step; the second number is the steps of the whole.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <param name="resume">Goes on with an interrupted run of the same recipe, data and output.</param>
    /// <param name="cancel">Stops between steps, saves, and throws <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InputException">The folder exists, the recipe, the model or rows are wrong, or the disk is full.</exception>
    /// <exception cref="NonFiniteException">Training diverged.</exception>
    public static FineTuneResult Run(
        FineTuneConfig config,
        string output,
        int threads,
        Action<PretrainProgress, int>? progress = null,
        Action<string>? warn = null,
        bool resume = false,
        CancellationToken cancel = default)
    {
        if (Path.Exists(output))
            throw new InputException($"{output} exists; fine-tuning never overwrites a model. Choose another folder or remove it.");
        var place = Start(config);
        using var checkpoint = HuggingFaceCheckpoint.Open(place.Folder);
        var tokenizer = Tokenizer.Load(place.Folder);
        TokenizerFit.Require(tokenizer, checkpoint.Spec.VocabularySize, place.Folder, warn);
        var positions = Math.Min(config.MaxTokens, checkpoint.Spec.MaxPositions);
        var chat = new Lazy<ChatPrompts>(() => ChatPrompts.Load(place.Folder, checkpoint.Spec.Architecture, config.Data.System));
        int[] ends = [.. new[] { tokenizer.EosId }.OfType<int>().Concat(checkpoint.GenerationEosTokens()).Distinct()];
        var examples = new FineTuneExamples(
            config,
            new FineTuneRows(config.Data, tokenizer, chat, ends),
            positions,
            checkpoint.Spec.VocabularySize);
        foreach (var note in examples.Notes)
            warn?.Invoke(note);
        if (ends.Length == 0)
            warn?.Invoke($"{config.Model} names no token that ends a text, so responses are learned without an end.");
        var work = Pretrainer.WorkFolder(output);
        FineTuneResult result;
        using (var held = Pretrainer.Open(work, $"{config.ToJson()}\n{examples.Hash}\n", resume))
        {
            using var policy = Learner(config, place, checkpoint.Spec, positions);
            var (log, whole) = (Path.Combine(work, LogFile), Path.Combine(work, "model"));
            result = Train(config, examples, policy, work, log, threads, progress, cancel);
            // What a kill left of it is made anew; under its name it appears with all that belongs to it.
            if (Directory.Exists(whole))
                Directory.Delete(whole, recursive: true);
            checkpoint.SaveAs(whole, policy.Merged, SafeTensorsDtype.F32);
            if (policy.Spec.Adapter is not null)
                RunAdapter.Write(Path.Combine(whole, AdapterFolder), policy, place.Folder);
            File.Copy(log, Path.Combine(whole, LogFile));
            Directory.Move(whole, output);
        }
        Directory.Delete(work, recursive: true);
        if (Advice(result) is { } advice)
            warn?.Invoke(advice);
        return result;
    }

    /// <summary>What to do about a held-out loss that rose again; null where it did not.</summary>
    internal static string? Advice(FineTuneResult result) =>
        result is { HeldOutBest: { } best, HeldOutAfter: { } after } && best.Loss < after - 1e-3 && best.Step > 0
            ? $"the held-out loss was lowest after {best.Step} steps ({best.Loss:0.0000} nats, {after:0.0000} at the end): fewer epochs or "
                + "a lower learningRate would do."
            : null;

    private static FineTuneResult Train(
        FineTuneConfig config,
        FineTuneExamples examples,
        Policy policy,
        string work,
        string log,
        int threads,
        Action<PretrainProgress, int>? progress,
        CancellationToken cancel)
    {
        using var training = new NextTokenTraining(policy, new CheckpointStore(Path.Combine(work, "checkpoints"), keep: 1), threads, new()
        {
            Steps = examples.Steps,
            LearningRate = config.LearningRate,
            WarmupSteps = config.WarmupSteps,
            WeightDecay = config.WeightDecay,
            // One sequence at least, however long.
            TokensPerMicrobatch = Math.Max(config.TokensPerMicrobatch, policy.Positions),
            Packed = config.Packing.Here(KernelChoice.Auto),
        });
        using var scorer = new Scorer(policy.Spec, threads, packing: config.Packing);
        JsonLinesLog.Rewind(log, step => step <= training.Done);
        if (training.Done == 0 && !JsonLinesLog.Read(log).Any())
            JsonLinesLog.Append(log, new() { ["step"] = 0, ["held_out_loss_nats"] = HeldOut() });
        training.Run(examples.Of, p =>
        {
            if (p.Step == examples.Steps || EpochsAfter(p.Step) > EpochsAfter(p.Step - 1))
                p = p with { HeldOutLoss = HeldOut() };
            var row = new JsonObject { ["step"] = p.Step, ["loss_nats"] = p.Loss };
            if (config.Packing.Here(KernelChoice.Auto))
                row["packing/saved_flops_share"] = training.SavedFlopsShare;
            if (p.HeldOutLoss is { } loss)
                row["held_out_loss_nats"] = loss;
            JsonLinesLog.Append(log, row);
            progress?.Invoke(p, examples.Steps);
        }, cancel);
        var measured = JsonLinesLog.Read(log)
            .Select(r => (Step: JsonLinesLog.StepOf(r)!.Value, Loss: RunLogs.Number(r, "held_out_loss_nats")))
            .Where(r => r.Loss is not null).ToArray();
        return new(
            training.Done,
            examples.Count,
            measured.FirstOrDefault(r => r.Step == 0).Loss,
            measured.LastOrDefault().Loss,
            measured.Length == 0 ? null : measured.Select(r => (r.Loss!.Value, r.Step)).MinBy(r => r.Value));

        long EpochsAfter(int steps) => (long)steps * config.ExamplesPerStep / examples.Count;

        double? HeldOut()
        {
            if (examples.HeldOut.Count == 0)
                return null;
            // A measurement belongs to the step before it, which is done.
            var scores =
                scorer.Score(policy, examples.HeldOut, temperature: 1, config.TokensPerMicrobatch, cancel: CancellationToken.None);
            return -scores.Sum(s => s.LogProbs.Sum(lp => (double)lp)) / scores.Sum(s => s.LogProbs.Length);
        }
    }

    // Adapters learn beside a model that is whole: what it starts from is either that or adapters that are named as such.
    private static ModelPlace Start(FineTuneConfig config)
    {
        var place = ModelPlace.Of(config.Model);
        if (config.Adapter.Type == AdapterKind.None || place is { Adapter: null, Weights: null })
            return place;
        throw new InputException(place.Adapter is { } adapter
            ? $"model is {config.Model}, adapters beside {place.Folder}, and adapter.type is lora. "
                + $"Go on with them by model={place.Folder} and adapter.path={adapter}, "
                + $"or merge them first: g2rl export --model {config.Model} --output FOLDER."
            : $"model is {config.Model}, a checkpoint of all weights, and adapter.type is lora, which starts from a model's folder. "
                + $"Make one of it: g2rl export --model {config.Model} --output FOLDER.");
    }

    // Without adapters all weights learn, also where the start is adapters beside a model.
    private static Policy Learner(FineTuneConfig config, ModelPlace place, DecoderSpec spec, int positions)
    {
        if (config.Adapter.Type != AdapterKind.None)
            return RunAdapter.Load(config.Adapter, place.Folder, spec, positions, config.Seed);
        if (place.Adapter is null)
            return place.Load(positions);
        using var adapted = place.Load(positions: 1);
        return Policy.Create(place.Spec(), positions, (parameter, values) => adapted.Merged(parameter.Name).CopyTo(values));
    }
}
