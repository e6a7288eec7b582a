namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>
/// Lengths of batches, rounded up: multiples of 8, as the tensor units of a GPU read narrow numbers, and few of them, so that shapes come
/// again. At most seven, or a sixteenth, is padding.
/// </summary>
internal static class LengthBuckets
{
    private const int Least = 8;
    private const int PerOctave = 16;

    /// <summary>The least length of a bucket that holds a length: 8, 16, ... 256, then 272, ... 512, then 544, ...</summary>
    public static int Up(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        var step = Math.Max(Least, (1 << int.Log2(length)) / PerOctave);
        return checked((length + step - 1) / step * step);
    }
}
