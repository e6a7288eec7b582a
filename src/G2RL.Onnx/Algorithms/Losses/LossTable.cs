using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>The loss of a token, to be averaged.</summary>
/// <param name="Write">Writes l [R].</param>
/// <param name="DualClip">Whether <see cref="PolicyLossSettings.DualClip"/> means something to it.</param>
/// <param name="WholeSequences">Whether a sequence's ratio enters, so that a sequence must not be divided among micro-batches.</param>
/// <param name="WholeBatch">Whether tokens are chosen among the whole mini-batch, so that it must not be divided at all.</param>
/// <param name="Clips">Whether a bound of the ratio enters.</param>
/// <param name="Aggregation">The only aggregation that the loss has; null when it can be chosen.</param>
internal sealed record TokenLoss(
    Func<LossContext, Value> Write,
    bool DualClip = false,
    bool WholeSequences = false,
    bool WholeBatch = false,
    bool Clips = true,
    string? Aggregation = null);

/// <summary>The losses: one line here and one function in a file.</summary>
internal static class LossTable
{
    /// <summary>Losses by name.</summary>
    public static IReadOnlyDictionary<string, TokenLoss> All { get; } = new SortedDictionary<string, TokenLoss>(StringComparer.Ordinal)
    {
        ["clipped"] = new(ClippedLoss.Write, DualClip: true),
        ["cispo"] = new(CispoLoss.Write),
        ["clip-cov"] = new(ClipCovLoss.Write, WholeBatch: true),
        ["dppo-kl"] = new(DppoLoss.Kl),
        ["dppo-tv"] = new(DppoLoss.TotalVariation),
        ["dro"] = new(DroLoss.Write, Clips: false),
        ["gmpo"] = new(GmpoLoss.Write, WholeSequences: true, Aggregation: "row-mean-token-mean"),
        ["gspo"] = new(GspoLoss.Write, WholeSequences: true),
        ["gspo-token"] = new(GspoLoss.Token, WholeSequences: true),
        ["kl-cov"] = new(KlCovLoss.Write, WholeBatch: true, Clips: false),
        ["reinforce"] = new(ReinforceLoss.Write, Clips: false),
        ["sapo"] = new(SapoLoss.Write, Clips: false),
        ["vespo"] = new(VespoLoss.Write, WholeSequences: true, Clips: false),
    };

    /// <summary>d = lp - old [R], clamped as the settings say.</summary>
    internal static Value LogRatio(LossContext c)
    {
        var d = c.Op.Sub(c.LogProbs, c.Old);
        return c.Settings.LogRatioClamp > 0 ? c.Op.Clip(d, -c.Settings.LogRatioClamp, c.Settings.LogRatioClamp) : d;
    }

    /// <summary>rho = e^d [R].</summary>
    internal static Value Ratio(LossContext c) => c.Op.Exp(LogRatio(c));

    /// <summary>clip(rho, 1 - low, 1 + high), or min(rho, bound)</summary>
    internal static Value Clipped(LossContext c, Value ratio) => c.Settings.RatioBound > 0
        ? c.Op.Clip(ratio, double.NegativeInfinity, c.Settings.RatioBound)
        : c.Op.Clip(ratio, 1 - c.Settings.ClipLow, 1 + c.Settings.ClipHigh);

    /// <summary>Whether a token counts [R].</summary>
    internal static Value Live(LossContext c) => c.Op.Op("Not", [c.Op.Op("Equal", [c.Weights, c.Op.Scalar(0)])]);

    /// <summary>
    /// (A - mean A)(lp - mean lp) [R], a constant to the gradient, means over the tokens that count; -infinity for the others.
    /// </summary>
    internal static Value Covariance(LossContext c, Value live)
    {
        var op = c.Op;
        var counts = op.Cast(live, ElementType.Float32);
        var count = op.Max(op.ReduceSum(counts, keepDims: false, 0), op.Scalar(1));
        Value Centred(Value x)
        {
            var kept = op.Where(live, x, op.Scalar(0));
            return op.Sub(kept, op.Div(op.ReduceSum(kept, keepDims: false, 0), count));
        }
        var covariance = op.Mul(Centred(c.Advantages), Centred(op.Detach(c.LogProbs)));
        return op.Where(live, covariance, op.Scalar(double.NegativeInfinity));
    }

    /// <summary>The smallest of the largest values [R]: of a share of the tokens that count, rounded down, one at least.</summary>
    internal static Value LeastOfTheLargest(LossContext c, Value live, Value values)
    {
        var op = c.Op;
        // In double, as the share is given: a product in float32 may fall on the other side of a whole number.
        var count = op.Cast(op.ReduceSum(op.Cast(live, ElementType.Float32), keepDims: true, 0), ElementType.Float64);
        var share = op.Cast(op.Mul(count, op.Scalar(c.Settings.CovarianceShare, ElementType.Float64)), ElementType.Int64);
        var largest = op.Ops("TopK", 2, [values, op.Max(share, op.Ints(1))], ("axis", 0L))[0];
        return op.Op("ReduceMin", [largest, op.Ints(0)], ("keepdims", 0L));
    }

    /// <summary>max(-A rho, -A clip(rho, 1 - low, 1 + high))</summary>
    internal static Value Pessimistic(LossContext c, Value ratio)
    {
        var op = c.Op;
        var gain = op.Neg(c.Advantages);
        return op.Max(op.Mul(gain, ratio), op.Mul(gain, Clipped(c, ratio)));
    }
}
