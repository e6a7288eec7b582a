namespace G2RL.Onnx.TestSupport;

/// <summary>Completions changed at random, with pieces of LaTeX that are large, open or out of place.</summary>
internal static class MutatedAnswers
{
    private const int Longest = 20_000;

    /// <summary>Answers of every kind that is read.</summary>
    public static readonly string[] Seeds =
    [
        "5", "-\\frac{7}{12}", "1{,}000", "3\\sqrt{13}", "\\frac{1+\\sqrt{5}}{2}", "90^\\circ", "10\\%", "\\$5.50", "15\\mbox{ cm}^2",
        "2-6i", "x^2+4x+9", "\\frac{\\pi r}{h+r}", "(-\\infty,-3]\\cup[2,\\infty)", "\\{1\\pm\\sqrt5,-2\\}",
        "\\left( 3, \\frac{\\pi}{2} \\right)", "2516_8", "y = 2x+3", "1,-2", "\\begin{pmatrix} 1/5 \\\\ -18/5 \\end{pmatrix}",
        "\\text{Evelyn}", "3\\frac12", "7:32", "-2\\le x\\le 7", "2 \\sin b \\cos a", "2^{4181}", "\\log_2 8",
    ];

    private static readonly string[] Pieces =
    [
        "\\frac{", "}", "{", "(", ")", "[", "]", "^", "_", "\\sqrt{", "\\boxed{", "\\left(", "\\right)", "$", "$$", "\\(", "\\)", "\\[",
        "\\]", "9999999", "^{99999999}", "!", "!!!!!", "-", "--", "+", "\\pm", "1e400", "1e999999", ",", ";", " and ", " or ", "\\cup",
        "\\{", "\\}", "|", "\\\\", "&", "\\begin{pmatrix}", "\\end{pmatrix}", "\\text{", "x", "\\pi", "%", "\\%", "=", "<", "\\le", "\\in",
        ":", "\0", "\uD800", "½", "²", "\\overline{3}", ".", "/", "\\binom{", "\\log_", "\\sin", "\\choose", "\\over", "(x+1)^{400}",
        "(a+b+c+d)^{60}", "10^{10^{10}}", "\\infty", "the answer is ", "final answer is ", "####", "\n",
    ];

    /// <summary>One to six changes: pieces put in, parts taken out, repeated or overwritten, the end cut off.</summary>
    public static string Mutate(string text, Random random)
    {
        for (var change = 1 + random.Next(6); change > 0; change--)
        {
            var at = random.Next(text.Length + 1);
            var piece = Pieces[random.Next(Pieces.Length)];
            text = random.Next(7) switch
            {
                0 => text.Insert(at, piece),
                1 => text.Remove(at, Math.Min(random.Next(1, 8), text.Length - at)),
                2 => text.Insert(at, text.Substring(at / 2, Math.Min(200, random.Next(text.Length - (at / 2) + 1)))),
                3 when at < text.Length => $"{text[..at]}{(char)random.Next(32, 127)}{text[(at + 1)..]}",
                4 => text.Insert(at, string.Concat(Enumerable.Repeat(piece, random.Next(1, random.Next(20) == 0 ? 1500 : 10)))),
                5 => text[..at],
                _ => text.Insert(at, piece + Pieces[random.Next(Pieces.Length)]),
            };
        }

        return text.Length > Longest ? text[..Longest] : text;
    }
}
