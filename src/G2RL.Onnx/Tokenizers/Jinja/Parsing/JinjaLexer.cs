using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja.Parsing;

/// <summary>What a token is.</summary>
internal enum TokenKind
{
    /// <summary>Text outside of tags.</summary>
    Text,

    /// <summary><c>{%</c>.</summary>
    BlockBegin,

    /// <summary><c>%}</c>.</summary>
    BlockEnd,

    /// <summary><c>{{</c>.</summary>
    ValueBegin,

    /// <summary><c>}}</c>.</summary>
    ValueEnd,

    /// <summary>A name or keyword.</summary>
    Name,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A text in quotes, unescaped.</summary>
    String,

    /// <summary>An operator or bracket.</summary>
    Operator,

    /// <summary>The end.</summary>
    End,
}

/// <summary>One token of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text.</param>
/// <param name="At">Where it begins.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int At);

/// <summary>Cuts a template into tokens, with white space handled as chat templates expect it (trim_blocks and lstrip_blocks on).</summary>
/// <param name="source">The template, with line feeds only.</param>
internal sealed class JinjaLexer(string source)
{
    private static readonly string[] Operators = ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")",
        "[", "]", "{", "}", ",", ":", ".", "|"];

    private readonly List<Token> tokens = [];
    private int at;
    private bool stripNext;
    private bool dropNewline;

    /// <summary>The tokens.</summary>
    /// <exception cref="InputException">A tag or quote without an end, or an unknown character.</exception>
    public List<Token> Tokens()
    {
        while (at < source.Length)
        {
            var tag = NextTag();
            AddText(tag);
            if (tag == source.Length)
                break;
            at = tag + 2 + (source.AsSpan(tag + 2) is ['-' or '+', ..] ? 1 : 0);
            if (source[tag + 1] == '#')
                SkipComment(tag);
            else if (source[tag + 1] == '%' && IsTag("raw", at, out var end))
                ReadRaw(tag, end);
            else
                ReadTag(tag);
        }

        tokens.Add(new Token(TokenKind.End, "", source.Length));
        return tokens;
    }

    /// <summary>A fault with its line.</summary>
    public static InputException Fault(string source, int at, string what) =>
        new($"The chat template, line {source.AsSpan(0, Math.Min(at, source.Length)).Count('\n') + 1}: {what}");

    private int NextTag()
    {
        for (var i = source.IndexOf('{', at); i >= 0 && i + 1 < source.Length; i = source.IndexOf('{', i + 1))
            if (source[i + 1] is '{' or '%' or '#')
                return i;
        return source.Length;
    }

    // Text up to a tag, less the white space that the tags on both sides take.
    private void AddText(int end)
    {
        var text = source.AsSpan(at, end - at);
        if (stripNext)
            text = text.TrimStart();
        else if (dropNewline && text is ['\n', ..])
            text = text[1..];
        (stripNext, dropNewline) = (false, false);
        if (end < source.Length)
        {
            var mark = end + 2 < source.Length ? source[end + 2] : ' ';
            if (mark == '-')
                text = text.TrimEnd();
            else if (mark != '+' && source[end + 1] != '{')
                text = LessIndent(text, end);
        }

        if (text.Length > 0)
            tokens.Add(new Token(TokenKind.Text, text.ToString(), at));
    }

    // A block that stands first in its line takes the blanks before it.
    private ReadOnlySpan<char> LessIndent(ReadOnlySpan<char> text, int end)
    {
        var start = end;
        while (start > 0 && source[start - 1] is ' ' or '\t')
            start--;
        return start == 0 || source[start - 1] == '\n' ? text[..Math.Max(0, text.Length - (end - start))] : text;
    }

    private void SkipComment(int tag)
    {
        var end = source.IndexOf("#}", at, StringComparison.Ordinal);
        if (end < 0)
            throw Fault(source, tag, "a comment has no end");
        stripNext = end > at && source[end - 1] == '-';
        dropNewline = true;
        at = end + 2;
    }

    // Text as it stands, up to the tag that ends it. No newline goes behind the first tag, as in Jinja.
    private void ReadRaw(int tag, int begin)
    {
        stripNext = source[begin - 3] == '-';
        dropNewline = false;
        at = begin;
        for (var end = begin; (end = source.IndexOf("{%", end, StringComparison.Ordinal)) >= 0; end += 2)
        {
            if (!IsTag("endraw", end + 2 + (source.AsSpan(end + 2) is ['-' or '+', ..] ? 1 : 0), out var behind))
                continue;
            AddText(end);
            stripNext = source[behind - 3] == '-';
            dropNewline = source[behind - 3] != '+';
            at = behind;
            return;
        }

        throw Fault(source, tag, "'raw' has no end");
    }

    // Whether a tag holds just this name, and where the tag ends.
    private bool IsTag(string name, int from, out int end)
    {
        end = source.IndexOf("%}", from, StringComparison.Ordinal);
        if (end < 0)
            return false;
        var content = source.AsSpan(from, end - from);
        end += 2;
        return content is [.. var inner, '-' or '+'] ? inner.Trim().SequenceEqual(name) : content.Trim().SequenceEqual(name);
    }

    private void ReadTag(int tag)
    {
        var block = source[tag + 1] == '%';
        tokens.Add(new Token(block ? TokenKind.BlockBegin : TokenKind.ValueBegin, block ? "{%" : "{{", tag));
        var close = block ? "%}" : "}}";
        var depth = 0;
        while (true)
        {
            while (at < source.Length && char.IsWhiteSpace(source[at]))
                at++;
            if (at >= source.Length)
                throw Fault(source, tag, $"'{(block ? "{%" : "{{")}' has no end");
            var rest = source.AsSpan(at);
            var marked = rest[0] is '-' or '+' && rest[1..].StartsWith(close) && depth == 0;
            if (marked || (depth == 0 && rest.StartsWith(close)))
            {
                stripNext = marked && rest[0] == '-';
                dropNewline = block && !(marked && rest[0] == '+');
                tokens.Add(new Token(block ? TokenKind.BlockEnd : TokenKind.ValueEnd, close, at));
                at += marked ? 3 : 2;
                return;
            }

            depth += ReadToken(rest) switch { "{" or "(" or "[" => 1, "}" or ")" or "]" => -1, _ => 0 };
        }
    }

    // Gives the operator, or nothing for other tokens.
    private string ReadToken(ReadOnlySpan<char> rest)
    {
        var start = at;
        if (rest[0] is '\'' or '"')
        {
            ReadString(rest[0]);
            return "";
        }

        if (char.IsAsciiLetter(rest[0]) || rest[0] == '_')
        {
            while (at < source.Length && (char.IsAsciiLetterOrDigit(source[at]) || source[at] == '_'))
                at++;
            tokens.Add(new Token(TokenKind.Name, source[start..at], start));
            return "";
        }

        if (char.IsAsciiDigit(rest[0]))
        {
            while (at < source.Length && (char.IsAsciiDigit(source[at])
                || (source[at] == '.' && at + 1 < source.Length && char.IsAsciiDigit(source[at + 1]))))
                at++;
            // An exponent: e, perhaps a sign, digits.
            var exponent = at + 1 < source.Length && source[at] is 'e' or 'E' ? source[at + 1] is '+' or '-' ? 2 : 1 : 0;
            if (exponent > 0 && at + exponent < source.Length && char.IsAsciiDigit(source[at + exponent]))
                for (at += exponent; at < source.Length && char.IsAsciiDigit(source[at]);)
                    at++;
            tokens.Add(new Token(TokenKind.Number, source[start..at], start));
            return "";
        }

        foreach (var op in Operators)
        {
            if (!rest.StartsWith(op))
                continue;
            at += op.Length;
            tokens.Add(new Token(TokenKind.Operator, op, start));
            return op;
        }

        throw Fault(source, at, $"the character '{rest[0]}' has no meaning here");
    }

    private void ReadString(char quote)
    {
        var start = at++;
        var text = new StringBuilder();
        while (true)
        {
            if (at >= source.Length)
                throw Fault(source, start, "a text in quotes has no end");
            var c = source[at++];
            if (c == quote)
                break;
            if (c != '\\' || at == source.Length)
            {
                text.Append(c);
                continue;
            }

            var escaped = source[at++];
            _ = escaped switch
            {
                'n' => text.Append('\n'),
                't' => text.Append('\t'),
                'r' => text.Append('\r'),
                'u' => text.Append(Unit(start)),
                '\\' or '\'' or '"' => text.Append(escaped),
                _ => text.Append('\\').Append(escaped),
            };
        }

        tokens.Add(new Token(TokenKind.String, text.ToString(), start));
    }

    private char Unit(int start)
    {
        if (at + 4 > source.Length
            || !ushort.TryParse(source.AsSpan(at, 4), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var unit))
            throw Fault(source, start, "'\\u' needs four hexadecimal digits");
        at += 4;
        return (char)unit;
    }
}
