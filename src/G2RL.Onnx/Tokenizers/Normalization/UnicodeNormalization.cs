using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Normalization;

/// <summary>Normal form C (Unicode Standard Annex 15).</summary>
/// <remarks>
/// Not <see cref="string.Normalize()"/>: that one leaves text as it is when the process runs with invariant globalization, as this
/// project's programs do, and elsewhere follows whatever ICU the machine has, so token ids would depend on the machine.
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
        var tables = Data.Value;
        StringBuilder? result = null;
        var points = new List<(int Point, int Class)>();
        for (int at = 0, settled = 0, copied = 0; ;)
        {
            // Everything up to the next character that may move or change stays as it is, but for the one before it, which it may join.
            var length = 0;
            for (; at < text.Length && !tables.Moves(Read(text, at, out length)); at += length)
                settled = at;
            if (at == text.Length)
                return result is null ? text : result.Append(text, copied, text.Length - copied).ToString();
            result = (result ?? new StringBuilder(text.Length)).Append(text, copied, settled - copied);
            points.Clear();
            for (copied = settled; copied < text.Length && (copied <= at || tables.Moves(Read(text, copied, out length))); copied += length)
                Decompose(Read(text, copied, out length), tables, points);
            Reorder(points);
            Compose(points, tables);
            foreach (var (point, _) in points)
                Append(result, point);
            at = settled = copied;
        }
    }

    /// <summary>The text in normal form D: marks stand behind their letters.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    public static string ToNfd(string text)
    {
        // Nothing below U+00C0 can be taken apart.
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\u00BF'))
            return text;
        var points = new List<(int Point, int Class)>(text.Length + 8);
        foreach (var rune in text.EnumerateRunes())
            Decompose(rune.Value, Data.Value, points);
        Reorder(points);
        var result = new StringBuilder(points.Count);
        foreach (var (point, _) in points)
            Append(result, point);
        return result.ToString();
    }

    private static int Read(string text, int at, out int length)
    {
        Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out length);
        return rune.Value;
    }

    private static void Append(StringBuilder result, int point)
    {
        Span<char> units = stackalloc char[2];
        result.Append(units[..new Rune(point).EncodeToUtf16(units)]);
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

    private static void Compose(List<(int Point, int Class)> points, Tables tables)
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

        points.RemoveRange(kept, points.Count - kept);
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
        private readonly Dictionary<int, int> classes = [];
        private readonly ulong[] moves = new ulong[0x110000 / 64];

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
                    classes.Add(point, int.Parse(entry.AsSpan(equals + 1), CultureInfo.InvariantCulture));
            }

            // What combines, what joins the character before it, and what is never the outcome.
            foreach (var point in classes.Keys.Concat(Compositions.Keys.Select(p => p.Second))
                .Concat(Decompositions.Keys.Where(p => !Stays(p)))
                    .Concat(Enumerable.Range(FirstV, CountV))
                .Concat(Enumerable.Range(FirstT, CountT)))
                moves[point / 64] |= 1UL << (point % 64);
        }

        /// <summary>Whether a character may move, change, or join the one before it.</summary>
        public bool Moves(int point) => (moves[point / 64] & (1UL << (point % 64))) != 0;

        private bool Stays(int point)
        {
            var points = new List<(int Point, int Class)>();
            Decompose(point, this, points);
            Reorder(points);
            UnicodeNormalization.Compose(points, this);
            return points is [(var single, _)] && single == point;
        }

        public Dictionary<int, (int First, int Second)> Decompositions { get; } = [];

        public Dictionary<(int First, int Second), int> Compositions { get; } = [];

        public int Class(int point) => classes.GetValueOrDefault(point);

        private static string[] Entries(string table) => table.Split([';', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);

        private static int Hex(ReadOnlySpan<char> text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
