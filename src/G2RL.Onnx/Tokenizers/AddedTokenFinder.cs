using System.Buffers;

namespace G2RL.Onnx.Tokenizers;

/// <summary>Cuts a text at added tokens: the leftmost match first, the longest where several begin at one place.</summary>
internal sealed class AddedTokenFinder
{
    private readonly Dictionary<char, AddedToken[]> byFirst;
    private readonly SearchValues<char> first;

    /// <param name="tokens">The tokens to find.</param>
    public AddedTokenFinder(IEnumerable<AddedToken> tokens)
    {
        byFirst = tokens.GroupBy(t => t.Content[0]).ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Content.Length).ToArray());
        first = SearchValues.Create([.. byFirst.Keys]);
    }

    /// <summary>The text in order: stretches without an added token (Id null), and added tokens.</summary>
    public IEnumerable<(string Text, int? Id)> Cut(string text)
    {
        var done = 0;
        for (var at = 0; Next(text, ref at) is { } token;)
        {
            var start = at;
            at += token.Content.Length;
            while (token.LeftStrip && start > done && char.IsWhiteSpace(text[start - 1]))
                start--;
            while (token.RightStrip && at < text.Length && char.IsWhiteSpace(text[at]))
                at++;
            if (start > done)
                yield return (text[done..start], null);
            yield return (token.Content, token.Id);
            done = at;
        }

        if (done < text.Length)
            yield return (done == 0 ? text : text[done..], null);
    }

    private AddedToken? Next(string text, ref int at)
    {
        while (at < text.Length)
        {
            var offset = text.AsSpan(at).IndexOfAny(first);
            if (offset < 0)
                return null;
            at += offset;
            foreach (var token in byFirst[text[at]])
                if (text.AsSpan(at).StartsWith(token.Content))
                    return token;
            at++;
        }

        return null;
    }
}
