using G2RL.Onnx.Execution.CustomOperators;

namespace G2RL.Onnx.Execution.Kernels.Attention;

/// <summary>Tensors and sizes of one call of attention.</summary>
internal unsafe struct AttentionState
{
    /// <summary>[B, T, H, d]; gradients lie likewise.</summary>
    public float* Queries, QueryGradients;

    /// <summary>[B, T, K, d]</summary>
    public float* Keys, Values, KeyGradients, ValueGradients;

    /// <summary>[B*T, H*d]</summary>
    public float* Mixed, MixedGradients;

    /// <summary>Logarithm of the sum of a row's e^score [B, H, T]; infinite where a token sees nothing.</summary>
    public float* LogSums;

    /// <summary>1 on tokens, 0 on padding [B, T]; of packed rows every one is a token.</summary>
    public long* Mask;

    /// <summary>Of packed rows the segments, see <see cref="AttentionSegment"/>; else null.</summary>
    public long* Segments;

    public int Rows, Tokens, Heads, KeyHeads, Width, Window;

    /// <summary>Segments; trees, which attend nothing of each other; and the most keys that a token of any may see.</summary>
    public int SegmentCount, Trees, Reach;

    /// <summary>What products of queries and keys are multiplied by.</summary>
    public float Scale;

    /// <summary>c of c tanh(score / c); 0: none.</summary>
    public float Cap;

    /// <summary>The width of a head, filled up to whole vectors.</summary>
    public readonly int Padded => (Width + 15) / 16 * 16;

    /// <summary>The most keys, filled up likewise.</summary>
    public readonly int PaddedTokens => (Reach + 15) / 16 * 16;

    /// <summary>
    /// Reads sizes and settings; queries, keys, values and mask are inputs from <paramref name="first"/> on, segments one of its own.
    /// </summary>
    public static AttentionState Of(in KernelContext context, int first, int segments)
    {
        KernelTensor q = context.Input(first), k = context.Input(first + 1), v = context.Input(first + 2), mask = context.Input(first + 3);
        if (q.Rank != 4 || k.Rank != 4 || k[2] == 0 || q[2] % k[2] != 0 || q[3] != k[3])
            throw new ArgumentException("Queries are [B, T, H, d], keys and values [B, T, K, d], and K divides H.");
        k.Require((long)q[0] * q[1] * k[2] * q[3], "keys");
        v.Require(k.Length, "values");
        mask.Require((long)q[0] * q[1], "mask");
        AttentionState state = new()
        {
            Queries = q.Floats,
            Keys = k.Floats,
            Values = v.Floats,
            Mask = mask.Longs,
            Rows = q[0],
            Tokens = q[1],
            Heads = q[2],
            KeyHeads = k[2],
            Width = q[3],
            Scale = (float)context.Attribute(0),
            Window = (int)context.Attribute(1),
            Cap = (float)context.Attribute(2),
            Trees = q[0],
            Reach = q[1],
        };
        if (context.Input(segments) is { Exists: true } packed)
            state.Take(packed);
        return state;
    }

    /// <summary>The segment that a tree begins with.</summary>
    public readonly AttentionSegment Root(int tree)
    {
        if (Segments is null)
            return new() { Row = tree, Own = Tokens };
        for (int at = 0, first = 0; ; first += (int)Segments[2 * at++])
            if (Segments[(2 * at) + 1] == 0 && tree-- == 0)
                return new() { Index = at, First = first, Own = (int)Segments[2 * at] };
    }

    /// <summary>Goes on to the next segment of a tree; false where there is none.</summary>
    public readonly bool Next(ref AttentionSegment segment)
    {
        var next = segment.Index + 1;
        if (Segments is null || next == SegmentCount || Segments[(2 * next) + 1] == 0)
            return false;
        segment = new()
        {
            Index = next,
            First = segment.First + segment.Own,
            Shared = segment.Shared > 0 ? segment.Shared : segment.Own,
            Own = (int)Segments[2 * next],
        };
        return true;
    }

    private void Take(KernelTensor packed)
    {
        if (Rows != 1 || packed.Rank != 2 || packed[1] != 2)
            throw new ArgumentException("Segments are [S, 2], and packed tokens one row [1, T].");
        Segments = packed.Longs;
        (SegmentCount, Trees, Reach) = (packed[0], 0, 0);
        long sum = 0, root = 0;
        for (var i = 0; i < SegmentCount; i++)
        {
            var (own, branch) = (Segments[2 * i], Segments[(2 * i) + 1]);
            if (own < 1 || own > Tokens || branch is not (0 or 1) || (branch == 1 && root == 0))
                throw new ArgumentException($"Segment {i} is ({own}, {branch}): tokens, at least 1, and 0 for a root or 1 for a branch.");
            sum += own;
            if (branch == 0)
                (root, Trees) = (own, Trees + 1);
            Reach = Math.Max(Reach, (int)Math.Min(Tokens, branch == 0 ? own : root + own));
        }
        if (sum != Tokens)
            throw new ArgumentException($"Segments have {sum} tokens; the row has {Tokens}.");
    }
}

/// <summary>
/// Tokens that attend what is before them among themselves, and, where they are a branch, all of their tree's root before that: a prompt is
/// a root, its responses are branches. Segments of packed rows lie one behind the other, a line each of two numbers: tokens, and 0 for a
/// root or 1 for a branch of the last root. A row that is not packed is a root.
/// </summary>
internal struct AttentionSegment
{
    /// <summary>The row; the first token in it; its number among segments.</summary>
    public int Row, First, Index;

    /// <summary>Tokens of the root before it, 0 for a root; tokens of its own.</summary>
    public int Shared, Own;

    /// <summary>Keys that its last token may see.</summary>
    public readonly int Reach => Shared + Own;
}
