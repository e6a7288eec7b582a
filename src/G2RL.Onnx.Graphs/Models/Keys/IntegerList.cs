namespace G2RL.Onnx.Models.Keys;

/// <summary>A list of integers that compares by content, so that a record holding one does too.</summary>
internal sealed class IntegerList(int[] items) : IEquatable<IntegerList>
{
    public int[] Items { get; } = items;

    public bool Equals(IntegerList? other) => other is not null && Items.AsSpan().SequenceEqual(other.Items);

    public override bool Equals(object? obj) => Equals(obj as IntegerList);

    public override int GetHashCode() => Items.Aggregate(17, (hash, item) => unchecked((hash * 31) + item));

    // A record prints its members with this.
    public override string ToString() => $"[{string.Join(", ", Items)}]";
}
