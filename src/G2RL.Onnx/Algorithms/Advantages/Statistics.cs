namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Means and deviations of rewards, missing ones (NaN) left out.</summary>
internal static class Statistics
{
    /// <summary>
    /// Values that are there, their mean and their standard deviation with n - 1; mean NaN of none, deviation 0 of fewer than two.
    /// </summary>
    public static (int Count, double Mean, double Deviation) Of(IEnumerable<double> values)
    {
        var there = values.Where(v => !double.IsNaN(v)).ToArray();
        if (there.Length == 0)
            return (0, double.NaN, 0);
        // The mean of equal rewards may miss them by a rounding error, which a small epsilon would make large.
        var mean = there.All(v => v == there[0]) ? there[0] : there.Sum() / there.Length;
        return (there.Length, mean, there.Length < 2 ? 0 : Math.Sqrt(there.Sum(v => (v - mean) * (v - mean)) / (there.Length - 1)));
    }

    /// <summary>The value, or 0 for one that is missing.</summary>
    public static double OrZero(double value) => double.IsNaN(value) ? 0 : value;
}
