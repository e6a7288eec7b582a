using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tests.Interop;

/// <summary>
/// Texts that tokenizers stumble over, made from a seed: every general category, scripts, spaces, marks, emoji, half characters, tokens
/// inside text.
/// </summary>
/// <param name="seed">The seed.</param>
internal sealed class TextMaker(int seed)
{
    private const string Spaces = " \t\n\r\u000B\f\u0085\u00A0\u1680\u2003\u2028\u2029\u202F\u205F\u3000\u200B\uFEFF\u180E";
    private static readonly string[] Snippets =
    [
        "don't", "I'LL", "we'Ve", "'\u017F", "\u212A'S", "he\u2019s", "x'", "''s", "\r\n", "\n\n", " \n ", "1,234.5", "3.14e-10", "007",
        "\u00BD", "\u2167", "\u00B2\u00B3", "\u0663\u0664", "\u1D7D9", "http://a.b/c?d=%20", "if (x != y) {\n\t\treturn 0;\n}",
        "\\frac{1}{2}", "$$", "...", "\u2026", "#!/bin", "<<<", "</", "_a_", "camelCaseHTTPServer", "e\u0301", "\u00E9",
        "\u1112\u1161\u11AB", "\uD55C", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "\U0001F1E9\U0001F1EA", "1\uFE0F\u20E3",
        "\U0001F44D\U0001F3FD", "\u2764\uFE0F", "\u05E9\u05B8\u05C1\u05DC\u05D5\u05B9\u05DD",
        "\u0645\u064E\u0631\u062D\u064E\u0628\u064B\u0627", "\u202Eabc\u202C", "\u0928\u092E\u0938\u094D\u0924\u0947", "\u4F60\u597D",
        "\u3053\u3093\u306B\u3061\u306F", "\u0E2A\u0E27\u0E31", "\u00DF", "\u0130", "\uFB01", "\u2581", "\u2581\u2581a", "\u0000", "\u0007",
        "<0x0A>", "<0x", "\u0120", "\uFFFD", "\uFFFF", "\U0001D400\U0001D7CE",
    ];

    private static readonly Dictionary<UnicodeCategory, int[]> Points = Enumerable.Range(0, 0x110000)
        .GroupBy(CharUnicodeInfo.GetUnicodeCategory)
        .ToDictionary(g => g.Key, g => g.ToArray());
    private readonly Random random = new(seed);

    /// <summary>Texts in turn of each kind.</summary>
    /// <param name="count">How many.</param>
    /// <param name="words">Words of the training text.</param>
    /// <param name="tokens">Texts of added tokens.</param>
    public IEnumerable<string> Texts(int count, IReadOnlyList<string> words, IReadOnlyList<string> tokens)
    {
        for (var i = 0; i < count; i++)
        {
            yield return (i % 10) switch
            {
                0 => Category((UnicodeCategory)(i / 10 % 30)),
                1 => Many(12, () => Pick(words) + (Chance(3) ? " " : "")),
                2 => Many(10, () => Chance(2) ? Pick(words) : Many(4, () => Spaces[random.Next(Spaces.Length)].ToString())),
                3 => Run(i, words),
                4 => Marks(),
                5 => Many(8, () => Pick(Snippets) + (Chance(3) ? " " : "")),
                6 when tokens.Count > 0 => Many(8, () => Chance(2)
                    ? Pick(tokens)
                    : Chance(3) ? Pick(tokens)[..random.Next(1, 3)]
                    : Chance(2) ? Pick(words)
                    : Many(3, () => Spaces[random.Next(4)].ToString())),
                7 => Many(15, Anything),
                8 => Many(6, () => Chance(3) ? ((char)random.Next(0xD800, 0xE000)).ToString() : Pick(words)),
                _ => Many(10, () =>
                    Chance(4) ? Anything() : Chance(3) ? Pick(Snippets) : Chance(6) && tokens.Count > 0 ? Pick(tokens) : " " + Pick(words)),
            };
        }
    }

    /// <summary>Made-up words of several scripts and how often each comes: a text to train on.</summary>
    public Dictionary<string, int> Words(int count)
    {
        var words = new Dictionary<string, int>(StringComparer.Ordinal);
        (int First, int Last)[] scripts = [('a', 'z'), (0x430, 0x44F), (0x3B1, 0x3C9), (0x627, 0x63A), (0x905, 0x914), (0x4E00, 0x4E60),
            (0x3042, 0x3060), (0xAC00, 0xAC40), (0x1D41A, 0x1D433), (0x1F600, 0x1F620)];
        for (var i = 0; words.Count < count; i++)
        {
            // Half of them Latin, with syllables that come again.
            var (first, last) = Chance(2) ? scripts[0] : scripts[random.Next(scripts.Length)];
            var word = first == 'a'
                ? Many(4, () => Pick(["th", "r", "st", "n", "l", "qu", "s", "t", "gr"]) + Pick(["a", "e", "i", "o", "ou", "ea", "\u00E9"]))
                : Many(6, () => char.ConvertFromUtf32(first + (int)((last - first + 1) * Math.Pow(random.NextDouble(), 2))));
            word = random.Next(12) switch
            {
                0 => CultureInfo.InvariantCulture.TextInfo.ToTitleCase(word),
                1 => word.ToUpperInvariant(),
                2 => word + Pick([".", ",", "!", "...", "()", "->", "'s", "'ll"]),
                3 => random.Next(2000).ToString(CultureInfo.InvariantCulture),
                4 => Pick(Snippets),
                _ => word,
            };
            words[word] = 1 + (int)(count / (1.0 + (i / 3)));
        }

        return words;
    }

    // Several characters of one category, words between them.
    private string Category(UnicodeCategory category) => Many(8, () => Point(category) + (Chance(4) ? " a" : Chance(5) ? "1" : ""));

    private string Point(UnicodeCategory category)
    {
        var point = Points[category][random.Next(Points[category].Length)];
        return point is >= 0xD800 and < 0xE000 ? ((char)point).ToString() : char.ConvertFromUtf32(point);
    }

    private string Anything() => random.Next(5) switch
    {
        0 => ((char)random.Next(0x80)).ToString(),
        1 => ((char)random.Next(0x800)).ToString(),
        2 => char.ConvertFromUtf32(random.Next(0xE000, 0x110000)),
        3 => Point((UnicodeCategory)random.Next(30)),
        _ => " ",
    };

    private string Run(int i, IReadOnlyList<string> words)
    {
        var part = random.Next(6) switch { 0 => " ", 1 => "a", 2 => "\n", 3 => "0", 4 => Pick(words), _ => Pick(Snippets) };
        return Pick(["", "x", " "])
            + string.Concat(Enumerable.Repeat(part, random.Next(2, i % 50 == 3 ? 2000 : 60)))
            + Pick(["", "y", "\n"]);
    }

    // Letters under marks in any order, decomposed and composed, Hangul in parts.
    private string Marks() => Many(6, () => Pick(["a", "e", "o", "\u00E2", "\u1EA4", "\u0391", "\u0627", "\u05D1", "\u0915", "\u1100\u1161",
        "\uAC00", "\U00011935", "\u0344", "\u212B", "\U0001D15E"])
        + Many(4, () => Pick(["\u0301", "\u0323", "\u0308", "\u0345", "\u0338", "\u05BC", "\u0654", "\u093C", "\u11A8", "\u3099", "\u0327",
            "\U000110BA", "\U0001D165"])));

    private string Many(int most, Func<string> part)
    {
        var text = new StringBuilder();
        for (var n = random.Next(1, most + 1); n > 0; n--)
            text.Append(part());
        return text.ToString();
    }

    private string Pick(IReadOnlyList<string> of) => of[random.Next(of.Count)];

    private bool Chance(int one) => random.Next(one) == 0;
}
