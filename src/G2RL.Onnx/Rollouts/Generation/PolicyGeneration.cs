using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Rollouts.Generation;

/// <summary>
/// What a policy says and thinks, in a line each. Every call builds a session of its own; whoever asks often keeps a <see cref="Sampler"/>
/// or a <see cref="Scorer"/>.
/// </summary>
public static class PolicyGeneration
{
    private const int TokensAtOnce = 4096;
    private const int UsualTokens = 256;

    /// <summary>Draws continuations of a prompt.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="prompt">The text to continue.</param>
    /// <param name="count">How many continuations, >= 1.</param>
    /// <param name="settings">How to draw; null for the defaults, which stop at the tokenizer's end token or after 256.</param>
    /// <param name="seed">The same seed gives the same tokens.</param>
    /// <param name="progress">Told how many have ended.</param>
    /// <param name="cancel">Stops between tokens.</param>
    /// <exception cref="InputException">The prompt cannot be spelled, is empty or too long, or a setting is out of range.</exception>
    public static IReadOnlyList<Rollout> Sample(
        this Policy policy,
        Tokenizer tokenizer,
        string prompt,
        int count = 1,
        SamplerSettings? settings = null,
        ulong seed = 0,
        IProgress<int>? progress = null,
        CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var ids = tokenizer.EncodePrompt(prompt);
        settings ??= new()
        {
            StopTokens = tokenizer.EosId is { } eos ? [eos] : [],
            MaxNewTokens = Math.Clamp(policy.Positions - ids.Length, 1, UsualTokens),
        };
        using var sampler = new Sampler(policy, tokenizer, settings);
        return sampler.Draw(new([ids], count, seed, 0), progress is null ? null : progress.Report, cancel)[0];
    }

    /// <summary>Scores a completion: log-prob and entropy of each of its tokens, nats.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="prompt">What stands before it.</param>
    /// <param name="completion">The text that is scored.</param>
    /// <param name="withHidden">Also the hidden states, the LM head's inputs [T, D].</param>
    /// <exception cref="InputException">A text cannot be spelled or has no tokens.</exception>
    public static Scores Score(this Policy policy, Tokenizer tokenizer, string prompt, string completion, bool withHidden = false)
    {
        using var scorer = new Scorer(policy.Spec, Environment.ProcessorCount);
        return scorer.Score(policy, [Spelled(tokenizer, prompt, completion)], temperature: 1, TokensAtOnce, withHidden)[0];
    }

    /// <summary>Gradient features Phi [D] of completions of one prompt: what G2RL measures novelty by.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="prompt">What stands before them.</param>
    /// <param name="completions">At least one.</param>
    /// <exception cref="InputException">A text cannot be spelled or has no tokens, or the model caps its logits.</exception>
    /// <remarks>Source: arXiv:2512.15687; see <c>GradientFeature</c>.</remarks>
    public static IReadOnlyList<float[]> Features(
        this Policy policy,
        Tokenizer tokenizer,
        string prompt,
        params IReadOnlyList<string> completions)
    {
        using var scorer = new Scorer(policy.Spec, Environment.ProcessorCount);
        var scores = scorer.Score(
            policy,
            [.. completions.Select(c => Spelled(tokenizer, prompt, c))],
            temperature: 1,
            TokensAtOnce,
            withFeatures: true);
        using var projector = new FeatureProjector(policy.Spec, Environment.ProcessorCount);
        return projector.Project(policy, [.. scores.Select(s => s.FeatureWeights!)]);
    }

    private static Sequence Spelled(Tokenizer tokenizer, string prompt, string completion)
    {
        Sequence sequence = new(tokenizer.EncodePrompt(prompt), tokenizer.EncodeContinuation(completion));
        return sequence.Prompt.Length > 0 && sequence.Response.Length > 0
            ? sequence
            : throw new InputException("Prompt and completion need at least one token each.");
    }
}
