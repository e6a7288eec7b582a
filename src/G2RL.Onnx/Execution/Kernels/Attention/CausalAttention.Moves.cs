using System.Runtime.CompilerServices;

namespace G2RL.Onnx.Execution.Kernels.Attention;

// Heads between the tensors, where they lie side by side, and the memory in which one head lies by itself.
internal static unsafe partial class CausalAttention<T, N>
{
    // One head of a segment across, behind what it shares: [d, T], zeros behind the end as far as vectors go.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(AttentionState* s, float* from, AttentionSegment segment, int head, float* to)
    {
        int line = s->PaddedTokens, width = s->Width, end = ((segment.Reach + 15) / 16 * 16) - segment.Shared;
        var distance = (nint)s->KeyHeads * width;
        var at = from + ((((nint)segment.Row * s->Tokens) + segment.First) * distance) + (head * width);
        for (var j = 0; j < width; j++)
        {
            var target = to + ((nint)j * line) + segment.Shared;
            for (var t = 0; t < segment.Own; t++)
                target[t] = at[(t * distance) + j];
            for (var t = segment.Own; t < end; t++)
                target[t] = 0;
        }
    }

    // Tokens of one head side by side: [count, d], zeros behind d.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather(
        AttentionState* s, float* from, AttentionSegment at, int first, int count, int heads, int head, float scale, float* to)
    {
        int width = s->Width, padded = s->Padded, whole = width / 16 * 16;
        var factor = T.All(scale);
        for (var t = 0; t < count; t++)
        {
            var source = from + ((((((nint)at.Row * s->Tokens) + at.First + first + t) * heads) + head) * width);
            var target = to + ((nint)t * padded);
            for (var j = 0; j < whole; j += T.Count)
                (T.Load(source + j) * factor).Store(target + j);
            for (var j = whole; j < width; j++)
                target[j] = source[j] * scale;
            for (var j = width; j < padded; j++)
                target[j] = 0;
        }
    }

    // The way back.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scatter(
        AttentionState* s, float* from, AttentionSegment at, int first, int count, int heads, int head, float scale, float* to)
    {
        int width = s->Width, padded = s->Padded, whole = width / 16 * 16;
        var factor = T.All(scale);
        for (var t = 0; t < count; t++)
        {
            var source = from + ((nint)t * padded);
            var target = to + ((((((nint)at.Row * s->Tokens) + at.First + first + t) * heads) + head) * width);
            for (var j = 0; j < whole; j += T.Count)
                (T.Load(source + j) * factor).Store(target + j);
            for (var j = whole; j < width; j++)
                target[j] = source[j] * scale;
        }
    }
}
