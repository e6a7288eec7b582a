using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>Sizes of one call of attention.</summary>
/// <param name="Rows">B</param>
/// <param name="Tokens">T</param>
/// <param name="Heads">H</param>
/// <param name="KeyHeads">K, a divisor of H.</param>
/// <param name="Width">d</param>
/// <param name="Window">How many tokens are seen, the token itself included; 0: all.</param>
/// <param name="Scale">What products of queries and keys are multiplied by.</param>
internal readonly record struct AttentionSizes(int Rows, int Tokens, int Heads, int KeyHeads, int Width, int Window, float Scale)
{
    /// <summary>Elements of queries, of what is mixed, and of their gradients.</summary>
    public long Queries => checked((long)Rows * Tokens * Heads * Width);

    /// <summary>Elements of keys, of values, and of their gradients.</summary>
    public long Keys => checked((long)Rows * Tokens * KeyHeads * Width);

    /// <summary>Elements of the logarithms of sums.</summary>
    public long Sums => checked((long)Rows * Heads * Tokens);
}

/// <summary>attention.ptx: causal attention and its gradients whose shares stay on the chip, on tensor cores.</summary>
/// <param name="kernels">The modules.</param>
internal sealed class AttentionKernels(KernelCache kernels)
{
    /// <summary>Compute capability, major, of the first devices whose tensor cores take bfloat16.</summary>
    public const int LeastMajor = 8;

    /// <summary>Bytes of what a token sees.</summary>
    public const int PlaceBytes = 4 * sizeof(int);

    private const string Module = "attention";
    private const int PlaceThreads = 128;

    // Of attention.cu: queries or keys of a block, keys of a tile, queries or keys of a tile of the backward pass.
    private const int Owned = 128;
    private const int Keys = 64;
    private const int Tile = 32;
    private const int ForwardThreads = 128;
    private const int BackwardThreads = 256;

    /// <summary>Why a device does not run the kernels, whatever the model; null where it does.</summary>
    /// <param name="device">The device.</param>
    /// <param name="type">Type of products.</param>
    public static string? Misfit(CudaDevice device, ElementType type) =>
        type != ElementType.BFloat16 ? $"execution.precision is {type.ToString().ToLowerInvariant()}; they read bfloat16"
        : device.Major < LeastMajor ? $"{device.Name} has compute capability {device.Major}.{device.Minor}; they need {LeastMajor}.0"
        : null;

    /// <summary>Mixed values and the logarithms of the sums of e^score, infinite where a token sees nothing.</summary>
    /// <param name="s">Sizes.</param>
    /// <param name="q">bfloat16 [B, T, H, d]</param>
    /// <param name="k">bfloat16 [B, T, K, d]</param>
    /// <param name="v">bfloat16 [B, T, K, d]</param>
    /// <param name="mask">int64 [B, T], 1 on tokens, 0 on padding.</param>
    /// <param name="places">Of packed rows what <see cref="Places"/> gave; else 0.</param>
    /// <param name="mixed">Receives bfloat16 [B*T, H*d].</param>
    /// <param name="logSums">Receives float32 [B, H, T].</param>
    public void Forward(in AttentionSizes s, nint q, nint k, nint v, nint mask, nint places, nint mixed, nint logSums) =>
        kernels.LaunchWith(
            Module, Entry("forward", s), (Blocks(s), s.Heads, s.Rows), ForwardThreads, Room(s, Owned + (2 * Keys)),
            q, k, v, mask, places, s.Tokens, s.Heads, s.KeyHeads, s.Width, s.Window, s.Scale, mixed, logSums);

    /// <summary>Gradients of queries, keys and values, in their shapes and type.</summary>
    /// <param name="s">Sizes.</param>
    /// <param name="gradient">Of what was mixed, bfloat16 [B*T, H*d].</param>
    /// <param name="q">As given to <see cref="Forward"/>, like the next four.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="mask">Mask.</param>
    /// <param name="places">Places.</param>
    /// <param name="mixed">What <see cref="Forward"/> gave.</param>
    /// <param name="logSums">Likewise.</param>
    /// <param name="delta">Scratch, float32 [B, H, T].</param>
    /// <param name="dq">Receives bfloat16 [B, T, H, d].</param>
    /// <param name="dk">Receives bfloat16 [B, T, K, d].</param>
    /// <param name="dv">Receives bfloat16 [B, T, K, d].</param>
    public void Backward(
        in AttentionSizes s,
        nint gradient,
        nint q,
        nint k,
        nint v,
        nint mask,
        nint places,
        nint mixed,
        nint logSums,
        nint delta,
        nint dq,
        nint dk,
        nint dv)
    {
        const int EachBlock = LaunchShape.Threads / 32;
        kernels.Launch(Module, "attention_delta", (LaunchShape.Blocks(s.Sums, EachBlock), 1, 1), LaunchShape.Threads, mixed, gradient,
            s.Tokens, s.Heads, s.Width, s.Sums, delta);
        kernels.LaunchWith(
            Module, Entry("keys", s), (Blocks(s), s.KeyHeads, s.Rows), BackwardThreads,
            Room(s, Owned + (4 * Tile)) + (2 * Tile * (PlaceBytes + (2 * sizeof(float)))),
            gradient, q, k, v, mask, places, logSums, delta, s.Tokens, s.Heads, s.KeyHeads, s.Width, s.Window, s.Scale, dk, dv);
        kernels.LaunchWith(
            Module, Entry("queries", s), (Blocks(s), s.Heads, s.Rows), BackwardThreads, Room(s, 4 * Tile),
            gradient, q, k, v, mask, places, logSums, delta, s.Tokens, s.Heads, s.KeyHeads, s.Width, s.Window, s.Scale, dq);
    }

    /// <summary>What each token of packed rows sees, <see cref="PlaceBytes"/> a token.</summary>
    /// <param name="segments">int64 [S, 2], see <see cref="Graphs.Fused.FusedOperators.CausalAttention"/>; those of the host's making are
    /// right, and of wrong ones nothing is read or written that is not the row's.</param>
    /// <param name="count">S</param>
    /// <param name="tokens">T</param>
    /// <param name="places">Receives them.</param>
    public void Places(nint segments, int count, int tokens, nint places) =>
        kernels.Launch(Module, "attention_places", (count, 1, 1), PlaceThreads, segments, count, tokens, places);

    // Bytes of so many rows in shared memory.
    private static int Room(in AttentionSizes s, int rows) => rows * sizeof(ushort) * (Form(s) + 8);

    private static int Blocks(in AttentionSizes s) => (s.Tokens + Owned - 1) / Owned;

    // The narrowest form that holds a head.
    private static string Entry(string what, in AttentionSizes s) => $"attention_{what}_{Form(s)}";

    private static int Form(in AttentionSizes s) => s.Width <= 64 ? 64 : 128;
}
