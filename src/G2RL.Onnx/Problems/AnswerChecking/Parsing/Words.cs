namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>What a run of letters means: a function, a constant, a separator, a word, or a product of variables.</summary>
internal static class Words
{
    private const int LongestProduct = 3;

    /// <summary>Adds the tokens of a run of letters outside of \text.</summary>
    public static void Add(string word, bool space, bool afterValue, Action<Token> add, Action<char> addMark)
    {
        if (word.Length == 1)
        {
            add(new(TokenKind.Symbol, word, space));
            return;
        }

        var lower = word.ToLowerInvariant();
        if (Vocabulary.Word.TryGetValue(lower, out var mark))
        {
            addMark(mark);
        }
        else if (Vocabulary.WordSymbol.TryGetValue(lower, out var symbol) && lower != "inf" || word == "inf" && (symbol = "infty") != "")
        {
            add(new(TokenKind.Symbol, symbol!, space));
        }
        else if (Vocabulary.Function.TryGetValue(word, out var function))
        {
            add(new(TokenKind.Command, function, space));
        }
        else if (word is "sqrt" or "binom")
        {
            add(new(TokenKind.Command, word, space));
        }
        else if (Vocabulary.Filler.Contains(word))
        {
            return;
        }
        else if (afterValue && word.Length > 2 && char.IsAsciiLetterUpper(word[^1]) && word[..^1] is "or" or "and")
        {
            // "W(x)=1orW(x)=-1"
            addMark(word[0] == 'o' ? Marks.Or : Marks.And);
            add(new(TokenKind.Symbol, word[^1..], false));
        }
        else if (word.Length <= LongestProduct && !Units.IsKnown(word) && !NumberWords.Begins(lower))
        {
            foreach (var letter in word)
            {
                add(new(TokenKind.Symbol, letter.ToString(), space));
                space = false;
            }
        }
        else
        {
            add(new(TokenKind.Text, word, space));
        }
    }

    /// <summary>Adds the tokens of the content of \text: separators, numbers, and words as they stand.</summary>
    public static void AddProse(
        ReadOnlySpan<char> content,
        bool space,
        Action<Token> add,
        Action<char> addMark,
        Budget budget,
        bool thousands)
    {
        if (content.ContainsAnyInRange('0', '9') || content.Contains('\\') || content.Contains('$'))
        {
            if (content.IndexOf("\\text", StringComparison.Ordinal) < 0
                && Lexer.Tokens(content.ToString(), budget, thousands, out _) is { } inner)
            {
                for (var i = 0; i < inner.Count - 1; i++)
                {
                    if (inner[i].Kind == TokenKind.Mark)
                        addMark(inner[i].Text[0]);
                    else
                        add(inner[i] with { SpaceBefore = i == 0 ? space : inner[i].SpaceBefore, IsUpright = true });
                }
            }

            return;
        }

        var words = content.ToString().Split([' ', '~', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries);
        var letters = Array.TrueForAll(words, w =>
            w.TrimEnd(',').Trim('(', ')') is { Length: 1 } or "and" or "or" || w.Split(',').All(p => p.Length == 1));
        var pending = new List<string>();
        foreach (var word in words)
        {
            var bare = word.Trim(',', ';');
            if (Vocabulary.Word.TryGetValue(bare.ToLowerInvariant(), out var mark))
            {
                Flush();
                addMark(mark);
            }
            else if (letters && words.Length + word.Length > 2)
            {
                // A list of choices, as in \text{A, B} and \text{B,E}.
                foreach (var choice in word.Split(',', StringSplitOptions.RemoveEmptyEntries))
                {
                    pending.Add(choice);
                    Flush();
                    if (words.Length > 1 || word.Length > choice.Length)
                        addMark(',');
                }
            }
            else
            {
                pending.Add(bare);
            }
        }

        Flush();

        void Flush()
        {
            if (pending.Count > 0)
                add(new(TokenKind.Text, string.Join(' ', pending), true));
            pending.Clear();
        }
    }
}
