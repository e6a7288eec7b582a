namespace G2RL.Onnx.Benchmarks;

/// <summary>One measurement beside its physical limit. More is better in every row but those without a limit.</summary>
/// <param name="Group">What the row belongs to.</param>
/// <param name="Name">What was measured.</param>
/// <param name="Value">Median over the repetitions.</param>
/// <param name="Spread">Half the distance between the quartiles, as a share of the median.</param>
/// <param name="Unit">Unit of value and limit.</param>
internal sealed record Row(string Group, string Name, double Value, double Spread, string Unit)
{
    /// <summary>What the machine could do at most, by the limits measured in the same run; null where there is no such thing.</summary>
    public double? Limit { get; init; }

    /// <summary>What sets the limit: arithmetic or memory.</summary>
    public string LimitedBy { get; init; } = "";

    /// <summary>Where the row belongs to a curve: how many of what its name says.</summary>
    public double? At { get; init; }

    /// <summary>Of a phase: the seconds it took and what it had to do in them.</summary>
    public PhaseWork? Work { get; init; }

    /// <summary>Value over limit.</summary>
    public double? Share => Value / Limit;
}
