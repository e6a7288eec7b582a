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

    /// <summary>1 on tokens, 0 on padding [B, T].</summary>
    public long* Mask;

    public int Rows, Tokens, Heads, KeyHeads, Width, Window;

    /// <summary>What products of queries and keys are multiplied by.</summary>
    public float Scale;

    /// <summary>c of c tanh(score / c); 0: none.</summary>
    public float Cap;

    /// <summary>The width of a head, filled up to whole vectors.</summary>
    public readonly int Padded => (Width + 15) / 16 * 16;

    /// <summary>Tokens, filled up likewise.</summary>
    public readonly int PaddedTokens => (Tokens + 15) / 16 * 16;

    /// <summary>Reads sizes and settings; queries, keys, values and mask are inputs from <paramref name="first"/> on.</summary>
    public static AttentionState Of(in KernelContext context, int first)
    {
        KernelTensor q = context.Input(first), k = context.Input(first + 1), v = context.Input(first + 2), mask = context.Input(first + 3);
        if (q.Rank != 4 || k.Rank != 4 || k[2] == 0 || q[2] % k[2] != 0 || q[3] != k[3])
            throw new ArgumentException("Queries are [B, T, H, d], keys and values [B, T, K, d], and K divides H.");
        k.Require((long)q[0] * q[1] * k[2] * q[3], "keys");
        v.Require(k.Length, "values");
        mask.Require((long)q[0] * q[1], "mask");
        return new()
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
        };
    }
}
