namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>An answer that was read.</summary>
/// <param name="Text">As it was written.</param>
/// <param name="Spelling">Its normal spelling.</param>
/// <param name="Word">Its letters when it holds nothing but words.</param>
/// <param name="Node">What it says, or null when it does not follow the grammar.</param>
/// <param name="Value">What it is worth, or null.</param>
internal sealed record Answer(string Text, string Spelling, string? Word, Node? Node, Value? Value)
{
    /// <summary>Whether it is words and nothing else.</summary>
    public bool IsText => Value is TextValue;

    /// <summary>Reads an answer; null when it is too long or the budget is spent before its tokens are known.</summary>
    /// <param name="text">The answer.</param>
    /// <param name="budget">Pays for it.</param>
    /// <param name="thousands">Whether a plain comma may set thousands apart.</param>
    /// <param name="letterUnits"><see cref="EquivalenceRules.LetterUnits"/>.</param>
    public static Answer? Read(string text, Budget budget, bool thousands = true, bool letterUnits = false)
    {
        if (Lexer.Tokens(text, budget, thousands) is not { } tokens)
            return null;
        var (spelling, word) = (AnswerChecking.Spelling.Of(tokens), AnswerChecking.Spelling.Word(tokens));
        var node = Parser.Parse(tokens, budget, letterUnits);
        var value = node is null ? null : new Evaluator(budget).Evaluate(node);
        // Words that follow no grammar are a text all the same.
        if (value is null && word is not null && tokens.Exists(t => t.Kind == TokenKind.Text))
            value = new TextValue(word);
        return new(text, spelling, word, node, value);
    }
}
