using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Rollouts.Decoding;

namespace G2RL.Onnx.Rollouts;

/// <summary>A token as it is drawn, with the text that it adds.</summary>
/// <param name="Token">Its id.</param>
/// <param name="LogProb">log p under the full softmax(z / temperature), nats.</param>
/// <param name="Entropy">Entropy of that distribution, nats.</param>
/// <param name="Alternatives">The most probable tokens and their log-probs, the best first; as many as were asked for.</param>
public readonly record struct StreamedToken(
    int Token,
    float LogProb,
    float Entropy,
    IReadOnlyList<(int Token, float LogProb)> Alternatives);

/// <summary>
/// Draws one rollout token by token, for people who watch. The tokens are those that <see cref="Sampler"/> draws for the same weights,
/// prompt, seed and indices, to the bit.
/// </summary>
public sealed class StreamingSampler : IDisposable
{
    private readonly Policy policy;
    private readonly SamplerSettings settings;
    private readonly OrtSession session;
    private readonly KvCache cache;
    private readonly DecodeResults results;
    private readonly DecodeStep step;
    private readonly PromptPass pass;
    private readonly TokenSampler sampler;
    private readonly HashSet<int> stopTokens;

    /// <summary>Builds the decode session.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="settings">How to draw; stop strings are the caller's to look for.</param>
    /// <exception cref="InputException">A setting out of range.</exception>
    public StreamingSampler(Policy policy, SamplerSettings settings)
    {
        (this.policy, this.settings, stopTokens) = (policy, settings, [.. settings.StopTokens]);
        settings.Validate();
        var type = settings.CacheType.Element();
        session = DecodeGraphs.Open(policy.Spec, settings.Kernels, settings.Threads, type);
        // Of ONNX Runtime's operators two rows, of which one is dead weight: a product of one row takes another path and gives other bits.
        var rows = DecodeGraphs.UsesOurs(policy.Spec, settings.Kernels, type) ? 1 : 2;
        cache = new KvCache(policy.Spec, rows: rows + 1, policy.Positions, settings.CacheType);
        results = new DecodeResults(policy, rows);
        step = new DecodeStep(session, policy, cache, first: 0, rows, tokens: 1, results);
        pass = new PromptPass(session, policy, cache, first: cache.Rows - 1, results);
        sampler = new TokenSampler(policy.Spec.VocabularySize, settings.Sampling);
    }

    /// <summary>Draws until a stop token, the limit on new tokens or the last position; the stop token is the last one given.</summary>
    /// <param name="prompt">Token ids, at least one.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="sample">Index of the sample.</param>
    /// <param name="alternatives">How many of the most probable tokens to tell at each place.</param>
    /// <exception cref="InputException">The prompt is empty or leaves no position.</exception>
    /// <exception cref="NonFiniteException">The model gave a logit that is not a number.</exception>
    public IEnumerable<StreamedToken> Draw(int[] prompt, ulong seed, int sample = 0, int alternatives = 0)
    {
        if (prompt.Length == 0)
            throw new InputException("The prompt has no tokens; a model needs something to continue.");
        if (prompt.Length >= policy.Positions)
            throw new InputException(
                $"The prompt has {prompt.Length} tokens and {policy.Positions} positions are reserved for it and its continuation. "
                    + "Shorten the prompt.");
        return Continue(prompt, seed, sample, alternatives);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        step.Dispose();
        pass.Dispose();
        results.Dispose();
        cache.Dispose();
        session.Dispose();
    }

    private IEnumerable<StreamedToken> Continue(int[] prompt, ulong seed, int sample, int alternatives)
    {
        var logits = new float[policy.Spec.VocabularySize];
        Prefill(prompt, logits);
        var last = Math.Min(settings.MaxNewTokens, policy.Positions - prompt.Length);
        for (var count = 0; ; count++)
        {
            var (token, logProb, entropy) = sampler.Draw(logits, Seeds.Uniform(seed, 0, 0, sample, count), features: []);
            yield return new(token, logProb, entropy, Best(logits, alternatives));
            if (stopTokens.Contains(token) || count + 1 >= last)
                yield break;
            var position = prompt.Length + count;
            (step.Ids[0], step.Places[0], step.Ends[0]) = (token, position, position);
            step.Run();
            step.Logits(0).CopyTo(logits);
        }
    }

    private void Prefill(int[] prompt, float[] logits)
    {
        pass.Run([prompt]).Logits(0).CopyTo(logits);
        cache.CopyRow(cache.Rows - 1, 0, prompt.Length);
    }

    private (int Token, float LogProb)[] Best(float[] logits, int count) =>
        [.. Enumerable.Range(0, logits.Length)
            .OrderByDescending(id => logits[id])
            .Take(count)
            .Select(id => (id, sampler.Measure(logits, id).LogProb))];
}
