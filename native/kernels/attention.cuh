// What the kernels of attention.cu share: tiles in shared memory and their products, which tokens see which, and what blocks pass over.
#pragma once
#include "math.cuh"
#include "mma.cuh"

#define ROWS 128 // queries or keys that a block owns
#define LOG2_E 1.44269504f

// What a token sees: tokens from `own` to itself, and from `root` to before `end`, where it is a branch. It is seen by none from `reach` on.
struct alignas(16) Place
{
    int own, root, end, reach;
};

struct Sizes
{
    int tokens, heads, key_heads, width, window;
    float scale;
    const Place *places;
};

// Rows are this many elements apart in shared memory: 16 bytes more than they are long, so that eight of them meet in no bank.
template <int W>
struct Stride
{
    static const int Value = W + 8;
};

// Begins to copy `Count` rows from `first` on into shared memory, zeros beyond the tokens and beyond the width; the whole block of `Threads`.
template <int W, int Count, int Threads>
__device__ __forceinline__ void begin_tile(Bits16 *tile, const Bits16 *source, int first, const Sizes &s, long long stride)
{
    const int Each = Threads / (W / 8), row = threadIdx_x / (W / 8), column = threadIdx_x % (W / 8) * 8;
    const Bits16 *from = source + (first + row) * stride + column;
    if (first + Count <= s.tokens && s.width == W)
    {
#pragma unroll
        for (int i = 0; i < Count / Each; i++, from += Each * stride)
            begin_copy<16>(tile + (row + i * Each) * Stride<W>::Value + column, from, true);
        return;
    }
#pragma unroll
    for (int i = 0; i < Count / Each; i++, from += Each * stride)
    {
        const bool inside = first + row + i * Each < s.tokens && column < s.width;
        begin_copy<16>(tile + (row + i * Each) * Stride<W>::Value + column, inside ? from : source, inside);
    }
}

// Sixteen rows from `row` on, columns from k * 16 on, as A's fragment.
template <int W>
__device__ __forceinline__ void rows_of(unsigned (&a)[4], const Bits16 *tile, int row, int k)
{
    const int lane = threadIdx_x & (WARP - 1);
    load_matrices(a, tile + (row + (lane & 15)) * Stride<W>::Value + k * 16 + (lane >> 4) * 8);
}

// A warp's sixteen rows in global memory as A's fragments, zeros beyond the tokens and the width.
template <int W>
__device__ __forceinline__ void load_rows(unsigned (&a)[W / 16][4], const Bits16 *source, int first, const Sizes &s, long long stride)
{
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3;
#pragma unroll
    for (int k = 0; k < W / 16; k++)
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            const int token = first + g + (i & 1) * 8, column = k * 16 + 2 * t + (i >> 1) * 8;
            a[k][i] = token < s.tokens && column < s.width ? *(const unsigned *)(source + token * stride + column) : 0;
        }
}

// c[M][N] += A B^T for M fragments of A and 8 N rows of B in shared memory.
template <int W, int M, int N>
__device__ __forceinline__ void times_rows(float (&c)[M][N][4], const unsigned (&a)[M][4], const Bits16 *tile, int k)
{
    const int lane = threadIdx_x & (WARP - 1);
    const Bits16 *row = tile + ((lane >> 4) * 8 + (lane & 7)) * Stride<W>::Value + k * 16 + (lane >> 3 & 1) * 8;
#pragma unroll
    for (int n = 0; n < N / 2; n++)
    {
        unsigned b[4];
        load_matrices(b, row + n * 16 * Stride<W>::Value);
#pragma unroll
        for (int m = 0; m < M; m++)
        {
            mma(c[m][2 * n], a[m], b[0], b[1]);
            mma(c[m][2 * n + 1], a[m], b[2], b[3]);
        }
    }
}

// c[M][W / 8] += A B for sixteen rows of B in shared memory, from row k * 16 on.
template <int W, int M>
__device__ __forceinline__ void times_columns(float (&c)[M][W / 8][4], const unsigned (&a)[M][4], const Bits16 *tile, int k)
{
    const int lane = threadIdx_x & (WARP - 1);
    const Bits16 *row = tile + (k * 16 + (lane & 15)) * Stride<W>::Value + (lane >> 4) * 8;
#pragma unroll
    for (int n = 0; n < W / 16; n++)
    {
        unsigned b[4];
        load_transposed(b, row + n * 16);
#pragma unroll
        for (int m = 0; m < M; m++)
        {
            mma(c[m][2 * n], a[m], b[0], b[1]);
            mma(c[m][2 * n + 1], a[m], b[2], b[3]);
        }
    }
}

// Two neighbouring tiles of a result as A's fragment.
__device__ __forceinline__ void as_rows(unsigned (&a)[4], const float (&left)[4], const float (&right)[4])
{
    a[0] = pack_bf16(left[0], left[1]);
    a[1] = pack_bf16(left[2], left[3]);
    a[2] = pack_bf16(right[0], right[1]);
    a[3] = pack_bf16(right[2], right[3]);
}

template <int M, int N>
__device__ __forceinline__ void clear(float (&c)[M][N][4])
{
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < N; n++)
            c[m][n][0] = c[m][n][1] = c[m][n][2] = c[m][n][3] = 0.f;
}

// A warp's sixteen rows of a result, each of its two rows a lane times a factor.
template <int W>
__device__ __forceinline__ void store_rows(Bits16 *target, const float (&c)[W / 8][4], int first, const float (&factor)[2], const Sizes &s, long long stride)
{
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3;
#pragma unroll
    for (int h = 0; h < 2; h++)
    {
        const int token = first + g + h * 8;
#pragma unroll
        for (int n = 0; n < W / 8; n++)
            if (token < s.tokens && n * 8 < s.width)
                *(unsigned *)(target + token * stride + n * 8 + 2 * t) = pack_bf16(c[n][2 * h] * factor[h], c[n][2 * h + 1] * factor[h]);
    }
}

// Of a token beyond the last one nothing is read.
__device__ __forceinline__ Place place_of(int token, const Sizes &s)
{
    return s.places != nullptr && token < s.tokens ? s.places[token] : Place{0, 0, 0, s.tokens};
}

__device__ __forceinline__ int last_of(int first, int count, const Sizes &s) { return (first + count < s.tokens ? first + count : s.tokens) - 1; }

__device__ __forceinline__ bool sees(int query, const Place &p, int key, const Sizes &s)
{
    const bool own = key >= p.own && key <= query, shared = key >= p.root && key < p.end;
    // A branch goes on where its root ends.
    const int back = own ? query - key : query - p.own + p.end - key;
    return (own || shared) && (s.window == 0 || back < s.window);
}

// Whether each query from `first` to `last` sees each of `count` keys from `base` on: then nobody has to ask one by one. `from` and `to` are the places of
// the first and the last query.
__device__ __forceinline__ bool all_see(int first, int last, const Place &from, const Place &to, int base, int count, const Sizes &s)
{
    const bool own = base >= to.own && base + count <= first + 1, shared = from.own == to.own && base >= from.root && base + count <= from.end;
    const int back = own ? last - base : last - from.own + from.end - base;
    return (own || shared) && (s.window == 0 || back < s.window);
}

// The tiles of keys that a block of queries sees: from `begin`, where `gap` is reached on from `next`, to `end`.
struct Tiles
{
    int begin, gap, next, end;

    __device__ __forceinline__ int after(int base, int count) const { return base + count >= gap && base + count < next ? next : base + count; }
};

__device__ __forceinline__ Tiles tiles_of(int first, int count, const Sizes &s)
{
    const int last = last_of(first, ROWS, s);
    const Place p = place_of(first, s);
    int own = p.own, root = p.root;
    if (s.window > 0)
    {
        own = first - s.window > own ? first - s.window : own;
        // Another branch that begins in the block reaches further back.
        const int back = (place_of(last, s).own > first ? 0 : first - p.own) + p.end - s.window;
        root = back > root ? back : root;
    }
    own = own / count * count;
    return root < p.end ? Tiles{root / count * count, p.end, own, last + 1} : Tiles{own, 0, own, last + 1};
}

// Where the queries end that see a block of keys.
__device__ __forceinline__ int reach_of(int first, const Sizes &s)
{
    const Place p = place_of(last_of(first, ROWS, s), s);
    // Roots are seen by all of their branches.
    if (p.root < p.end && p.end > first)
        return place_of(p.end - 1, s).reach;
    const bool near = s.window > 0 && (s.places == nullptr || p.root < p.end);
    return near && s.window < p.reach - first - ROWS ? first + ROWS + s.window : p.reach;
}

// The first tile of `count` queries from `base` on, before `reach`, of which one may see a key of the block from `first` on: windows end, and what lies
// behind a root's end is passed over, a branch at a time.
__device__ __forceinline__ int next_queries(int base, int count, int reach, int first, const Sizes &s)
{
    while (s.window > 0 && s.places != nullptr && base < reach)
    {
        const Place p = place_of(base, s);
        const int last = first + ROWS - 1;
        // The nearest key of the block that the first query may see, its own segment's or its root's.
        const int back = p.own <= last ? base - last : p.root < p.end ? base - p.own + p.end - (last < p.end ? last + 1 : p.end) + 1 : 0;
        if (back < s.window || place_of(last_of(base, count, s), s).own > base)
            break;
        const int behind = p.root < p.end ? p.reach / count * count : 0;
        base = behind > base ? behind : base + count;
    }
    return base;
}

__device__ __forceinline__ bool is_token(const long long *mask, int token, const Sizes &s) { return token < s.tokens && mask[token] > 0; }
