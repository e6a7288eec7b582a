using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>What an estimator of KL(policy, reference) sees of a token.</summary>
/// <param name="Op">The graph.</param>
/// <param name="LogProbs">lp</param>
/// <param name="Reference">ref</param>
/// <param name="InputClamp">d = lp - ref is clamped to +- this; 0 is off.</param>
/// <param name="OutputClamp">The estimate is clamped to +- this; 0 is off.</param>
internal readonly record struct KlContext(OpBuilder Op, Value LogProbs, Value Reference, double InputClamp, double OutputClamp);

/// <summary>Writes an estimate per token.</summary>
internal delegate Value KlEstimator(KlContext c);

/// <summary>Estimators of the divergence from single samples, d = lp - ref. Where a clamp is active the gradient is 0.</summary>
/// <remarks>
/// Source: J. Schulman, Approximating KL Divergence, 2020. A "+" has the value of its base and the gradient of k2, which is that of the
/// divergence.
/// </remarks>
internal static class KlEstimators
{
    /// <summary>Estimators by name.</summary>
    public static IReadOnlyDictionary<string, KlEstimator> All { get; } = new SortedDictionary<string, KlEstimator>(StringComparer.Ordinal)
    {
        ["k1"] = K1,
        ["k2"] = K2,
        ["k3"] = K3,
        ["abs"] = Abs,
        ["k1+"] = c => StraightThrough(c, K1),
        ["k2+"] = c => StraightThrough(c, K2),
        ["k3+"] = c => StraightThrough(c, K3),
        ["abs+"] = c => StraightThrough(c, Abs),
    };

    // d
    private static Value K1(KlContext c) => Bounded(c, c.Op.Neg(Minus(c)));

    // d^2 / 2
    private static Value K2(KlContext c)
    {
        var d = Minus(c);
        return Bounded(c, c.Op.Mul(c.Op.Mul(d, d), c.Op.Scalar(0.5)));
    }

    // e^-d + d - 1
    private static Value K3(KlContext c)
    {
        var d = Minus(c);
        return Bounded(c, c.Op.Sub(c.Op.Sub(c.Op.Exp(d), d), c.Op.Scalar(1)));
    }

    // |d|
    private static Value Abs(KlContext c) => Bounded(c, c.Op.Op("Abs", [Minus(c)]));

    // k2 - sg[k2] is exactly 0, and its gradient is k2's, which no clamp stops.
    private static Value StraightThrough(KlContext c, KlEstimator value)
    {
        var k2 = K2(c with { InputClamp = 0, OutputClamp = 0 });
        return c.Op.Add(c.Op.Sub(k2, c.Op.Detach(k2)), c.Op.Detach(value(c)));
    }

    /// <summary>
    /// The estimate times rho = e^(lp - old), whose gradient is unbiased off-policy, too; rho is a constant where the input clamp acts,
    /// since there nothing may have a gradient.
    /// </summary>
    /// <param name="estimator">The estimator.</param>
    /// <param name="c">What it sees.</param>
    /// <param name="old">Log-probs of the policy that drew the tokens.</param>
    /// <param name="logRatioClamp">The log-ratio is clamped to +- this; 0 is off.</param>
    internal static Value Scored(KlEstimator estimator, KlContext c, Value old, double logRatioClamp = 0)
    {
        var op = c.Op;
        var log = op.Sub(c.LogProbs, old);
        var ratio = op.Exp(logRatioClamp > 0 ? op.Clip(log, -logRatioClamp, logRatioClamp) : log);
        if (c.InputClamp > 0)
        {
            var beyond = op.Op("Greater", [op.Op("Abs", [op.Sub(c.LogProbs, c.Reference)]), op.Scalar(c.InputClamp)]);
            ratio = op.Where(beyond, op.Detach(ratio), ratio);
        }
        return op.Mul(estimator(c), ratio);
    }

    // -d
    private static Value Minus(KlContext c)
    {
        var d = c.Op.Sub(c.Reference, c.LogProbs);
        return c.InputClamp > 0 ? c.Op.Clip(d, -c.InputClamp, c.InputClamp) : d;
    }

    private static Value Bounded(KlContext c, Value kl) => c.OutputClamp > 0 ? c.Op.Clip(kl, -c.OutputClamp, c.OutputClamp) : kl;
}
