using System.Runtime.InteropServices;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Rollouts;

/// <summary>
/// The text of a rollout that is shown while it is drawn: only what no further token can take back. Half a character waits for its other
/// half, and what may be the beginning of a stop string until it is one, which nobody then sees, or is none. All pieces together are the
/// rollout's text.
/// </summary>
/// <param name="tokenizer">Of the model.</param>
/// <param name="stops">Texts that end the rollout, none of them empty.</param>
public sealed class StreamedText(Tokenizer tokenizer, IReadOnlyList<string> stops)
{
    private readonly RolloutText text = new(tokenizer, new() { StopStrings = stops });
    private readonly int longest = stops.Select(s => s.Length).DefaultIfEmpty().Max();
    private readonly List<int> ids = [];

    // The first token that is decoded, and what was shown of the text from there on.
    private int from;
    private string shown = "";

    /// <summary>Whether a stop string has come: the rollout ends here.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>How many tokens the next one is decoded with; bounded unless a stop string or the tokenizer's decoder needs more.</summary>
    internal int Kept => ids.Count - from;

    /// <summary>Takes the next token.</summary>
    /// <param name="token">Its id.</param>
    /// <returns>The text that is certain now and was not before; often empty.</returns>
    public string Add(int token)
    {
        ids.Add(token);
        var all = CollectionsMarshal.AsSpan(ids);
        IsStopped = text.IsStopped(all);
        if (IsStopped)
            return Piece(text.Of(all[from..], FinishReason.StopString));
        // Byte tokens in a row are one text or none, which is known when another token ends them.
        var settled = all[..tokenizer.Settled(all)];
        var piece = Piece(text.Certain(settled[from..]));
        Forget(settled);
        return piece;
    }

    /// <summary>What was held back, once no further token comes; empty after a stop string.</summary>
    public string Rest() => IsStopped ? "" : Piece(tokenizer.Decode(CollectionsMarshal.AsSpan(ids)[from..]));

    // A text of n tokens would be decoded n times. What was shown stays, so that its end is enough: one that decodes to the end of what
    // was shown (its first token may look otherwise alone, half a character does) and in which a stop string finds room.
    private void Forget(ReadOnlySpan<int> settled)
    {
        // Most tokens show a character or more.
        var window = 64 + longest;
        var later = settled.Length - from < 2 * window ? from : tokenizer.BoundaryBefore(settled, settled.Length - window);
        if (later == from)
            return;
        var tail = text.Certain(settled[later..]);
        if (tail.Length >= longest && shown.EndsWith(tail, StringComparison.Ordinal))
            (from, shown) = (later, tail);
    }

    // Text that is shorter than what is shown, or other, is a token's that changed what stood before it; it waits for the next one.
    private string Piece(string known)
    {
        if (!known.StartsWith(shown, StringComparison.Ordinal))
            return "";
        var piece = known[shown.Length..];
        shown = known;
        return piece;
    }

    /// <summary>Characters at a text's end that may be the beginning of a stop string, which it does not hold as a whole.</summary>
    internal static int Begun(string text, IReadOnlyList<string> stops)
    {
        var length = stops.Select(s => s.Length).DefaultIfEmpty().Max();
        while (length > 0 && !stops.Any(s => s.Length > length && text.AsSpan().EndsWith(s.AsSpan(0, length), StringComparison.Ordinal)))
            length--;
        return length;
    }
}
