namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>
/// Splits an answer, LaTeX or plain text, into tokens of normal spelling. Layout is dropped: spaces, \left, \displaystyle, $. Never
/// fails; one pass,
/// and each character costs a bounded amount of work.
/// </summary>
internal sealed class Lexer
{
    private const string Superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

    private readonly string text;
    private readonly Budget budget;
    private readonly bool thousands;
    private readonly List<Token> tokens = [];
    private int at;
    private int brackets;
    private bool space;
    private int matrices;
    private char lastBar;

    private Lexer(string text, Budget budget, bool thousands) => (this.text, this.budget, this.thousands) = (text, budget, thousands);

    /// <summary>The tokens, the last one being <see cref="TokenKind.End"/>; null when the text is too long or the budget is
    /// spent.</summary>
    /// <param name="text">The answer.</param>
    /// <param name="budget">Pays for it.</param>
    /// <param name="thousands">Whether a plain comma may set thousands apart.</param>
    public static List<Token>? Tokens(string text, Budget budget, bool thousands)
    {
        if (text.Length > Budget.MaxLength)
        {
            budget.Refuse();
            return null;
        }

        var lexer = new Lexer(Escapes.Undouble(Vocabulary.Halfwidth(text)), budget, thousands);
        return lexer.Run() ? lexer.tokens : null;
    }

    private bool Run()
    {
        while (at < text.Length)
        {
            if (!budget.Spend(1))
                return false;
            var letter = text[at];
            if (char.IsWhiteSpace(letter)
                || letter is '~' or '$' or '\u200B' or '\uFEFF' or '\u2061' or '€' or '£' or '¥' or '₹' or '₽' or '\u0000')
            {
                space = true;
                at++;
            }
            else if (letter == '\\')
            {
                Command();
            }
            else if (Numerals.Read(text, at, InList, indian: !InList) is { } number && (!number.IsGrouped || thousands))
            {
                Add(new(TokenKind.Number, text.Substring(at, number.Length), space, number.Value, number.IsDecimal));
                at += number.Length;
            }
            else if (char.IsAsciiDigit(letter))
            {
                var count = Numerals.Digits(text, at);
                var plain = Numerals.Read(text.AsSpan(at, count), 0)!.Value;
                Add(new(TokenKind.Number, text.Substring(at, count), space, plain.Value));
                at += count;
            }
            else if (char.IsAsciiLetter(letter))
            {
                Word();
            }
            else
            {
                Character(letter);
            }
        }

        Add(new(TokenKind.End, "", space));
        return true;
    }

    // Between parentheses and brackets a comma separates; LaTeX's own braces do not count.
    private bool InList => brackets > 0;

    private void Add(Token token)
    {
        tokens.Add(token);
        space = false;
    }

    private void AddMark(char mark)
    {
        if (mark is '(' or '[' or Marks.OpenSet)
            brackets++;
        else if (mark is ')' or ']' or Marks.CloseSet)
            brackets = Math.Max(0, brackets - 1);
        Add(new(TokenKind.Mark, mark.ToString(), space));
    }

    private void Character(char letter)
    {
        at++;
        var next = at < text.Length ? text[at] : '\0';
        if (Vocabulary.Letters.TryGetValue(letter, out var name))
        {
            Add(new(TokenKind.Symbol, name, space));
            return;
        }

        if (Vocabulary.Fractions.TryGetValue(letter, out var fraction))
        {
            VulgarFraction(fraction.Above, fraction.Below);
            return;
        }

        if (Superscripts.Contains(letter) || (letter == '⁻' && Superscripts.Contains(next)))
        {
            Superscript(letter == '⁻');
            return;
        }

        if (letter == '√')
        {
            Add(new(TokenKind.Command, "sqrt", space));
            return;
        }

        var (mark, skipped) = (letter, next) switch
        {
            ('<', '=') or ('=', '<') => ('≤', 1),
            ('>', '=') or ('=', '>') => (letter == '=' ? '→' : '≥', 1),
            ('!', '=') when at + 1 >= text.Length || text[at + 1] != '=' => ('≠', 1),
            ('=', '=') => ('=', 1),
            ('*', '*') => ('^', 1),
            _ => (Vocabulary.Unicode.TryGetValue(letter, out var same) ? same : letter, 0),
        };
        at += skipped;
        if (mark == '^' && skipped == 1 && IsEmphasis())
            return;
        if (mark == '&' && matrices == 0)
            return;
        if (mark == '|')
            mark = Bar();
        if (char.IsLetter(mark))
            Add(new(TokenKind.Text, mark.ToString(), space));
        else
            AddMark(mark);
    }

    // Written out as \frac, so that behind a whole number it is a mixed number: -2½ is -(2 + 1/2).
    private void VulgarFraction(int above, int below)
    {
        Add(new(TokenKind.Command, "frac", space));
        foreach (var part in (ReadOnlySpan<int>)[above, below])
        {
            AddMark('{');
            Add(new(TokenKind.Number, part.ToString(), space, part));
            AddMark('}');
        }
    }

    // A run of raised digits is one exponent: 2¹⁰ is 2^{10}.
    private void Superscript(bool isNegative)
    {
        var start = isNegative ? at : at - 1;
        for (at = start; at < text.Length && Superscripts.Contains(text[at]);)
            at++;
        var digits = string.Concat(text[start..at].Select(raised => (char)('0' + Superscripts.IndexOf(raised))));
        AddMark('^');
        AddMark('{');
        if (isNegative)
            AddMark('-');
        Add(new(TokenKind.Number, digits, space, Numerals.Read(digits, 0)!.Value.Value));
        AddMark('}');
    }

    // **18** is emphasis; 2**3 is a power.
    private bool IsEmphasis() => tokens.Count == 0 || text.AsSpan(at).Trim().IsEmpty;

    private char Bar()
    {
        var was = lastBar;
        lastBar = default;
        return was == 'l' ? Marks.OpenBar : was == 'r' ? Marks.CloseBar : '|';
    }

    private void Word()
    {
        var start = at;
        while (at < text.Length && (char.IsAsciiLetter(text[at])
            || (text[at] is '\'' or '-' && at > start + 2 && at + 1 < text.Length && char.IsAsciiLetter(text[at + 1]))))
            at++;
        var word = text[start..at];
        if (Words.IsMoney(word) && IsBesideNumber(word))
        {
            // The stop of "Rs.500" is not a decimal point.
            if (at < text.Length && text[at] == '.')
                at++;
            return;
        }

        if (word is "min" or "sec" && tokens.Count > 0 && tokens[^1].Kind == TokenKind.Number && !HasArgument())
        {
            // "5 min" is a time, "3 min(4, 5)" and "2 sec x" are products.
            Add(new(TokenKind.Text, word, space));
            return;
        }

        // "2xyz", "xyz^2": what is glued to something else is mathematics.
        var isBehind = start > 0 && text[start - 1] is >= '0' and <= '9' or ')' or '}';
        var isGlued = isBehind || (at < text.Length && text[at] is '^' or '_');
        Words.Add(word, space, isBehind, isGlued, Add, AddMark);
        space = false;
    }

    // The word that was read stands before a number, or behind a value. Glued to it, as in 2rs, letters are variables.
    private bool IsBesideNumber(string word)
    {
        var rest = text.AsSpan(at).TrimStart(" .~$\\");
        if (!rest.IsEmpty && char.IsAsciiDigit(rest[0]))
            return true;
        if (tokens.Count == 0)
            return false;
        if (Words.IsUsualMoney(word))
            return tokens[^1].Kind is TokenKind.Number or TokenKind.Text || tokens[^1].Is('}') || tokens[^1].Is(')');
        return space && tokens[^1].Kind is TokenKind.Number or TokenKind.Text;
    }

    // Whether what follows may be the argument of a function.
    private bool HasArgument()
    {
        var rest = text.AsSpan(at).TrimStart(" ~");
        return !rest.IsEmpty && (char.IsAsciiLetterOrDigit(rest[0]) || rest[0] is '(' or '[' or '{' or '\\' or '^' or '_');
    }

    private void Command()
    {
        at++;
        if (at >= text.Length)
            return;
        var start = at;
        if (!char.IsAsciiLetter(text[at]))
        {
            at++;
            Symbolic(text[start].ToString());
            return;
        }

        while (at < text.Length && char.IsAsciiLetter(text[at]))
            at++;
        var name = text[start..at];
        // "\quadx" is \quad and x: the longest known beginning counts.
        for (var length = name.Length - 1; length >= 2 && !Vocabulary.IsKnown(text[start..at]); length--)
        {
            if (Vocabulary.IsKnown(name[..length]))
                at = start + length;
        }

        Named(text[start..at]);
    }

    private void Symbolic(string name)
    {
        if (name == "\\")
            AddMark(Marks.NewRow);
        else if (name is "," or ";" or ":" or " " or "!" or "(" or ")" or "[" or "]" or "/" or "\n" or "\t")
            space = true;
        else if (Vocabulary.Mark.TryGetValue(name, out var mark))
            AddMark(mark);
        else
        {
            // An escaped sign is the sign.
            at--;
            Character(name[0]);
        }
    }

    private void Named(string name)
    {
        if (Vocabulary.Transparent.Contains(name))
        {
            space = true;
            if (name is "left" or "right" && at < text.Length)
            {
                lastBar = name == "left" ? 'l' : 'r';
                // \left. and \right. are nothing at all.
                if (text[at] == '.')
                    at++;
                else if (text[at] != '|')
                    lastBar = default;
            }
        }
        else if (Vocabulary.Mark.TryGetValue(name, out var mark))
        {
            AddMark(mark);
        }
        else if (Vocabulary.Dropped.Contains(name))
        {
            Braced.Content(text, ref at);
        }
        else if (Vocabulary.Prose.Contains(name))
        {
            Prose(name);
        }
        else if (name == "mathbb")
        {
            var letter = Braced.Content(text, ref at)?.Trim() is { Length: > 0 } content ? content : name;
            Add(new(TokenKind.Symbol, letter == "R" ? "reals" : letter, space));
        }
        else if (name is "begin" or "end")
        {
            Environment(name);
        }
        else if (Vocabulary.Function.TryGetValue(name, out var function) || Vocabulary.Structure.TryGetValue(name, out function))
        {
            Add(new(TokenKind.Command, function, space));
        }
        else
        {
            Add(new(TokenKind.Symbol, Vocabulary.SameSymbol.GetValueOrDefault(name, name), space));
        }
    }

    private void Environment(string name)
    {
        if (Braced.Content(text, ref at) is not { } environment || !Vocabulary.Matrix.Contains(environment.Trim()))
            return;
        var open = name == "begin";
        // Between bars stands a determinant or a norm, not the matrix itself.
        if (open && environment.Trim() is "vmatrix" or "Vmatrix")
            Add(new(TokenKind.Command, environment.Trim() == "vmatrix" ? "det" : "abs", space));
        if (open && environment.Trim() == "array")
            Braced.Content(text, ref at);
        matrices = Math.Max(0, matrices + (open ? 1 : -1));
        AddMark(open ? Marks.OpenMatrix : Marks.CloseMatrix);
    }

    // Stops and spaces around prose say nothing, but a point or backslash before what it belongs to does: \text{.5}, \mathrm{\frac12}.
    private static ReadOnlySpan<char> Trimmed(string content)
    {
        var rest = content.AsSpan().TrimEnd(" .,;:~\\");
        // None of these ends it, so that something stands behind each.
        while (!rest.IsEmpty && (" ,;:~".Contains(rest[0])
            || (rest[0] == '.' && !char.IsAsciiDigit(rest[1]))
            || (rest[0] == '\\' && !char.IsAsciiLetter(rest[1]))))
            rest = rest[1..];
        return rest;
    }

    private void Prose(string command)
    {
        var content = Braced.Content(text, ref at) ?? "";
        var trimmed = Trimmed(content);
        if (trimmed.IsEmpty)
        {
            space = true;
            if (content.AsSpan().Trim(" ~") is [',' or ';' or ':'])
                AddMark(content.Contains(':') ? ':' : ',');
        }
        else if (trimmed.Length == 1 && char.IsAsciiLetter(trimmed[0]) && command is "mathrm" or "mathsf" or "operatorname")
        {
            Add(new(TokenKind.Symbol, trimmed.ToString(), space, IsUpright: true));
        }
        else
        {
            var apart = space || content[0] is ' ' or '~' || !command.StartsWith("math", StringComparison.Ordinal);
            Words.AddProse(trimmed, apart, Add, AddMark, budget, thousands);
        }
    }
}
