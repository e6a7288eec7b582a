namespace G2RL.Onnx.Models;

/// <summary>A list of token ids that compares by content, so that a record holding one does too.</summary>
internal sealed class TokenIds(int[] ids) : IEquatable<TokenIds>
{
    public int[] Ids { get; } = ids;

    public bool Equals(TokenIds? other) => other is not null && Ids.AsSpan().SequenceEqual(other.Ids);

    public override bool Equals(object? obj) => Equals(obj as TokenIds);

    public override int GetHashCode() => Ids.Aggregate(17, (hash, id) => unchecked((hash * 31) + id));

    // A record prints its members with this.
    public override string ToString() => $"[{string.Join(", ", Ids)}]";
}
