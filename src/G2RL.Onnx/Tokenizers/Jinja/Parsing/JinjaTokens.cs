namespace G2RL.Onnx.Tokenizers.Jinja.Parsing;

/// <summary>A template's tokens, read one after another.</summary>
/// <param name="source">The template.</param>
internal abstract class JinjaTokens(string source)
{
    private readonly List<Token> tokens = new JinjaLexer(source).Tokens();
    private int at;
    private int depth;

    /// <summary>The token at hand.</summary>
    protected Token Here => tokens[at];

    /// <summary>The one behind it; the end is behind itself.</summary>
    protected Token Ahead => tokens[Math.Min(at + 1, tokens.Count - 1)];

    /// <summary>The text of the token at hand, and on to the next.</summary>
    protected string Next() => tokens[at++].Text;

    /// <summary>A name, and on.</summary>
    protected string Identifier() => Here.Kind == TokenKind.Name ? Next() : throw Unexpected("a name");

    /// <summary>On over a token that must be there.</summary>
    protected void Expect(TokenKind kind, string text)
    {
        if (Here.Kind != kind)
            throw Unexpected(text);
        at++;
    }

    /// <summary>On over an operator that must be there.</summary>
    protected void Need(string op)
    {
        if (!Take(op))
            throw Unexpected($"'{op}'");
    }

    /// <summary>On over an operator if it is there.</summary>
    protected bool Take(string op) => TakeKind(TokenKind.Operator, op);

    /// <summary>On over a word if it is there.</summary>
    protected bool TakeWord(string word) => TakeKind(TokenKind.Name, word);

    /// <summary>Counts one level of nesting; <see cref="Shallower"/> goes back.</summary>
    protected void Deeper()
    {
        if (++depth > JinjaRun.DeepestNesting)
            throw Fault($"more than {JinjaRun.DeepestNesting} things are nested");
    }

    /// <summary>Undoes <see cref="Deeper"/>.</summary>
    protected void Shallower() => depth--;

    /// <summary>The token at hand is not what should stand there.</summary>
    protected InputException Unexpected(string? wanted = null) =>
        Fault($"'{(Here.Text.Length > 40 ? Here.Text[..40] : Here.Kind == TokenKind.End ? "the end" : Here.Text)}' stands where "
            + $"{wanted ?? "text or a tag"} should");

    /// <summary>A mistake at the token at hand.</summary>
    protected InputException Fault(string what) => JinjaLexer.Fault(source, Here.At, what);

    private bool TakeKind(TokenKind kind, string text)
    {
        if (Here.Kind != kind || Here.Text != text)
            return false;
        at++;
        return true;
    }
}
