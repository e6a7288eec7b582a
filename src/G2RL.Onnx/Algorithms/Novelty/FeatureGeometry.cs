namespace G2RL.Onnx.Algorithms.Novelty;

/// <summary>How the gradient features of a group lie to each other, over its m (m - 1) / 2 pairs.</summary>
/// <param name="Pairs">Pairs counted.</param>
/// <param name="MeanCosine">Mean cosine, in [-1, 1].</param>
/// <param name="NegativeShare">Share of pairs with a negative cosine, in [0, 1].</param>
/// <param name="OrthogonalShare">Share of pairs with |cosine| &lt; 0.1, in [0, 1].</param>
/// <remarks>Source: G2RL, arXiv:2512.15687, section on the geometry of exploration.</remarks>
public readonly record struct FeatureGeometry(long Pairs, double MeanCosine, double NegativeShare, double OrthogonalShare)
{
    /// <summary>|cosine| below this counts as orthogonal.</summary>
    public const double OrthogonalBound = 0.1;

    /// <summary>The geometry of one group.</summary>
    /// <param name="cosines">S, row-major [m, m]; only the part above the diagonal is read.</param>
    /// <param name="count">m >= 2</param>
    /// <exception cref="ArgumentException">m below 2, or another number of cosines than m x m.</exception>
    public static FeatureGeometry Of(ReadOnlySpan<double> cosines, int count)
    {
        if (count < 2 || cosines.Length != checked(count * count))
            throw new ArgumentException(
                $"{cosines.Length} cosines of a group of {count}; m x m with m of at least 2 are needed.",
                nameof(cosines));
        var (sum, negative, orthogonal) = (0d, 0, 0);
        for (var i = 0; i < count; i++)
            for (var j = i + 1; j < count; j++)
            {
                var s = cosines[(i * count) + j];
                sum += s;
                negative += s < 0 ? 1 : 0;
                orthogonal += Math.Abs(s) < OrthogonalBound ? 1 : 0;
            }
        var pairs = count * (count - 1L) / 2;
        return new(pairs, sum / pairs, (double)negative / pairs, (double)orthogonal / pairs);
    }

    /// <summary>The geometry of several groups: every pair counts once. All zero when there are none.</summary>
    public static FeatureGeometry Over(IEnumerable<FeatureGeometry> groups)
    {
        var total = default(FeatureGeometry);
        foreach (var g in groups)
        {
            var pairs = total.Pairs + g.Pairs;
            if (pairs == 0)
                continue;
            var share = (double)g.Pairs / pairs;
            total = new(
                pairs,
                total.MeanCosine + (share * (g.MeanCosine - total.MeanCosine)),
                total.NegativeShare + (share * (g.NegativeShare - total.NegativeShare)),
                total.OrthogonalShare + (share * (g.OrthogonalShare - total.OrthogonalShare)));
        }
        return total;
    }
}
