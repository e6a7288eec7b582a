namespace G2RL.Onnx.Rollouts;

/// <summary>
/// Philox4x32-10: a counter-based random function. The same key and counter give the same 128 bits on every machine, in any order.
/// </summary>
/// <remarks>Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.</remarks>
internal static class Philox
{
    /// <summary>128 random bits of a 64-bit key and a 128-bit counter.</summary>
    public static (uint A, uint B, uint C, uint D) Block(ulong key, uint c0, uint c1, uint c2, uint c3)
    {
        var (k0, k1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < 10; round++)
        {
            var p0 = (ulong)c0 * 0xD2511F53u;
            var p1 = (ulong)c2 * 0xCD9E8D57u;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        return (c0, c1, c2, c3);
    }
}
