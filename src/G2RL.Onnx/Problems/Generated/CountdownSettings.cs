namespace G2RL.Onnx.Problems.Generated;

/// <summary>
/// How hard the problems of <see cref="Countdown"/> are: how many numbers are given, and from what range they and the target come.
/// </summary>
public sealed record CountdownSettings
{
    /// <summary>Fewest numbers given, 2 to <see cref="MaxCount"/>. Default 4.</summary>
    public int MinCount { get; init; } = 4;

    /// <summary>Most numbers given, at most 8. Default 5.</summary>
    public int MaxCount { get; init; } = 5;

    /// <summary>Smallest number given, >= 1. Default 1.</summary>
    public int MinNumber { get; init; } = 1;

    /// <summary>Largest number given, at most 9,999. Default 12.</summary>
    public int MaxNumber { get; init; } = 12;

    /// <summary>Smallest target, >= 0. Default 1.</summary>
    public int MinTarget { get; init; } = 1;

    /// <summary>Largest target, at most 999,999. Default 99.</summary>
    public int MaxTarget { get; init; } = 99;

    /// <summary>
    /// The operators allowed, each of <c>+</c>, <c>-</c>, <c>*</c>, <c>/</c>; one written twice is drawn twice as often. Default
    /// <c>+-*/</c>.
    /// </summary>
    public string Operators { get; init; } = "+-*/";

    /// <summary>Whether a solution must use every number exactly once, not at most once. Default false.</summary>
    public bool UseAll { get; init; }

    /// <summary>Size of the held-out set, >= 1. Default 500.</summary>
    public int HeldOutCount { get; init; } = 500;

    /// <summary>
    /// Chooses which held-out problems are drawn. Which side of the split a problem belongs to never depends on it. Default 1.
    /// </summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>
    /// Probability that a solution of <see cref="Countdown.Example"/> has one operator replaced by another, so that it mostly misses the
    /// target, 0 to 1. Default 0.
    /// </summary>
    public double ErrorRate { get; init; }

    /// <summary>The settings themselves when every rule holds.</summary>
    /// <param name="place">What stands before their names where they are typed, for messages.</param>
    /// <exception cref="InputException">One or more rules are broken; all are reported.</exception>
    public CountdownSettings Validated(string place = "problems.settings")
    {
        var faults = new List<string>();
        void Check(bool ok, string name, object value, string rule)
        {
            if (!ok)
                faults.Add($"{place}.{name} is {value}; it must be {rule}.");
        }

        Check(MinCount >= 2 && MinCount <= MaxCount, "minCount", MinCount, $"2 to maxCount ({MaxCount})");
        Check(MaxCount <= 8, "maxCount", MaxCount, "at most 8");
        Check(MinNumber >= 1 && MinNumber <= MaxNumber, "minNumber", MinNumber, $"1 to maxNumber ({MaxNumber})");
        Check(MaxNumber <= 9_999, "maxNumber", MaxNumber, "at most 9999");
        Check(MinTarget >= 0 && MinTarget <= MaxTarget, "minTarget", MinTarget, $"0 to maxTarget ({MaxTarget})");
        Check(MaxTarget <= 999_999, "maxTarget", MaxTarget, "at most 999999");
        Check(
            !string.IsNullOrEmpty(Operators) && Operators.Length <= 32 && !Operators.AsSpan().ContainsAnyExcept("+-*/"),
            "operators",
            $"'{Operators}'",
            "1 to 32 of the characters + - * /");
        Check(HeldOutCount >= 1, "heldOutCount", HeldOutCount, "at least 1");
        Check(ErrorRate is >= 0 and <= 1, "errorRate", ErrorRate, "0 to 1");
        return faults.Count == 0 ? this : throw InputException.Of(faults);
    }
}
