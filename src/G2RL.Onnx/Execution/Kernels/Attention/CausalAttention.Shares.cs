using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Attention;

// Scores of a query to shares of the keys, and back.
internal static unsafe partial class CausalAttention<T, N>
{
    // Scores of a query to shares in place, zeros where it sees nothing up to the diagonal of its step.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Softmax(AttentionState* s, float* padding, AttentionSegment at, int head, int query, int low, float* line)
    {
        var edge = Math.Min(s->PaddedTokens, (query + Step + 15) / 16 * 16);
        Hide(s, padding, query, low, edge, line);
        var end = (query + 16) / 16 * 16;
        var most = T.All(float.NegativeInfinity);
        for (var j = low; j < end; j += T.Count)
            most = T.Max(most, T.Load(line + j));
        var largest = most.Largest();
        ref var logSum = ref s->LogSums[LogSum(s, at, head, query)];
        if (float.IsNegativeInfinity(largest))
        {
            logSum = float.PositiveInfinity;
            new Span<float>(line + low, edge - low).Clear();
            return;
        }
        var (top, sums) = (T.All(largest), T.Zero);
        for (var j = low; j < end; j += T.Count)
        {
            var e = Power(T.Load(line + j) - top);
            e.Store(line + j);
            sums += e;
        }
        var sum = sums.Sum();
        logSum = (float)(largest + Math.Log(sum));
        var inverse = T.All(1 / sum);
        for (var j = low; j < end; j += T.Count)
            (T.Load(line + j) * inverse).Store(line + j);
        for (var j = end; j < edge; j++)
            line[j] = 0;
    }

    // Scores of a query to shares, and dP to dS, in place.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SharesAgain(
        AttentionState* s,
        float* padding,
        AttentionSegment at,
        int head,
        int query,
        int low,
        int edge,
        float* line,
        float* pulls,
        float drift)
    {
        Hide(s, padding, query, low, edge, line);
        var (top, mean) = (T.All(s->LogSums[LogSum(s, at, head, query)]), T.All(drift));
        var (one, inverse) = (T.All(1f), T.All(s->Cap == 0 ? 0 : 1 / s->Cap));
        for (var j = low; j < edge; j += T.Count)
        {
            var score = T.Load(line + j);
            var share = Power(score - top);
            // In this order: minus infinity times zero is not a number, and counts as -1.
            var t = T.Max(score * inverse, T.Zero - one);
            share.Store(line + j);
            (share * (T.Load(pulls + j) - mean) * (one - (t * t))).Store(pulls + j);
        }
    }

    // Queries are counted from the root's first token on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint LogSum(AttentionState* s, in AttentionSegment at, int head, int query) =>
        ((((nint)at.Row * s->Heads) + head) * s->Tokens) + at.First + query - at.Shared;

    // What a query does not see has a score of minus infinity.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Hide(AttentionState* s, float* padding, int query, int low, int edge, float* line)
    {
        var first = s->Window > 0 ? Math.Max(low, query - s->Window + 1) : low;
        for (var j = low; j < first; j++)
            line[j] = float.NegativeInfinity;
        for (var j = query + 1; j < edge; j++)
            line[j] = float.NegativeInfinity;
        if (padding is not null)
            for (var j = low; j < edge; j += T.Count)
                (T.Load(line + j) + T.Load(padding + j)).Store(line + j);
    }

    // Minus infinity on padding, 0 on tokens, in the memory given; null where a row has none.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float* Padding(AttentionState* s, int row, float* memory)
    {
        if (s->Segments is not null)
            return null;
        var mask = s->Mask + ((nint)row * s->Tokens);
        var any = false;
        for (var t = 0; t < s->PaddedTokens; t++)
        {
            var hidden = t < s->Tokens && mask[t] == 0;
            any |= hidden;
            memory[t] = hidden ? float.NegativeInfinity : 0;
        }
        return any ? memory : null;
    }

    // e^x, and exactly 0 far below.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Power(T x) => T.Choose(x, T.All(SimdMath.Lowest), T.Zero, SimdMath.Exp(x));
}
