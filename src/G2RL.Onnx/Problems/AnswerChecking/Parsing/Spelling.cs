using System.Text;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>The normal spelling of an answer: its tokens without layout. Equal spellings are equal answers, whether they can be read or
/// not.</summary>
internal static class Spelling
{
    /// <summary>The spelling of tokens.</summary>
    public static string Of(List<Token> tokens)
    {
        var text = new StringBuilder();
        for (var i = 0; i < tokens.Count - 1; i++)
        {
            var token = tokens[i];
            // A new row parts two items, unless nothing follows.
            if (token.Is(Marks.NewRow) && (tokens[i + 1].Kind == TokenKind.End || tokens[i + 1].Is(Marks.CloseMatrix)))
                continue;
            if (i == tokens.Count - 2 && token.Kind == TokenKind.Mark && token.Text[0] is '.' or ',' or ';')
                continue;
            // x^{2} is x^2: braces around one letter or digit say nothing.
            if (token.Is('{') && IsSingle(tokens[i + 1]) && tokens[i + 2].Is('}'))
                continue;
            if (token.Is('}') && i >= 2 && IsSingle(tokens[i - 1]) && tokens[i - 2].Is('{'))
                continue;
            // A space between two digits says that they are two numbers.
            if (token.Kind == TokenKind.Number && text.Length > 0
                && (char.IsAsciiDigit(text[^1]) || tokens[i - 1].Kind == TokenKind.Number))
                text.Append(' ');
            if (token.Kind == TokenKind.Command || (token.Kind == TokenKind.Symbol && token.Text.Length > 1))
                text.Append('\\').Append(token.Text).Append(' ');
            else
                text.Append(token.Kind == TokenKind.Number ? OfNumber(token.Value) : token.Text);
        }

        return text.ToString();
    }

    // A decimal is a fraction in brackets, for 4/0.5 is not 4/1/2.
    private static string OfNumber(Rational value) => value.IsInteger ? value.ToString() : $"({value})";

    private static bool IsSingle(Token token) => token is { Text.Length: 1, Kind: TokenKind.Number or TokenKind.Symbol };

    /// <summary>Only the letters and digits of a text, in lower case unless it is a single letter: "(C)" is C, "\text{ odd}" is
    /// odd. A plus or minus that ends a word belongs to it: the grade A- is not A+ and not A, while a hyphen says nothing.</summary>
    public static string Letters(string text)
    {
        var kept = new StringBuilder();
        var letters = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (IsLetter(i))
                letters++;
            else if (text[i] is not ('+' or '-' or '\u2212') || !IsLetter(i - 1) || IsLetter(i + 1))
                continue;
            kept.Append(text[i] == '\u2212' ? '-' : text[i]);
        }

        return letters == 1 ? kept.ToString() : kept.ToString().ToLowerInvariant();

        bool IsLetter(int at) => at >= 0 && at < text.Length && char.IsLetterOrDigit(text[at]);
    }

    /// <summary>The letters of tokens when they hold nothing but words and letters, brackets around them left out; null
    /// otherwise.</summary>
    public static string? Word(List<Token> tokens)
    {
        var text = new StringBuilder();
        for (var i = 0; i < tokens.Count - 1; i++)
        {
            var token = tokens[i];
            if (token.Kind is TokenKind.Text or TokenKind.Symbol)
                text.Append(token.Text);
            else if (token.Kind != TokenKind.Mark || token.Text[0] is not ('(' or ')' or '{' or '}' or '.' or ',' or Marks.NewRow or '\''))
                return null;
        }

        return text.Length == 0 ? null : Letters(text.ToString());
    }
}
