using System.Collections.Frozen;
using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Words behind numbers. Known measures are converted; other words say nothing about the value.</summary>
internal static class Units
{
    /// <summary>What a modulus begins with: it stands behind a value as a unit does.</summary>
    public const string Modulo = "modulo ";

    private static readonly FrozenDictionary<string, (string Dimension, Rational Factor)> Known = Table();

    /// <summary>Whether a run of letters is the name or abbreviation of a unit with two letters or more.</summary>
    public static bool IsKnown(string word) => word.Length > 1 && Known.ContainsKey(word.ToLowerInvariant());

    /// <summary>Whether a letter alone is a unit that is set upright.</summary>
    public static bool IsLetter(string letter) => letter is "m" or "g" or "s" or "h" or "l" or "L" or "N" or "J" or "W" or "V" or "K";

    /// <summary>Whether words are a known measure and nothing else.</summary>
    public static bool IsMeasure(string unit) => Measure(unit) is not null;

    /// <summary>
    /// How to bring a value with the first unit to the second: a factor, 1 when one of them is missing or unknown; null when both are
    /// measures of
    /// different things, opposite halves of the day, or different moduli.
    /// </summary>
    public static Rational? Factor(string? from, string? to)
    {
        if (from is null || to is null || from == to)
            return Rational.One;
        if (IsModulus(from) && IsModulus(to))
            return null;
        if (Half(from) is { } a && Half(to) is { } b)
            return a == b ? Rational.One : null;
        if (Measure(from) is not { } left || Measure(to) is not { } right)
            return Rational.One;
        return left.Dimension == right.Dimension ? left.Factor / right.Factor : null;
    }

    /// <summary>A value with its unit in one way: 50 mm is 5 cm. Words that are no measure say nothing.</summary>
    public static string Canonical(Scalar value, string unit)
    {
        if (Half(unit) is { } half)
            return $"{value.Key} {half}m";
        if (IsModulus(unit))
            return $"{value.Key} {unit}";
        return Measure(unit) is { } measure ? $"{value.Times(measure.Factor).Key} {measure.Dimension}" : value.Key;
    }

    /// <summary>The unit of a product or a quotient; null where neither has one. What is divided by stands behind one stroke.</summary>
    public static string? Combine(string? a, string? b, bool divides)
    {
        if (b is null || (a is null && !divides))
            return a ?? b;
        var ((above, below), (top, bottom)) = (Sides(a), Sides(b));
        return divides ? $"{above} {bottom} / {below} {top}" : $"{above} {top} / {below} {bottom}";
    }

    /// <summary>What one of a unit is that measures nothing, as a metre in a centimetre; null for others.</summary>
    public static Rational? Pure(string unit) => Measure(unit) is ("", var factor) ? factor : null;

    private static (string Above, string Below) Sides(string? unit)
    {
        var words = (unit ?? "").Replace("/", " / ").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var line = Array.FindIndex(words, w => w is "/" or "per");
        return line < 0 ? (string.Join(' ', words), "")
            : (string.Join(' ', words[..line]), string.Join(' ', words[line..].Where(w => w is not ("/" or "per"))));
    }

    private static bool IsModulus(string unit) => unit.StartsWith(Modulo, StringComparison.Ordinal);

    private static char? Half(string unit)
    {
        var letters = Spelling.Letters(unit);
        return letters is "am" or "pm" ? letters[0] : null;
    }

    // "square feet", "ft^2", "miles per hour", "kg m / s^2": powers of lengths, times, masses and so on, and what one of it is in their
    // first units. Anything with an unknown word in it is unknown.
    private static (string Dimension, Rational Factor)? Measure(string unit)
    {
        var powers = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var (factor, sign, next) = (Rational.One, 1, 1);
        string? last = null;
        var spaced = unit.ToLowerInvariant().Replace("/", " / ").Replace('*', ' ');
        foreach (var word in spaced.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (word)
            {
                case "/" or "per":
                    sign = -1;
                    continue;
                case "square" or "sq" or "sq." or "cubic" or "cu" or "cu.":
                    next = word[0] == 's' ? 2 : 3;
                    continue;
                case "squared" or "cubed" when last is not null:
                    if (!Multiply(last, word == "squared" ? 1 : 2))
                        return null;
                    continue;
            }

            var name = word.TrimEnd('.');
            var power = next;
            if (name.IndexOf('^') is > 0 and var caret)
            {
                if (!int.TryParse(name.AsSpan(caret + 1), out var written) || written is < -3 or > 3 or 0)
                    return null;
                (name, power) = (name[..caret], power * written);
            }

            if (!Multiply(name, power))
                return null;
            (last, next) = (name, 1);
        }

        return powers.Count == 0 ? null
            : (string.Join('*', powers.Where(p => p.Value != 0).Select(p => $"{p.Key}^{p.Value}")), factor);

        bool Multiply(string name, int power)
        {
            if (!Known.TryGetValue(name, out var known))
                return false;
            power *= sign;
            var part = new Rational(
                BigInteger.Pow(known.Factor.Numerator, Math.Abs(power)), BigInteger.Pow(known.Factor.Denominator, Math.Abs(power)));
            factor = power > 0 ? factor * part : factor / part;
            foreach (var (dimension, exponent) in Compound.GetValueOrDefault(known.Dimension, [(known.Dimension, 1)]))
                powers[dimension] = powers.GetValueOrDefault(dimension) + (exponent * power);
            return true;
        }
    }

    // Dimensions that are products of others.
    private static readonly FrozenDictionary<string, (string Dimension, int Exponent)[]> Compound =
        new Dictionary<string, (string, int)[]>
        {
            ["volume"] = [("length", 3)],
            ["speed"] = [("length", 1), ("time", -1)],
            ["force"] = [("mass", 1), ("length", 1), ("time", -2)],
            ["energy"] = [("mass", 1), ("length", 2), ("time", -2)],
            ["power"] = [("mass", 1), ("length", 2), ("time", -3)],
        }.ToFrozenDictionary();

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
        Add("volume", new(1, 1000), "liter", "liters", "litre", "litres", "l");
        Add("volume", new(1, 1000000), "ml", "milliliter", "milliliters");
        Add("speed", new(1609344, 3600000), "mph");
        Add("speed", new(1000, 3600), "kph", "kmh", "kmph");
        Add("force", 1, "n", "newton", "newtons");
        Add("energy", 1, "j", "joule", "joules");
        Add("power", 1, "w", "watt", "watts");
        Add("voltage", 1, "v", "volt", "volts");
        Add("temperature", 1, "k", "kelvin", "kelvins");
        Add("angle", 1, "degrees");
        return table.ToFrozenDictionary();

        void Add(string dimension, Rational factor, params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
                table.Add(name, (dimension, factor));
        }
    }
}
