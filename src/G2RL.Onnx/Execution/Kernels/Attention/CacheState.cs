using G2RL.Onnx.Execution.CustomOperators;

namespace G2RL.Onnx.Execution.Kernels.Attention;

/// <summary>Tensors and sizes of one call of attention over a cache.</summary>
internal unsafe struct CacheState
{
    /// <summary>Positions of a block: its scores, and the keys and values that they belong to, lie in the nearest caches.</summary>
    public const int Block = 512;

    /// <summary>[B, S, H, d]</summary>
    public float* Queries;

    /// <summary>New keys and values [B, S, K, d].</summary>
    public float* NewKeys, NewValues;

    /// <summary>The cache [B, K, C, w], new ones included, in its own type.</summary>
    public byte* Keys, Values;

    /// <summary>What numbers of a key or value are multiplied by [B, K, C]; null where nothing is.</summary>
    public float* KeyScales, ValueScales;

    /// <summary>[B*S, H*d]</summary>
    public float* Mixed;

    /// <summary>The last filled position of each row, the new tokens included [B].</summary>
    public int* Ends;

    /// <summary>What blocks leave where a row has several: [B, K, S, blocks, group, w + 2]; else null.</summary>
    public float* Partial;

    public int Rows, Tokens, Heads, KeyHeads, Width, CacheWidth, Capacity, Window, Blocks;

    /// <summary>What products of queries and keys are multiplied by.</summary>
    public float Scale;

    /// <summary>c of c tanh(score / c); 0: none.</summary>
    public float Cap;

    /// <summary>Query heads that share a key head.</summary>
    public readonly int Group => Heads / KeyHeads;

    /// <summary>The cache's width, filled up to whole vectors.</summary>
    public readonly int Padded => (CacheWidth + 15) / 16 * 16;

    /// <summary>Numbers that a block leaves for a head: sums of values, the largest score, the sum of powers.</summary>
    public readonly int Line => Padded + 2;

    /// <summary>Numbers that a call takes for the time of it, where rows have filled the cache.</summary>
    /// <param name="tokens">New tokens of all rows.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="keyHeads">Key heads.</param>
    /// <param name="positions">Positions of the cache.</param>
    /// <param name="width">Its width.</param>
    /// <param name="threads">Threads at work.</param>
    public static long Scratch(long tokens, long heads, long keyHeads, long positions, long width, int threads)
    {
        long padded = (width + 15) / 16 * 16, blocks = (positions + Block - 1) / Block, group = heads / keyHeads;
        var own = Math.Min(threads, tokens * keyHeads * blocks) * group * (Block + (2 * padded));
        return own + (blocks > 1 ? tokens * heads * blocks * (padded + 2) : 0);
    }

    /// <summary>Reads sizes and settings, and checks whatever an address is made of.</summary>
    public static CacheState Of(in KernelContext context)
    {
        KernelTensor q = context.Input(0), k = context.Input(1), v = context.Input(2);
        KernelTensor keys = context.Input(3), values = context.Input(4), ends = context.Input(5);
        if (q.Rank != 4 || k.Rank != 4 || k[2] == 0 || q[2] % k[2] != 0 || q[3] != k[3])
            throw new ArgumentException("Queries are [B, S, H, d], new keys and values [B, S, K, d], and K divides H.");
        if (keys.Rank != 4 || keys[0] != q[0] || keys[1] != k[2] || keys[3] < q[3])
            throw new ArgumentException("The cache is [B, K, C, w], and w is d at least.");
        k.Require((long)q[0] * q[1] * k[2] * q[3], "new keys");
        v.Require(k.Length, "new values");
        values.Require(keys.Length, "cached values");
        ends.Require(q[0], "ends");
        for (var i = 6; i < context.Inputs; i++)
            context.Input(i).Require(keys.Length / keys[3], "scales of the cache");
        var state = new CacheState
        {
            Queries = q.Floats,
            NewKeys = k.Floats,
            NewValues = v.Floats,
            Ends = ends.Integers,
            Rows = q[0],
            Tokens = q[1],
            Heads = q[2],
            KeyHeads = k[2],
            Width = q[3],
            Capacity = keys[2],
            CacheWidth = keys[3],
            Scale = (float)context.Attribute(0),
            Window = (int)context.Attribute(1),
            Cap = (float)context.Attribute(2),
        };
        var longest = 0;
        for (var row = 0; row < state.Rows; row++)
        {
            var end = state.Ends[row];
            if (end >= state.Capacity || end < state.Tokens - 1)
                throw new ArgumentException(
                    $"Row {row} ends at {end} with {state.Tokens} new tokens; the cache has {state.Capacity} positions.");
            longest = Math.Max(longest, end + 1);
        }
        state.Blocks = (longest + Block - 1) / Block;
        return state;
    }
}
