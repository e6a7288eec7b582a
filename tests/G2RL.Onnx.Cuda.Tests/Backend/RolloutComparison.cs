using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda.Tests.Backend;

/// <summary>
/// Holds the device's rollouts against the host's: the same tokens, unless the uniform number lies at a boundary of the distribution, and
/// then the same up to there.
/// </summary>
internal sealed class RolloutComparison(Policy policy, double temperature)
{
    /// <summary>Tokens compared.</summary>
    public long Tokens { get; private set; }

    /// <summary>Tokens that differ because the uniform number lies at a boundary.</summary>
    public int AtBoundary { get; private set; }

    /// <summary>The largest difference of log-probs and entropies.</summary>
    public double WorstLogProb { get; private set; }

    public void Compare(DrawnRollouts host, DrawnRollouts device, DrawRequest request)
    {
        for (var p = 0; p < host.Count; p++)
            for (var s = 0; s < host[p].Length; s++)
                Compare(host[p][s], device[p][s], $"prompt {p} sample {s}", t => Seeds.Uniform(request.Seed, request.Step, p, s, t));
        Assert.IsLessThanOrEqualTo(Math.Max(1, Tokens / 100_000), AtBoundary, "tokens at a boundary");
    }

    private void Compare(Rollout host, Rollout device, string name, Func<int, double> uniform)
    {
        var same = host.Tokens.AsSpan().CommonPrefixLength(device.Tokens);
        Tokens += same;
        for (var t = 0; t < same; t++)
        {
            WorstLogProb = Math.Max(WorstLogProb, Math.Abs((double)host.LogProbs[t] - device.LogProbs[t]));
            WorstLogProb = Math.Max(WorstLogProb, Math.Abs((double)host.Entropies[t] - device.Entropies[t]));
        }
        Assert.IsLessThanOrEqualTo(Tolerances.LogProbs, WorstLogProb, $"{name}: log-probs or entropies");
        if (same == host.Tokens.Length && same == device.Tokens.Length)
        {
            Assert.AreEqual(host.Finish, device.Finish, name);
            Assert.AreEqual(host.Text, device.Text, name);
            Assert.AreEqual(host.Version, device.Version, name);
            return;
        }
        Assert.IsTrue(
            same < host.Tokens.Length && same < device.Tokens.Length,
            $"{name} ends elsewhere: {host.Tokens.Length} and {device.Tokens.Length} tokens, {same} of them the same");
        Assert.IsLessThanOrEqualTo(
            Tolerances.Boundary,
            DistanceToBoundary(host, same, uniform(same)),
            $"{name}: token {same} is {device.Tokens[same]}, the host draws {host.Tokens[same]}");
        AtBoundary++;
    }

    // From the full distribution at the place: onehot(y) - u of a response of one token.
    private double DistanceToBoundary(Rollout rollout, int at, double uniform)
    {
        using var scorer = new Scorer(policy.Spec, 1);
        var u = scorer.Score(
            policy,
            [new Sequence([.. rollout.PromptTokens, .. rollout.Tokens[..at]], [rollout.Tokens[at]])],
            temperature,
            1024,
            withFeatures: true)[0].FeatureWeights!;
        var (cumulative, nearest) = (0d, double.PositiveInfinity);
        for (var v = 0; v < u.Length; v++)
        {
            cumulative += (v == rollout.Tokens[at] ? 1 : 0) - u[v];
            nearest = Math.Min(nearest, Math.Abs(cumulative - uniform));
        }
        return nearest;
    }
}
