namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Kinds of <see cref="Token"/>.</summary>
internal enum TokenKind
{
    /// <summary>The end of the text.</summary>
    End,

    /// <summary>A number without sign.</summary>
    Number,

    /// <summary>A variable or constant: one letter, a Greek letter, an unknown command.</summary>
    Symbol,

    /// <summary>A word, or the content of \text.</summary>
    Text,

    /// <summary>A command with arguments, or the name of a function.</summary>
    Command,

    /// <summary>Anything else, as one character; <see cref="Marks"/> names those that have no ASCII character.</summary>
    Mark,
}

/// <summary>One token of an answer.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Text">Its normal spelling; a mark's single character.</param>
/// <param name="SpaceBefore">Whether white space stands before it.</param>
/// <param name="Value">A number's value.</param>
/// <param name="IsDecimal">Whether a number has a decimal point.</param>
/// <param name="IsUpright">Whether a symbol is set upright, as letters of units are.</param>
internal readonly record struct Token(
    TokenKind Kind,
    string Text,
    bool SpaceBefore,
    Rational Value = default,
    bool IsDecimal = false,
    bool IsUpright = false)
{
    public bool Is(char mark) => Kind == TokenKind.Mark && Text[0] == mark;

    public bool Is(string command) => Kind == TokenKind.Command && Text == command;

    /// <summary>A whole number written with digits alone.</summary>
    public bool IsDigits => Kind == TokenKind.Number && !IsDecimal && Value.IsInteger;
}

/// <summary>Marks that LaTeX and Unicode spell in several ways.</summary>
internal static class Marks
{
    public const char OpenSet = '⟦';
    public const char CloseSet = '⟧';
    public const char OpenBar = '❲';
    public const char CloseBar = '❳';
    public const char OpenMatrix = '⦗';
    public const char CloseMatrix = '⦘';
    public const char NewRow = '⏎';
    public const char And = '∧';
    public const char Or = '∨';
    public const char Such = '∣';
    public const char Degree = '°';
    public const char Money = '¤';

    /// <summary>Relations, as they stand between two expressions.</summary>
    public const string Relations = "=<>≤≥≠≈≡∈∉⊂⊆";
}
