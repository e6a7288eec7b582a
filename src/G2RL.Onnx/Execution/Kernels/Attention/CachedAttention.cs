using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Attention;

/// <summary>
/// Grouped-query attention of new tokens over a cache that they are written into. A key and a value are read once for all query heads that
/// share them, and of a row what it has filled: rows of any lengths lie side by side without work for what is not there.
/// </summary>
/// <remarks>
/// A unit of the work is one key head of one token. Positions are gone through in blocks of 512; where a row has several, what they leave
/// is put together afterwards, in order. Where units are few, their blocks are parts of the work. A token's numbers depend on its row
/// alone.
/// Source: Flash-Decoding (Dao et al., 2023) for the blocks.
/// </remarks>
/// <typeparam name="T">Sixteen numbers.</typeparam>
/// <typeparam name="C">How the cache holds its numbers; whatever that is, products and sums run in float32.</typeparam>
internal static unsafe class CachedAttention<T, C> where T : unmanaged, ISimd<T> where C : unmanaged, ICachedNumbers
{
    private const int Block = CacheState.Block;

    // So many units keep threads busy without being divided.
    private const int Units = 16;

    /// <summary>
    /// Inputs q [B, S, H, d], k, v [B, S, K, d], cached keys, values [B, K, C, w], ends int32 [B], and scales of keys and of values
    /// [B, K, C, 1] where the numbers have some; outputs mixed [B*S, H*d] and the cache, which may be the inputs' own memory. Attributes:
    /// scale, window, softcap.
    /// </summary>
    public static void Forward(in KernelContext context)
    {
        var state = CacheState.Of(context);
        state.Mixed = context.Output(0, (long)state.Rows * state.Tokens, (long)state.Heads * state.Width).Floats;
        state.Keys = Present(context, output: 1, input: 3, C.Size);
        state.Values = Present(context, output: 2, input: 4, C.Size);
        if (C.HasScales)
        {
            state.KeyScales = (float*)Present(context, output: 3, input: 6, sizeof(float));
            state.ValueScales = (float*)Present(context, output: 4, input: 7, sizeof(float));
        }
        if ((long)state.Rows * state.Tokens == 0)
            return;
        // One new token of a row is seen by the part alone that writes it.
        if (state.Tokens > 1)
            context.ParallelFor(&state, state.Rows * state.KeyHeads, &Write);
        var units = checked(state.Rows * state.Tokens * state.KeyHeads);
        if (state.Blocks > 1)
            state.Partial = ScratchMemory.Rent((long)units * state.Blocks * state.Group * state.Line);
        try
        {
            if (state.Blocks == 1 || units >= Units)
                context.ParallelFor(&state, units, &Unit);
            else
            {
                context.ParallelFor(&state, checked(units * state.Blocks), &Part);
                context.ParallelFor(&state, units, &Together);
            }
        }
        finally
        {
            if (state.Partial is not null)
                ScratchMemory.Return(state.Partial);
        }
    }

    // The cache with what it held, which costs nothing where output and input are one.
    private static byte* Present(in KernelContext context, int output, int input, int size)
    {
        var past = context.Input(input);
        var present = context.Output(output, past.Shape);
        if (present.Bytes != past.Bytes)
            Buffer.MemoryCopy(past.Bytes, present.Bytes, past.Length * size, past.Length * size);
        return present.Bytes;
    }

    // New keys and values of a head to their positions, zeros behind the head's width.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Write(CacheState* s, int part)
    {
        int row = part / s->KeyHeads, head = part % s->KeyHeads, width = s->Width;
        for (var token = 0; token < s->Tokens; token++)
        {
            var from = (((((nint)row * s->Tokens) + token) * s->KeyHeads) + head) * width;
            var place = ((nint)part * s->Capacity) + s->Ends[row] + 1 - s->Tokens + token;
            var to = place * s->CacheWidth * C.Size;
            C.Write<T>(s->NewKeys + from, width, s->Keys + to, s->CacheWidth, s->KeyScales + place);
            C.Write<T>(s->NewValues + from, width, s->Values + to, s->CacheWidth, s->ValueScales + place);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Unit(CacheState* s, int unit)
    {
        for (var block = 0; block < s->Blocks; block++)
            Part(s, (unit * s->Blocks) + block);
        Together(s, unit);
    }

    private static void Copy(float* from, float* to, int width) => new ReadOnlySpan<float>(from, width).CopyTo(new Span<float>(to, width));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Part(CacheState* s, int part)
    {
        int unit = part / s->Blocks, block = part % s->Blocks;
        int head = unit % s->KeyHeads, token = unit / s->KeyHeads, row = token / s->Tokens, group = s->Group, padded = s->Padded;
        var position = s->Ends[row] + 1 - s->Tokens + (token % s->Tokens);
        var alone = position < Block;
        var first = Math.Max(block * Block, s->Window > 0 ? position - s->Window + 1 : 0);
        var count = Math.Min((block + 1) * Block, position + 1) - first;
        if (count <= 0 && s->Blocks > 1)
        {
            if (!alone)
                Empty(s, part);
            return;
        }
        var memory = ScratchMemory.Rent((long)group * (Block + (2 * padded)));
        try
        {
            var scores = memory;                        // [group, block]
            var queries = scores + (group * Block);     // [group, w]
            var mixed = queries + (group * padded);     // [group, w]
            var at = ((((nint)row * s->KeyHeads) + head) * s->Capacity) + first;
            if (s->Tokens == 1 && position / Block == block)
                Write(s, unit);
            Gather(s, token, head * group, queries);
            Scores(s, queries, at, count, scores);
            new Span<float>(mixed, group * padded).Clear();
            for (var h = 0; h < group; h++)
            {
                var (top, sum) = Powers(scores + (h * Block), count);
                if (!alone)
                {
                    var kept = s->Partial + ((((nint)part * group) + h) * s->Line) + padded;
                    (kept[0], kept[1]) = (top, sum);
                }
                else
                    Scale(scores + (h * Block), count, 1 / sum);
            }
            Mixture<T, C>.Add(
                scores,
                Block,
                group,
                s->Values + (at * s->CacheWidth * C.Size),
                s->ValueScales + at,
                s->CacheWidth,
                count,
                mixed,
                padded);
            for (var h = 0; h < group; h++)
                if (!alone)
                    Copy(mixed + (h * padded), s->Partial + ((((nint)part * group) + h) * s->Line), padded);
                else
                    Copy(mixed + (h * padded), s->Mixed + ((((nint)token * s->Heads) + (head * group) + h) * s->Width), s->Width);
        }
        finally
        {
            ScratchMemory.Return(memory);
        }
    }

    // A block that the token does not see.
    private static void Empty(CacheState* s, int part)
    {
        for (var h = 0; h < s->Group; h++)
        {
            var kept = s->Partial + ((((nint)part * s->Group) + h) * s->Line) + s->Padded;
            (kept[0], kept[1]) = (float.NegativeInfinity, 0);
        }
    }

    // Blocks of a token, each scaled to the largest score of all. A token that has but one is done already, as it would be beside shorter
    // rows alone: a row's bits must not depend on how long its neighbours are.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Together(CacheState* s, int unit)
    {
        int head = unit % s->KeyHeads, token = unit / s->KeyHeads, group = s->Group, line = s->Line, padded = s->Padded;
        if (s->Ends[token / s->Tokens] + 1 - s->Tokens + (token % s->Tokens) < Block)
            return;
        for (var h = 0; h < group; h++)
        {
            var blocks = s->Partial + ((((nint)unit * s->Blocks * group) + h) * line);
            var next = (nint)group * line;
            var top = float.NegativeInfinity;
            for (var b = 0; b < s->Blocks; b++)
                top = Math.Max(top, blocks[(b * next) + padded]);
            var sum = 0d;
            for (var b = 0; b < s->Blocks; b++)
                sum += blocks[(b * next) + padded + 1] * Math.Exp(blocks[(b * next) + padded] - top);
            var mixed = s->Mixed + ((((nint)token * s->Heads) + (head * group) + h) * s->Width);
            new Span<float>(mixed, s->Width).Clear();
            for (var b = 0; b < s->Blocks; b++)
            {
                var share = (float)(Math.Exp(blocks[(b * next) + padded] - top) / sum);
                if (share == 0)
                    continue;
                var (of, j, all) = (b * next, 0, T.All(share));
                for (; j + T.Count <= s->Width; j += T.Count)
                    T.Fma(all, T.Load(blocks + of + j), T.Load(mixed + j)).Store(mixed + j);
                for (; j < s->Width; j++)
                    mixed[j] = MathF.FusedMultiplyAdd(share, blocks[of + j], mixed[j]);
            }
        }
    }

    // A group's queries, scaled, zeros behind the head's width.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather(CacheState* s, int token, int first, float* queries)
    {
        for (var h = 0; h < s->Group; h++)
        {
            var from = s->Queries + ((((nint)token * s->Heads) + first + h) * s->Width);
            var to = queries + (h * s->CacheWidth);
            var j = 0;
            for (; j + T.Count <= s->Width; j += T.Count)
                (T.Load(from + j) * T.All(s->Scale)).Store(to + j);
            for (; j < s->Width; j++)
                to[j] = from[j] * s->Scale;
            for (; j < s->CacheWidth; j++)
                to[j] = 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scores(CacheState* s, float* queries, nint at, int count, float* scores)
    {
        var keys = s->Keys + (at * s->CacheWidth * C.Size);
        CachedScores<T, C>.Of(queries, s->Group, keys, s->KeyScales + at, s->CacheWidth, count, scores, Block);
        if (s->Cap == 0)
            return;
        var (cap, inverse) = (T.All(s->Cap), T.All(1 / s->Cap));
        for (var h = 0; h < s->Group; h++)
            for (var i = 0; i < count; i += T.Count)
                (cap * SimdMath.Tanh(T.Load(scores + (h * Block) + i) * inverse)).Store(scores + (h * Block) + i);
    }

    // Scores to powers of their distance from the largest; what is behind them in the last vector becomes zero.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Top, float Sum) Powers(float* scores, int count)
    {
        var end = (count + T.Count - 1) / T.Count * T.Count;
        for (var i = count; i < end; i++)
            scores[i] = float.NegativeInfinity;
        var largest = T.All(float.NegativeInfinity);
        for (var i = 0; i < end; i += T.Count)
            largest = T.Max(largest, T.Load(scores + i));
        var (top, sums) = (largest.Largest(), T.Zero);
        var all = T.All(top);
        for (var i = 0; i < end; i += T.Count)
        {
            var below = T.Load(scores + i) - all;
            var power = T.Choose(below, T.All(SimdMath.Lowest), T.Zero, SimdMath.Exp(below));
            power.Store(scores + i);
            sums += power;
        }
        return (top, sums.Sum());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale(float* scores, int count, float by)
    {
        var factor = T.All(by);
        for (var i = 0; i < count; i += T.Count)
            (T.Load(scores + i) * factor).Store(scores + i);
    }
}
