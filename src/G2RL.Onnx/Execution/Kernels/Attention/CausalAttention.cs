using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Products;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Attention;

/// <summary>
/// Grouped-query attention of whole rows, forward and backward: causal, inside a window, over tokens alone, scores capped or not. Blocks of
/// queries go over the keys that they see; what lies above the diagonal is not computed, and nothing of T x T is held. The backward pass
/// computes a block's shares again from the logarithm of their sum. Of packed rows a prompt's keys are gathered once for its responses, and
/// their gradients are added up before they are put back.
/// </summary>
/// <remarks>
/// With S = c tanh(scale q k^T / c) or scale q k^T, P = e^(S - L): O = P V, dV = P^T dO, dP = dO V^T, dS = P (dP - sum(dO O)) (1 - S^2 /
/// c^2), dQ = scale dS K, dK = scale dS^T Q. A part of the work is one key head of one row with its group of query heads, whatever the
/// threads, where packed of one tree. Source: FlashAttention-2, arXiv:2307.08691, with a whole row of shares at a time. A token that sees
/// nothing gives zeros.
/// </remarks>
/// <typeparam name="T">Sixteen numbers.</typeparam>
/// <typeparam name="N">What one instruction works on.</typeparam>
internal static unsafe partial class CausalAttention<T, N> where T : unmanaged, ISimd<T> where N : unmanaged, ISimd<N>
{
    // Queries of a block, and queries whose reach is cut off together.
    private const int Block = 48;
    private const int Step = 6;

    /// <summary>Inputs q, k, v, mask, segments (optional); outputs mixed [B*T, H*d], log sums [B, H, T].</summary>
    public static void Forward(in KernelContext context)
    {
        var state = AttentionState.Of(context, 0, segments: 4);
        var (rows, tokens) = ((long)state.Rows, (long)state.Tokens);
        state.Mixed = context.Output(0, rows * tokens, (long)state.Heads * state.Width).Floats;
        state.LogSums = context.Output(1, rows, state.Heads, tokens).Floats;
        if (rows * tokens > 0)
            context.ParallelFor(&state, state.Trees * state.KeyHeads, &ForwardPart);
    }

    /// <summary>Inputs dmixed, q, k, v, mask, mixed, log sums, segments (optional); outputs dq, dk, dv.</summary>
    public static void Backward(in KernelContext context)
    {
        var state = AttentionState.Of(context, 1, segments: 7);
        var (q, k) = (context.Input(1), context.Input(2));
        state.MixedGradients = context.Input(0).Require(q.Length, "gradient").Floats;
        state.Mixed = context.Input(5).Require(q.Length, "mixed").Floats;
        state.LogSums = context.Input(6).Require((long)state.Rows * state.Heads * state.Tokens, "log sums").Floats;
        state.QueryGradients = context.Output(0, q.Shape).Floats;
        state.KeyGradients = context.Output(1, k.Shape).Floats;
        state.ValueGradients = context.Output(2, k.Shape).Floats;
        if (q.Length > 0)
            context.ParallelFor(&state, state.Trees * state.KeyHeads, &BackwardPart);
    }

    /// <summary>Numbers that a part of the forward pass needs beside the tensors.</summary>
    /// <param name="tokens">T, filled up to whole vectors.</param>
    /// <param name="width">d, filled up likewise.</param>
    public static long ForwardScratch(long tokens, long width) => (tokens * (width + width + Block + 1)) + (2 * Block * width);

    /// <summary>Those of the backward pass.</summary>
    /// <param name="tokens">T, filled up to whole vectors.</param>
    /// <param name="width">d, filled up likewise.</param>
    public static long BackwardScratch(long tokens, long width) =>
        (5 * width * tokens) + (((2 * Block) + 1) * tokens) + (4 * Block * width);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardPart(AttentionState* s, int part)
    {
        int padded = s->Padded, keyHead = part % s->KeyHeads, group = s->Heads / s->KeyHeads;
        var memory = ScratchMemory.Rent(ForwardScratch(s->PaddedTokens, padded));
        try
        {
            var keys = memory;                                          // [d, T]
            var values = keys + ((nint)padded * s->PaddedTokens);       // [T, d]
            var shares = values + ((nint)padded * s->PaddedTokens);     // [block, T]
            var queries = shares + ((nint)Block * s->PaddedTokens);     // [block, d]
            var mixed = queries + (Block * padded);                     // [block, d]
            var at = s->Root(part / s->KeyHeads);
            var padding = Padding(s, at.Row, mixed + (Block * padded)); // [T]
            do
            {
                Transpose(s, s->Keys, at, keyHead, keys);
                Gather(s, s->Values, at, 0, at.Own, s->KeyHeads, keyHead, 1, values + ((nint)at.Shared * padded));
                for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
                    for (var from = at.Shared; from < at.Reach; from += Block)
                    {
                        var count = Math.Min(Block, at.Reach - from);
                        var low = Lowest(s, from);
                        Gather(s, s->Queries, at, from - at.Shared, count, s->Heads, head, s->Scale, queries);
                        Scores(s, queries, keys, shares, from, count, low);
                        for (var i = 0; i < count; i += Step)
                        {
                            var rows = Math.Min(Step, count - i);
                            for (var r = i; r < i + rows; r++)
                                Softmax(s, padding, at, head, from + r, low, shares + ((nint)r * s->PaddedTokens));
                            SmallProduct<N>.Run(
                                shares + ((nint)i * s->PaddedTokens) + low,
                                s->PaddedTokens,
                                1,
                                values + ((nint)low * padded),
                                padded,
                                mixed + (i * padded),
                                padded,
                                rows,
                                padded,
                                from + i + rows - low,
                                add: false);
                        }
                        Scatter(s, mixed, at, from - at.Shared, count, s->Heads, head, 1, s->Mixed);
                    }
            }
            while (s->Next(ref at));
        }
        finally
        {
            ScratchMemory.Return(memory);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardPart(AttentionState* s, int part)
    {
        int padded = s->Padded, line = s->PaddedTokens, keyHead = part % s->KeyHeads, group = s->Heads / s->KeyHeads;
        var matrix = (nint)padded * line;
        var memory = ScratchMemory.Rent(BackwardScratch(line, padded));
        try
        {
            var keysAcross = memory;                        // [d, T]
            var valuesAcross = keysAcross + matrix;         // [d, T]
            var keys = valuesAcross + matrix;               // [T, d]
            var keyGradients = keys + matrix;               // [T, d]
            var valueGradients = keyGradients + matrix;     // [T, d]
            var shares = valueGradients + matrix;           // [block, T]
            var pulls = shares + ((nint)Block * line);      // [block, T]
            var queries = pulls + ((nint)Block * line);     // [block, d]
            var gradients = queries + (Block * padded);     // [block, d]
            var mixed = gradients + (Block * padded);       // [block, d]
            var queryGradients = mixed + (Block * padded);  // [block, d]
            var root = s->Root(part / s->KeyHeads);
            var padding = Padding(s, root.Row, queryGradients + (Block * padded));
            var at = root;
            do
            {
                Transpose(s, s->Keys, at, keyHead, keysAcross);
                Transpose(s, s->Values, at, keyHead, valuesAcross);
                var shared = (nint)at.Shared * padded;
                Gather(s, s->Keys, at, 0, at.Own, s->KeyHeads, keyHead, 1, keys + shared);
                // Those of the root grow on.
                new Span<float>(keyGradients + shared, checked(at.Own * padded)).Clear();
                new Span<float>(valueGradients + shared, checked(at.Own * padded)).Clear();
                for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
                    for (var from = at.Shared; from < at.Reach; from += Block)
                    {
                        var count = Math.Min(Block, at.Reach - from);
                        var low = Lowest(s, from);
                        var first = from - at.Shared;
                        Gather(s, s->Queries, at, first, count, s->Heads, head, s->Scale, queries);
                        Gather(s, s->MixedGradients, at, first, count, s->Heads, head, 1, gradients);
                        Gather(s, s->Mixed, at, first, count, s->Heads, head, 1, mixed);
                        Scores(s, queries, keysAcross, shares, from, count, low);
                        Reach(s, gradients, valuesAcross, pulls, from, count, low);
                        for (var r = 0; r < count; r++)
                        {
                            var drift = T.Zero;
                            for (var j = 0; j < padded; j += T.Count)
                                drift = T.Fma(T.Load(mixed + (r * padded) + j), T.Load(gradients + (r * padded) + j), drift);
                            var edge = Math.Min(line, (from + (((r / Step) + 1) * Step) + 15) / 16 * 16);
                            SharesAgain(
                                s,
                                padding,
                                at,
                                head,
                                from + r,
                                low,
                                edge,
                                shares + ((nint)r * line),
                                pulls + ((nint)r * line),
                                drift.Sum());
                        }
                        Back(s, from, count, low, shares, gradients, valueGradients);
                        Back(s, from, count, low, pulls, queries, keyGradients);
                        for (var i = 0; i < count; i += Step)
                        {
                            var rows = Math.Min(Step, count - i);
                            SmallProduct<N>.Run(
                                pulls + ((nint)i * line) + low,
                                line,
                                1,
                                keys + ((nint)low * padded),
                                padded,
                                queryGradients + (i * padded),
                                padded,
                                rows,
                                padded,
                                from + i + rows - low,
                                add: false);
                        }
                        Scatter(s, queryGradients, at, first, count, s->Heads, head, s->Scale, s->QueryGradients);
                    }
                if (at.Shared > 0)
                {
                    Scatter(s, keyGradients + shared, at, 0, at.Own, s->KeyHeads, keyHead, 1, s->KeyGradients);
                    Scatter(s, valueGradients + shared, at, 0, at.Own, s->KeyHeads, keyHead, 1, s->ValueGradients);
                }
            }
            while (s->Next(ref at));
            Scatter(s, keyGradients, root, 0, root.Own, s->KeyHeads, keyHead, 1, s->KeyGradients);
            Scatter(s, valueGradients, root, 0, root.Own, s->KeyHeads, keyHead, 1, s->ValueGradients);
        }
        finally
        {
            ScratchMemory.Return(memory);
        }
    }

    // Where the first key that a block sees may be: at the beginning of a block, so that vectors and steps begin there, too.
    private static int Lowest(AttentionState* s, int from) => s->Window > 0 ? Math.Max(0, from - s->Window + 1) / Block * Block : 0;

    // Products of a block's queries with the keys up to the diagonal, capped.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scores(AttentionState* s, float* queries, float* keys, float* scores, int from, int count, int low)
    {
        Reach(s, queries, keys, scores, from, count, low);
        if (s->Cap == 0)
            return;
        var (cap, inverse) = (T.All(s->Cap), T.All(1 / s->Cap));
        for (var r = 0; r < count; r++)
        {
            var line = scores + ((nint)r * s->PaddedTokens);
            for (var j = low; j <= from + r; j += T.Count)
                (cap * SimdMath.Tanh(T.Load(line + j) * inverse)).Store(line + j);
        }
    }

    // [block, d] x [d, keys up to the diagonal]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Reach(AttentionState* s, float* left, float* across, float* result, int from, int count, int low)
    {
        int padded = s->Padded, line = s->PaddedTokens;
        for (var i = 0; i < count; i += Step)
        {
            var rows = Math.Min(Step, count - i);
            SmallProduct<N>.Run(
                left + (i * padded),
                padded,
                1,
                across + low,
                line,
                result + ((nint)i * line) + low,
                line,
                rows,
                ((from + i + rows + 15) / 16 * 16) - low,
                s->Width,
                add: false);
        }
    }

    // sums[key] += shares^T left, for keys that a block sees: below the diagonal only the queries behind a key count.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Back(AttentionState* s, int from, int count, int low, float* shares, float* left, float* sums)
    {
        int padded = s->Padded, line = s->PaddedTokens;
        // Steps of keys meet those of queries at the block's first query, wherever it lies.
        for (int key = low, keys; key < from + count; key += keys)
        {
            keys = Math.Min(Step, (key < from ? from : from + count) - key);
            // All rows of a step hold what they need up to their last one's diagonal.
            var first = Math.Max(0, key - from);
            SmallProduct<N>.Run(
                shares + ((nint)first * line) + key,
                1,
                line,
                left + (first * padded),
                padded,
                sums + ((nint)key * padded),
                padded,
                keys,
                padded,
                count - first,
                add: true);
        }
    }
}
