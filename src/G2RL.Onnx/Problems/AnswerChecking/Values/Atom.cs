using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>What an <see cref="Atom"/> stands for.</summary>
internal enum AtomKind
{
    /// <summary>A prime, or an integer that trial division could not split; only its fractional powers stay in monomials.</summary>
    Number,

    /// <summary>The circle's constant.</summary>
    Pi,

    /// <summary>Euler's number.</summary>
    E,

    /// <summary>The imaginary unit.</summary>
    I,

    /// <summary>A variable.</summary>
    Symbol,

    /// <summary>A polynomial of which a fractional power is taken.</summary>
    Root,

    /// <summary>A function of scalars whose value has no simpler form.</summary>
    Function,
}

/// <summary>A factor of a monomial. Two atoms are the same when their keys are.</summary>
internal sealed class Atom : IEquatable<Atom>
{
    public static readonly Atom Pi = new(AtomKind.Pi, "pi", positive: true);
    public static readonly Atom E = new(AtomKind.E, "e", positive: true);
    public static readonly Atom I = new(AtomKind.I, "i", positive: false);

    private const int LongestKey = 1_024;

    private Atom(AtomKind kind, string key, bool positive) => (Kind, Key, IsPositive) = (kind, key, positive);

    public AtomKind Kind { get; }

    /// <summary>Canonical text.</summary>
    public string Key { get; }

    /// <summary>Whether it is known to be a positive real, so that powers of powers may be multiplied out.</summary>
    public bool IsPositive { get; }

    /// <summary>The integer of a <see cref="AtomKind.Number"/>.</summary>
    public BigInteger Number { get; private init; }

    /// <summary>The polynomial of a <see cref="AtomKind.Root"/>.</summary>
    public Polynomial? Radicand { get; private init; }

    /// <summary>The name of a symbol or function.</summary>
    public string Name { get; private init; } = "";

    /// <summary>The arguments of a function.</summary>
    public Scalar[] Arguments { get; private init; } = [];

    /// <summary>Whether different monomials of such atoms are linearly independent, so that a sum of them is zero only when it is
    /// empty.</summary>
    public bool IsIndependent => Kind switch
    {
        AtomKind.Number => Factors.IsProvenPrime(Number),
        AtomKind.Root or AtomKind.Function => false,
        _ => true,
    };

    public static Atom OfNumber(BigInteger number) => new(AtomKind.Number, number.ToString(), positive: true) { Number = number };

    public static Atom OfSymbol(string name) => new(AtomKind.Symbol, "$" + name, positive: false) { Name = name };

    /// <summary>A polynomial to be raised to fractional powers; null when it is too long.</summary>
    public static Atom? OfRoot(Budget budget, Polynomial radicand) => Fits(budget, radicand.Key.Length)
        ? new(AtomKind.Root, $"({radicand.Key})", positive: false) { Radicand = radicand }
        : null;

    /// <summary>A function of scalars; null when its arguments are too long.</summary>
    public static Atom? OfFunction(Budget budget, string name, params Scalar[] arguments)
    {
        if (!Fits(budget, arguments.Sum(a => a.Key.Length)))
            return null;
        var key = $"{name}({string.Join(";", arguments.Select(a => a.Key))})";
        return new(AtomKind.Function, key, positive: false) { Name = name, Arguments = arguments };
    }

    private static bool Fits(Budget budget, int length) => length <= LongestKey ? budget.Spend(1 + (length / 16)) : budget.Refuse();

    public bool Equals(Atom? other) => other is not null && (ReferenceEquals(this, other) || Key == other.Key);

    public override bool Equals(object? obj) => Equals(obj as Atom);

    public override int GetHashCode() => string.GetHashCode(Key, StringComparison.Ordinal);

    public int Order(Atom? other) => string.CompareOrdinal(Key, other?.Key);
}
