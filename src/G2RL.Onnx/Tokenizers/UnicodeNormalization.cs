using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers;

/// <summary>Normal forms C and D (Unicode Standard Annex 15).</summary>
/// <remarks>
/// Not <see cref="string.Normalize()"/>: that one leaves text as it is when the process runs with invariant globalization, as this project's programs
/// do, and elsewhere follows whatever ICU the machine has, so token ids would depend on the machine.
/// </remarks>
internal static class UnicodeNormalization
{
    private const int FirstL = 0x1100, FirstV = 0x1161, FirstT = 0x11A7, FirstSyllable = 0xAC00, CountV = 21, CountT = 28, CountL = 19;
    private static readonly Lazy<Tables> Data = new(() => new Tables());

    /// <summary>The text in normal form C.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    public static string ToNfc(string text)
    {
        // Nothing below U+0300 combines or lacks its composed form.
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\u02FF'))
            return text;
        var points = Decomposed(text);
        return Compose(points, Data.Value);
    }

    /// <summary>The text in normal form D: marks stand behind their letters.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    public static string ToNfd(string text)
    {
        // Nothing below U+00C0 can be taken apart.
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\u00BF'))
            return text;
        var points = Decomposed(text);
        return Text(points, points.Count);
    }

    private static List<(int Point, int Class)> Decomposed(string text)
    {
        var points = new List<(int Point, int Class)>(text.Length + 8);
        foreach (var rune in text.EnumerateRunes())
            Decompose(rune.Value, Data.Value, points);
        Reorder(points);
        return points;
    }

    private static void Decompose(int point, Tables tables, List<(int Point, int Class)> points)
    {
        var syllable = point - FirstSyllable;
        if (syllable is >= 0 and < CountL * CountV * CountT)
        {
            points.Add((FirstL + (syllable / (CountV * CountT)), 0));
            points.Add((FirstV + (syllable / CountT % CountV), 0));
            if (syllable % CountT > 0)
                points.Add((FirstT + (syllable % CountT), 0));
        }
        else if (tables.Decompositions.TryGetValue(point, out var pair))
        {
            Decompose(pair.First, tables, points);
            if (pair.Second != 0)
                points.Add((pair.Second, tables.Class(pair.Second)));
        }
        else
        {
            points.Add((point, tables.Class(point)));
        }
    }

    // Marks between two starters go in the order of their classes; equal classes keep theirs.
    private static void Reorder(List<(int Point, int Class)> points)
    {
        for (var start = 0; start < points.Count; start++)
        {
            if (points[start].Class == 0)
                continue;
            var end = start;
            while (end < points.Count && points[end].Class != 0)
                end++;
            if (end - start > 1)
            {
                var ordered = points.GetRange(start, end - start).OrderBy(p => p.Class).ToList();
                for (var i = start; i < end; i++)
                    points[i] = ordered[i - start];
            }

            start = end;
        }
    }

    private static string Compose(List<(int Point, int Class)> points, Tables tables)
    {
        var kept = 0;
        var starter = -1;
        var lastClass = -1;
        for (var i = 0; i < points.Count; i++)
        {
            var (point, combining) = points[i];
            // A mark is blocked from the starter by anything of its own class or a higher one in between; a starter by anything at all.
            var reachable = starter >= 0 && (lastClass < combining || kept == starter + 1);
            if (reachable && Pair(points[starter].Point, point, tables) is { } composed)
            {
                points[starter] = (composed, 0);
                continue;
            }

            if (combining == 0)
                starter = kept;
            lastClass = combining;
            points[kept++] = points[i];
        }

        return Text(points, kept);
    }

    private static string Text(List<(int Point, int Class)> points, int count)
    {
        var text = new StringBuilder(count);
        foreach (var (point, _) in points.Take(count))
            text.Append(new Rune(point).ToString());
        return text.ToString();
    }

    private static int? Pair(int first, int second, Tables tables)
    {
        var (l, v) = (first - FirstL, second - FirstV);
        if (l is >= 0 and < CountL && v is >= 0 and < CountV)
            return FirstSyllable + (((l * CountV) + v) * CountT);
        var (syllable, t) = (first - FirstSyllable, second - FirstT);
        if (syllable is >= 0 and < CountL * CountV * CountT && syllable % CountT == 0 && t is > 0 and < CountT)
            return first + t;
        return tables.Compositions.TryGetValue((first, second), out var composed) ? composed : null;
    }

    private sealed class Tables
    {
        private readonly Dictionary<int, int> _classes = [];

        public Tables()
        {
            foreach (var entry in Entries(UnicodeTables.Decompositions))
            {
                var equals = entry.IndexOf('=');
                var excluded = entry[0] == '!';
                var composed = Hex(entry.AsSpan((excluded ? 1 : 0)..equals));
                var parts = entry[(equals + 1)..].Split(' ');
                var pair = (First: Hex(parts[0]), Second: parts.Length > 1 ? Hex(parts[1]) : 0);
                Decompositions.Add(composed, pair);
                if (!excluded && pair.Second != 0)
                    Compositions.Add(pair, composed);
            }

            foreach (var entry in Entries(UnicodeTables.CombiningClasses))
            {
                var equals = entry.IndexOf('=');
                var range = entry[..equals].Split('-');
                for (var point = Hex(range[0]); point <= Hex(range[^1]); point++)
                    _classes.Add(point, int.Parse(entry.AsSpan(equals + 1), CultureInfo.InvariantCulture));
            }
        }

        public Dictionary<int, (int First, int Second)> Decompositions { get; } = [];

        public Dictionary<(int First, int Second), int> Compositions { get; } = [];

        public int Class(int point) => _classes.GetValueOrDefault(point);

        private static string[] Entries(string table) => table.Split([';', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);

        private static int Hex(ReadOnlySpan<char> text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
