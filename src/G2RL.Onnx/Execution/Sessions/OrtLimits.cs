namespace G2RL.Onnx.Execution.Sessions;

/// <summary>What ONNX Runtime cannot do, whatever the memory.</summary>
internal static class OrtLimits
{
    /// <summary>
    /// Refuses a tensor whose elements its kernels cannot count: many index with 32 bits, and beyond that they read and write elsewhere.
    /// </summary>
    /// <param name="rows">Rows.</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="what">What the tensor is, for the message.</param>
    /// <param name="setting">The setting that sets the rows.</param>
    /// <exception cref="InputException">rows x width is 2^31 or more.</exception>
    public static void RequireIndices(long rows, long width, string what, string setting)
    {
        if (rows * (double)width >= 1L << 31)
            throw new InputException(
                $"{setting} is {rows}; {what} would have {rows} x {width} numbers, and ONNX Runtime indexes with 32 bits (below "
                    + "2147483648). "
                + $"Set {setting} to at most {((1L << 31) - 1) / width}.");
    }
}
