using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>
/// The policy gradient without the tokens whose probability has moved too far in the direction in which their advantage pushes it.
/// </summary>
/// <remarks>Source: DPPO; the bound is on the total variation, or on the divergence, of "this token or another".</remarks>
internal static class DppoLoss
{
    // Keeps the logarithm of 1 - p finite.
    private const double Tiny = 1e-8;

    /// <summary>l = -A sg[min(rho, c)] lp where p - p_old is at most high (A > 0), or at least -low (A &lt;= 0); else 0.</summary>
    public static Value TotalVariation(LossContext c)
    {
        var op = c.Op;
        var moved = op.Sub(op.Exp(c.LogProbs), op.Exp(c.Old));
        return Write(
            c,
            op.Op("LessOrEqual", [moved, op.Scalar(c.Settings.ClipHigh)]),
            op.Op("GreaterOrEqual", [moved, op.Scalar(-c.Settings.ClipLow)]));
    }

    /// <summary>The same with the divergence of the old from the new, which counts in the pushed direction only.</summary>
    public static Value Kl(LossContext c)
    {
        var op = c.Op;
        var (p, old) = (op.Exp(c.LogProbs), op.Exp(c.Old));
        Value Rest(Value q) => op.Add(op.Sub(op.Scalar(1), q), op.Scalar(Tiny));
        var other = op.Mul(op.Sub(op.Scalar(1), old), op.Log(op.Div(Rest(old), Rest(p))));
        var kl = op.Add(op.Mul(old, op.Sub(c.Old, c.LogProbs)), other);
        Value Near(double bound, string away) => op.Op("Or", [op.Op("LessOrEqual", [kl, op.Scalar(bound)]), op.Op(away, [p, old])]);
        return Write(c, Near(c.Settings.ClipHigh, "LessOrEqual"), Near(c.Settings.ClipLow, "GreaterOrEqual"));
    }

    private static Value Write(LossContext c, Value allowedUp, Value allowedDown)
    {
        var op = c.Op;
        var up = op.Op("Greater", [c.Advantages, op.Scalar(0)]);
        var allowed = op.Op("Or", [op.Op("And", [up, allowedUp]), op.Op("And", [op.Op("Not", [up]), allowedDown])]);
        var ratio = op.Detach(op.Clip(LossTable.Ratio(c), double.NegativeInfinity, c.Settings.DetachedRatioLimit));
        var loss = op.Neg(op.Mul(op.Mul(c.Advantages, ratio), c.LogProbs));
        return op.Where(allowed, loss, op.Scalar(0));
    }
}
