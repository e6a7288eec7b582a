using System.Collections.Frozen;
using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Words behind numbers. Known measures are converted; other words say nothing about the value.</summary>
internal static class Units
{
    private static readonly FrozenDictionary<string, (string Dimension, Rational Factor)> Known = Table();

    /// <summary>Whether a run of letters is the name or abbreviation of a unit with two letters or more.</summary>
    public static bool IsKnown(string word) => word.Length > 1 && Known.ContainsKey(word.ToLowerInvariant());

    /// <summary>
    /// How to bring a value with the first unit to the second: a factor, 1 when one of them is missing or unknown; null when both are
    /// measures of
    /// different things, or opposite halves of the day.
    /// </summary>
    public static Rational? Factor(string? from, string? to)
    {
        if (from is null || to is null || from == to)
            return Rational.One;
        if (Half(from) is { } a && Half(to) is { } b)
            return a == b ? Rational.One : null;
        if (Measure(from) is not { } left || Measure(to) is not { } right)
            return Rational.One;
        return left.Dimension == right.Dimension ? left.Factor / right.Factor : null;
    }

    private static char? Half(string unit)
    {
        var letters = Spelling.Letters(unit);
        return letters is "am" or "pm" ? letters[0] : null;
    }

    // "square feet", "ft^2", "cubic inches": a length and its power. Anything with more in it is unknown.
    private static (string Dimension, Rational Factor)? Measure(string unit)
    {
        var words = unit.ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var power = 1;
        var at = 0;
        if (words.Length == 2 && words[0] is "square" or "sq" or "cubic" or "cu")
            (power, at) = (words[0][0] == 's' ? 2 : 3, 1);
        if (words.Length != at + 1)
            return null;
        var name = words[at].TrimEnd('.');
        var caret = name.IndexOf('^');
        if (caret > 0)
        {
            if (!int.TryParse(name.AsSpan(caret + 1), out var written) || written is < 1 or > 3)
                return null;
            (name, power) = (name[..caret], power * written);
        }

        if (!Known.TryGetValue(name, out var known))
            return null;
        return power == 1
            ? known
            : ($"{known.Dimension}^{power}",
                new Rational(BigInteger.Pow(known.Factor.Numerator, power), BigInteger.Pow(known.Factor.Denominator, power)));
    }

    private static FrozenDictionary<string, (string, Rational)> Table()
    {
        var table = new Dictionary<string, (string, Rational)>();
        Add("length", 1, "m", "meter", "meters", "metre", "metres");
        Add("length", 1000, "km", "kilometer", "kilometers", "kilometre", "kilometres");
        Add("length", new(1, 100), "cm", "centimeter", "centimeters", "centimetre", "centimetres");
        Add("length", new(1, 1000), "mm", "millimeter", "millimeters", "millimetre", "millimetres");
        Add("length", new(254, 10000), "in", "inch", "inches");
        Add("length", new(3048, 10000), "ft", "foot", "feet");
        Add("length", new(9144, 10000), "yd", "yard", "yards");
        Add("length", new(1609344, 1000), "mi", "mile", "miles");
        Add("mass", 1, "kg", "kilogram", "kilograms");
        Add("mass", new(1, 1000), "g", "gram", "grams");
        Add("mass", new(45359237, 100000000), "lb", "lbs", "pound", "pounds");
        Add("mass", new(45359237, 1600000000), "oz", "ounce", "ounces");
        Add("time", 1, "s", "sec", "second", "seconds");
        Add("time", 60, "min", "minute", "minutes");
        Add("time", 3600, "hr", "hrs", "h", "hour", "hours");
        Add("time", 86400, "day", "days");
        Add("time", 604800, "week", "weeks");
        Add("money", 1, "dollar", "dollars", "usd");
        Add("money", new(1, 100), "cent", "cents");
        Add("volume", 1, "liter", "liters", "litre", "litres", "l");
        Add("volume", new(1, 1000), "ml", "milliliter", "milliliters");
        Add("speed", 1, "mph");
        Add("angle", 1, "degrees");
        return table.ToFrozenDictionary();

        void Add(string dimension, Rational factor, params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
                table.Add(name, (dimension, factor));
        }
    }
}
