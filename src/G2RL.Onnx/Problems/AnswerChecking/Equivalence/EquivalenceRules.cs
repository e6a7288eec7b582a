namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>What a percent sign does to a value.</summary>
public enum PercentRule
{
    /// <summary>10% equals 10 and 0.1: a reader who was asked for a percentage takes both.</summary>
    Either,

    /// <summary>10% equals 10.</summary>
    Ignored,

    /// <summary>10% equals 0.1.</summary>
    Hundredth,
}

/// <summary>Where the graders that people use disagree about equal answers. The defaults are those of the policy <c>math</c>.</summary>
public sealed record EquivalenceRules
{
    /// <summary>What a percent sign means beside a bare number. Default either.</summary>
    public PercentRule Percent { get; init; } = PercentRule.Either;

    /// <summary>Whether a bare list (1, 2) without brackets must have the reference's order. Default false.</summary>
    public bool OrderedLists { get; init; }

    /// <summary>Whether an item counts once however often it stands in a bare list or a set. Default false.</summary>
    public bool IgnoreRepeats { get; init; }

    /// <summary>Whether 1, 3 equals (1, 3). Default false.</summary>
    public bool BareTuples { get; init; }

    /// <summary>
    /// When one of two numbers is a decimal, the places to which both are rounded before they are compared, 0 to 12; null compares
    /// exactly. Default null.
    /// </summary>
    public int? DecimalPlaces { get; init; }

    /// <summary>Whether 1,22 may be 1.22. Default false.</summary>
    public bool DecimalComma { get; init; }

    /// <summary>Whether a fraction must be written as the reference's fraction is: 2/4 is not 1/2. Default false.</summary>
    public bool LiteralFractions { get; init; }

    /// <summary>Whether an inequality may stand for an interval of the reference; the other way round it always may. Default
    /// true.</summary>
    public bool RelationsForSets { get; init; } = true;

    /// <summary>Whether values are compared by their normalised spelling alone, as the MATH benchmark's own script does. Default
    /// false.</summary>
    public bool SpellingOnly { get; init; }

    /// <summary>Whether words are an answer; otherwise a reference of words cannot be read. Default true.</summary>
    public bool Words { get; init; } = true;

    /// <summary>Whether a number may be written in words: twenty-one is 21. Default true.</summary>
    public bool NumberWords { get; init; } = true;

    /// <summary>
    /// Whether an upright letter of a unit behind a number and a space is that unit, as in <c>5\,\mathrm{m}/\mathrm{s}</c>, and not a
    /// variable. Default true.
    /// </summary>
    public bool LetterUnits { get; init; } = true;

    /// <summary>Whether names must be the same: f(x) = 1 is not g(x) = 1. Default false.</summary>
    public bool StrictNames { get; init; }
}
