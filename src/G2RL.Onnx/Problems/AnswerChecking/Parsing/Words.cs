namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>What a run of letters means: a function, a constant, a separator, a word, or a product of variables.</summary>
internal static class Words
{
    private const int LongestProduct = 3;

    /// <summary>Adds the tokens of a run of letters outside of \text.</summary>
    /// <param name="word">The letters.</param>
    /// <param name="space">Whether white space stands before it.</param>
    /// <param name="isBehind">Whether it is glued to a number or a bracket before it.</param>
    /// <param name="isGlued">Whether it is glued to a value or a sign on either side.</param>
    /// <param name="add">Takes tokens.</param>
    /// <param name="addMark">Takes marks.</param>
    public static void Add(string word, bool space, bool isBehind, bool isGlued, Action<Token> add, Action<char> addMark)
    {
        if (Vocabulary.Filler.Contains(word) && !IsMoney(word))
            return;
        var lower = word.ToLowerInvariant();
        if (word.Length == 1)
        {
            add(new(TokenKind.Symbol, word, space));
        }
        else if (Vocabulary.Word.TryGetValue(lower, out var mark))
        {
            addMark(mark);
        }
        else if (Vocabulary.WordSymbol.TryGetValue(lower, out var symbol))
        {
            add(new(TokenKind.Symbol, symbol, space));
        }
        else if (Vocabulary.Function.TryGetValue(word, out var function))
        {
            add(new(TokenKind.Command, function, space));
        }
        else if (word is "sqrt" or "binom")
        {
            add(new(TokenKind.Command, word, space));
        }
        else if (isBehind && char.IsAsciiLetterUpper(word[^1]) && word[..^1] is "or" or "and")
        {
            // "W(x)=1orW(x)=-1"
            addMark(word[0] == 'o' ? Marks.Or : Marks.And);
            add(new(TokenKind.Symbol, word[^1..], space));
        }
        else if (IsProduct(word, isGlued) && !Units.IsKnown(word) && !NumberWords.Begins(lower))
        {
            foreach (var letter in word)
                add(new(TokenKind.Symbol, letter.ToString(), space));
        }
        else
        {
            add(new(TokenKind.Text, word, space));
        }
    }

    /// <summary>Whether it may be a currency, which says nothing beside a number. Elsewhere it is a product: rs, inr.</summary>
    public static bool IsMoney(string word) => word.Length <= LongestProduct && Vocabulary.Filler.Contains(word);

    /// <summary>Whether a currency is written in its usual case, and so may be glued to its number: 500Rs, 500USD.</summary>
    public static bool IsUsualMoney(string word) => word == "Rs" || (word.Length == 3 && word.All(char.IsAsciiLetterUpper));

    // "xyz" is a product, "dog" a word: a run of three small letters with a vowel in it is a word, unless it looks like variables: glued to
    // a value or a sign, only of a, b, c, x, y and z, or in the alphabet's order from a vowel on ("abn", "uvw"), perhaps with i at its end.
    private static bool IsProduct(string word, bool isGlued)
    {
        if (word.Length != LongestProduct || isGlued || word.AsSpan().ContainsAnyExceptInRange('a', 'z'))
            return word.Length <= LongestProduct;
        var letters = word[^1] == 'i' ? word.AsSpan(0, 2) : word;
        var vowel = letters.LastIndexOfAny("aeiou");
        return vowel < 0
            || (vowel == 0 && letters[0] < letters[1] && letters[1] <= letters[^1])
            || word.All(l => l is 'a' or 'b' or 'c' or 'x' or 'y' or 'z');
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
            if (Lexer.Tokens(content.ToString(), budget, thousands) is { } inner)
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
            else if (letters)
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
