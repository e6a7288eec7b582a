using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace G2RL.Onnx.Execution;

/// <summary>
/// The weights of a policy that learn as one run of bytes, in the order of <see cref="Policy.Trainable"/>: what travels between processes.
/// Of a run with adapters that is the adapters alone.
/// </summary>
/// <remarks>Bytes are read and written where the weights lie, without a copy of the whole; several ranges may be at work at once.</remarks>
internal sealed class FlatWeights
{
    /// <summary>Bytes that are looked at together.</summary>
    public const int HashedPiece = 4 << 20;

    private readonly Parameter[] parameters;
    private readonly long[] starts;

    /// <summary>A view of a policy's weights; holds nothing itself.</summary>
    public FlatWeights(Policy policy) : this(policy.Trainable)
    {
    }

    /// <summary>A view of any parameters, such as gradients.</summary>
    public FlatWeights(IEnumerable<Parameter> parameters)
    {
        this.parameters = [.. parameters];
        starts = new long[this.parameters.Length + 1];
        for (var i = 0; i < this.parameters.Length; i++)
            starts[i + 1] = checked(starts[i] + (this.parameters[i].Buffer.Length * sizeof(float)));
    }

    /// <summary>Bytes in all.</summary>
    public long Length => starts[^1];

    /// <summary>Copies a range out.</summary>
    /// <param name="offset">Its first byte.</param>
    /// <param name="into">Receives it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within <see cref="Length"/>.</exception>
    public void Read(long offset, Span<byte> into)
    {
        for (var i = First(offset, into.Length); into.Length > 0; i++)
        {
            var own = Piece(i, offset, into.Length);
            own.CopyTo(into);
            into = into[own.Length..];
            offset += own.Length;
        }
    }

    /// <summary>Copies a range in; nobody may compute with the weights meanwhile.</summary>
    /// <param name="offset">Its first byte.</param>
    /// <param name="from">The bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within <see cref="Length"/>.</exception>
    public void Write(long offset, ReadOnlySpan<byte> from)
    {
        for (var i = First(offset, from.Length); from.Length > 0; i++)
        {
            var own = Piece(i, offset, from.Length);
            from[..own.Length].CopyTo(own);
            from = from[own.Length..];
            offset += own.Length;
        }
    }

    /// <summary>Copies all numbers to another place.</summary>
    /// <param name="into">As many numbers, in parameters of the same sizes.</param>
    /// <param name="form">The form that they take there; null leaves them as they are.</param>
    public void CopyTo(FlatWeights into, WeightDelta.Form? form) => Parallel.For(
        0,
        checked((int)((Length + HashedPiece - 1) / HashedPiece)),
        i =>
        {
            for (long at = (long)i * HashedPiece, end = Math.Min(Length, at + HashedPiece); at < end;)
            {
                var from = At(at, (int)(end - at));
                var to = into.At(at, from.Length);
                if (form is null)
                    from.CopyTo(to);
                else
                    form(MemoryMarshal.Cast<byte, int>(from), MemoryMarshal.Cast<byte, int>(to));
                at += from.Length;
            }
        });

    /// <summary>Bytes where they lie: as many of a range as lie side by side.</summary>
    /// <param name="offset">The first one.</param>
    /// <param name="most">At most so many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The first one is not within <see cref="Length"/>.</exception>
    public Span<byte> At(long offset, int most) => Piece(First(offset, 1), offset, most);

    /// <summary>Adds a range of numbers to those that are here, in float32.</summary>
    /// <param name="offset">Its first byte, a multiple of 4.</param>
    /// <param name="from">The numbers' bytes, a multiple of 4 of them.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within <see cref="Length"/>.</exception>
    public void Add(long offset, ReadOnlySpan<byte> from)
    {
        for (var i = First(offset, from.Length); from.Length > 0; i++)
        {
            var own = Piece(i, offset, from.Length);
            var sums = MemoryMarshal.Cast<byte, float>(own);
            TensorPrimitives.Add(sums, MemoryMarshal.Cast<byte, float>(from[..own.Length]), sums);
            from = from[own.Length..];
            offset += own.Length;
        }
    }

    /// <summary>The name of these numbers; see <see cref="WeightIdentity"/>. Looks at all of them.</summary>
    public string Hash() => WeightIdentity.Of(this).Name(Length);

    // The parameter that holds the first byte.
    private int First(long offset, long count)
    {
        if (offset < 0 || offset + count > Length)
            throw new ArgumentOutOfRangeException(nameof(offset), $"Bytes {offset} to {offset + count} of {Length}.");
        var found = Array.BinarySearch(starts, offset);
        return found >= 0 ? found : ~found - 1;
    }

    // What parameter i holds of the range, where it lies.
    private unsafe Span<byte> Piece(int i, long offset, int most) =>
        new((byte*)parameters[i].Buffer.Pointer + (offset - starts[i]), (int)Math.Min(most, starts[i + 1] - offset));
}
