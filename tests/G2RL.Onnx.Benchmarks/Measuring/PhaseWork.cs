using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Benchmarks;

/// <summary>What a phase of a step took, and what it could not do without, reckoned from the model's shape and the rollouts.</summary>
/// <param name="Phase">sample, score, features, train or checkpoint.</param>
/// <param name="Seconds">Seconds.</param>
/// <param name="Flops">Multiplications and additions of matrix products; recomputation and padding are overhead, not work.</param>
/// <param name="Bytes">Bytes that are read of weights, keys and values, or that go to the disk.</param>
/// <param name="Updated">Bytes read and written where every weight is updated in place.</param>
internal sealed record PhaseWork(string Phase, double Seconds, double Flops, double Bytes, double Updated)
{
    // Weight, gradient and two moments read; weight and two moments written.
    private const int AdamWBytes = 7 * sizeof(float);

    /// <summary>The phases of a step.</summary>
    /// <param name="policy">The model.</param>
    /// <param name="config">The run's.</param>
    /// <param name="rollouts">Prompt and response of every rollout, those of a prompt one behind the other.</param>
    /// <param name="seconds">Seconds of a phase; 0 where there was none.</param>
    public static IEnumerable<PhaseWork> Of(
        Policy policy,
        RunConfig config,
        IReadOnlyList<Sequence> rollouts,
        Func<string, double> seconds)
    {
        var (spec, weights) = (policy.Spec, (double)policy.WeightBytes);
        // A prompt once, every token after it with the positions before, the head where a token is chosen: a decoder's work is the same.
        var forward = BatchPlan.Work(spec, rollouts, packed: true);
        // With every row at work at once there are as many passes over the weights as the longest rollout has tokens.
        var passes = rollouts.Max(r => r.Response.Length);
        var cached = rollouts.Sum(r => r.Response.Length * (r.Prompt.Length + ((r.Response.Length - 1) / 2.0)))
            * KvCacheBytes(spec);
        yield return new("sample", seconds("sample"), forward, (passes * weights) + cached, 0);

        var passesOfScoring = (ScoringPass.IsNeeded(config) ? 1 : 0) + (config.Algorithm.KlCoefficient > 0 ? 1 : 0);
        if (passesOfScoring > 0)
            yield return new("score", seconds("score"), passesOfScoring * forward, passesOfScoring * weights, 0);

        // u E of all rollouts; cosines are a thousandth of it.
        double vocabulary = spec.VocabularySize, width = spec.HiddenSize;
        yield return new(
            "features",
            seconds("features"),
            2 * rollouts.Count * vocabulary * width,
            sizeof(float) * ((vocabulary * width) + (rollouts.Count * (vocabulary + width))),
            0);

        // A backward pass is twice a forward pass where weights have gradients, and once where they are frozen.
        var updates = config.Training.EpochsPerBatch * config.Training.MinibatchesPerBatch;
        var isFull = policy.TrainableCount == policy.ParameterCount;
        yield return new(
            "train",
            seconds("train"),
            config.Training.EpochsPerBatch * (isFull ? 3 : 2) * forward,
            2 * updates * weights,
            (double)updates * AdamWBytes * policy.TrainableCount);
        yield return new("checkpoint", seconds("checkpoint"), 0, TrainingState.Bytes(policy), 0);
    }

    /// <summary>The least seconds for it on a machine, and what is in the way.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="weightBytes">Bytes of the model's weights, gone through again and again.</param>
    public (double Seconds, string LimitedBy) Least(Machine machine, long weightBytes)
    {
        if (Phase == "checkpoint")
            return (Bytes / machine.Writing((long)Bytes), "disk");
        var (least, by) = machine.Least(Flops, Bytes, Math.Min(weightBytes, (long)Bytes));
        return (least + (Updated > 0 ? Updated / machine.Streaming(4 * weightBytes) : 0), by);
    }

    private static double KvCacheBytes(DecoderSpec spec) => 2.0 * spec.Layers * spec.KeyValueHeads * spec.HeadDimension * sizeof(float);
}
