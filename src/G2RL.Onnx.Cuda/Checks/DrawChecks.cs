using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Cuda.Checks;

/// <summary>
/// Long draws, which a stream that ONNX Runtime and our kernels do not share would spoil: a kernel that reads logits before they are
/// written gives other bits from one draw to the next, and log-probs that no scorer confirms.
/// </summary>
public static class DrawChecks
{
    private const int Samples = 8;
    private const string Name = "draw";

    /// <summary>Draws the same rollouts twice and scores them on the host.</summary>
    /// <param name="backend">The device.</param>
    /// <param name="policy">A model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="prompt">Tokens of the prompt.</param>
    /// <param name="steps">Decode steps; no token ends a rollout.</param>
    public static IReadOnlyList<CheckResult> Run(IBackend backend, Policy policy, Tokenizer tokenizer, int[] prompt, int steps)
    {
        using var source = backend.Rollouts(policy, tokenizer, new SamplerSettings { MaxNewTokens = steps, MaxRows = Samples });
        var request = new DrawRequest([prompt], Samples, Seed: 2026, Step: 0);
        var drawn = source.Draw(request);
        var first = drawn[0];
        var allowed = Mismatch.Allowed(drawn.LargestLogit, backend.Rounding);
        var second = source.Draw(request)[0];
        var differing = first.Zip(second).Sum(pair =>
            pair.First.Tokens.Zip(pair.Second.Tokens).Count(t => t.First != t.Second)
            + pair.First.LogProbs.Zip(pair.Second.LogProbs)
                .Count(p => BitConverter.SingleToInt32Bits(p.First) != BitConverter.SingleToInt32Bits(p.Second))
            + Math.Abs(pair.First.Tokens.Length - pair.Second.Tokens.Length));
        using var scorer = new Scorer(policy.Spec, threads: Environment.ProcessorCount);
        var scores = scorer.Score(policy, [.. first.Select(r => new Sequence(r.PromptTokens, r.Tokens))], temperature: 1, maxTokens: 1024);
        var worst =
            first.Zip(scores).Max(pair => pair.First.LogProbs.Zip(pair.Second.LogProbs).Max(p => Math.Abs((double)p.First - p.Second)));
        return
        [
            new(Name, $"numbers that differ, drawn twice, {steps} steps", differing, 0, 0, 0),
            new(Name, $"log-probs to the host's, {steps} steps, nats", worst, 10 * allowed, 0, 0),
        ];
    }
}
