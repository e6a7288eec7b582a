// Causal grouped-query attention whose shares never leave the chip, and its gradients: blocks of queries and keys, a running maximum and sum, shares computed
// again for the gradients from the logarithms of the sums. No atomics: keys' and values' gradients are summed by the block that owns the keys, queries'
// by another kernel, so that a device repeats its bits.
// Source: FlashAttention-2, arXiv:2307.08691.
//
// q, dq, mixed and its gradient are [B, T, H, d], k, v and their gradients [B, T, K, d], bfloat16; log_sums and delta [B, H, T], float. d <= W, a multiple of 8.
// mask [B, T]: keys where it is 0 are not seen. A token that sees nothing gives zeros and has an infinite log_sum.
// Packed rows lie in one, B = 1, as segments: a root (a prompt) sees itself, a branch (a response) its root and itself. places [T] then says what each
// token sees; null where rows are apart. Tiles that lie between a branch's root and itself are passed over.
#include "math.cuh"
#include "mma.cuh"

#define WARPS 4
#define ROWS (WARPS * 16) // queries or keys that a block owns, 16 a warp
#define KEYS 64           // of a tile of the forward pass
#define TILE 32           // keys or queries of a tile of the backward pass
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

// Rows are this many elements apart in shared memory: 16 bytes more than they are long, so that fragments meet in no bank.
template <int W>
struct Stride
{
    static const int Value = W + 8;
};

// `count` rows from `first` on into shared memory, zeros beyond the tokens and beyond the width; the whole block.
template <int W>
__device__ __forceinline__ void load_tile(Bits16 *tile, const Bits16 *source, int first, int count, const Sizes &s, long long stride)
{
    for (int i = threadIdx_x; i < count * (W / 8); i += WARPS * WARP)
    {
        const int row = i / (W / 8), column = i % (W / 8) * 8;
        Pack *target = (Pack *)(tile + row * Stride<W>::Value + column);
        if (first + row < s.tokens && column < s.width)
            *target = *(const Pack *)(source + (first + row) * stride + column);
        else
            *target = Pack{{0, 0, 0, 0}};
    }
}

// A fragment's two neighbours in global memory, zeros beyond the tokens and the width.
__device__ __forceinline__ unsigned pair_at(const Bits16 *source, int token, int column, const Sizes &s, long long stride)
{
    return token < s.tokens && column < s.width ? *(const unsigned *)(source + token * stride + column) : 0;
}

// The sixteen rows of a warp as A's fragments.
template <int W>
__device__ __forceinline__ void load_rows(unsigned (&a)[W / 16][4], const Bits16 *source, int first, const Sizes &s, long long stride)
{
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3;
#pragma unroll
    for (int k = 0; k < W / 16; k++)
#pragma unroll
        for (int i = 0; i < 4; i++)
            a[k][i] = pair_at(source, first + g + (i & 1) * 8, k * 16 + 2 * t + (i >> 1) * 8, s, stride);
}

// c[N] += A B^T for rows of B in shared memory.
template <int W, int N>
__device__ __forceinline__ void times_rows(float (&c)[N][4], const unsigned (&a)[4], const Bits16 *tile, int k)
{
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3;
#pragma unroll
    for (int n = 0; n < N; n++)
    {
        const Bits16 *row = tile + (n * 8 + g) * Stride<W>::Value + k * 16 + 2 * t;
        mma(c[n], a, *(const unsigned *)row, *(const unsigned *)(row + 8));
    }
}

// c[W / 8] += A B for sixteen rows of B in shared memory, from row k * 16 on.
template <int W>
__device__ __forceinline__ void times_columns(float (&c)[W / 8][4], const unsigned (&a)[4], const Bits16 *tile, int k)
{
    const int lane = threadIdx_x & (WARP - 1);
    const Bits16 *row = tile + (k * 16 + (lane & 15)) * Stride<W>::Value + (lane >> 4) * 8;
#pragma unroll
    for (int n = 0; n < W / 16; n++)
    {
        unsigned b[4];
        load_transposed(b, row + n * 16);
        mma(c[2 * n], a, b[0], b[1]);
        mma(c[2 * n + 1], a, b[2], b[3]);
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

template <int N>
__device__ __forceinline__ void clear(float (&c)[N][4])
{
#pragma unroll
    for (int n = 0; n < N; n++)
        c[n][0] = c[n][1] = c[n][2] = c[n][3] = 0.f;
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

__device__ __forceinline__ bool sees(int query, const Place &p, int key, const Sizes &s)
{
    const bool own = key >= p.own && key <= query, shared = key >= p.root && key < p.end;
    // A branch goes on where its root ends.
    const int back = own ? query - key : query - p.own + p.end - key;
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
    const int end = first + ROWS < s.tokens ? first + ROWS : s.tokens;
    const Place p = place_of(first, s);
    int own = p.own, root = p.root;
    if (s.window > 0)
    {
        own = first - s.window > own ? first - s.window : own;
        // Another branch that begins in the block reaches further back.
        const int back = (place_of(end - 1, s).own > first ? 0 : first - p.own) + p.end - s.window;
        root = back > root ? back : root;
    }
    own = own / count * count;
    return root < p.end ? Tiles{root / count * count, p.end, own, end} : Tiles{own, 0, own, end};
}

// Where the queries end that see a block of keys.
__device__ __forceinline__ int reach_of(int first, const Sizes &s)
{
    const int last = (first + ROWS < s.tokens ? first + ROWS : s.tokens) - 1;
    const Place p = place_of(last, s);
    // Roots are seen by all of their branches.
    if (p.root < p.end && p.end > first)
        return place_of(p.end - 1, s).reach;
    const bool near = s.window > 0 && (s.places == nullptr || p.root < p.end);
    return near && s.window < p.reach - first - ROWS ? first + ROWS + s.window : p.reach;
}

__device__ __forceinline__ bool is_token(const long long *mask, int token, const Sizes &s) { return token < s.tokens && mask[token] > 0; }

// Grid (ceil(T / ROWS), H, B).
template <int W>
static __device__ __forceinline__ void forward(const Bits16 *q, const Bits16 *k, const Bits16 *v, const long long *mask, const Sizes s, Bits16 *mixed, float *log_sums)
{
    alignas(16) __shared__ Bits16 keys[KEYS * Stride<W>::Value], values[KEYS * Stride<W>::Value];
    __shared__ int seen[KEYS];
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3;
    const int head = blockIdx_y, key_head = head / (s.heads / s.key_heads), first = blockIdx_x * ROWS, mine = first + threadIdx_x / WARP * 16;
    const long long stride = (long long)s.heads * s.width, key_stride = (long long)s.key_heads * s.width, row = (long long)blockIdx_z * s.tokens;
    q += row * stride + head * s.width;
    mixed += row * stride + head * s.width;
    k += row * key_stride + key_head * s.width;
    v += row * key_stride + key_head * s.width;
    mask += row;
    log_sums += row * s.heads + (long long)head * s.tokens;

    unsigned a[W / 16][4];
    load_rows<W>(a, q, mine, s, stride);
    float mix[W / 8][4], largest[2] = {-INFINITE, -INFINITE}, sum[2] = {0.f, 0.f};
    clear(mix);
    const float factor = s.scale * LOG2_E;
    const Place places[2] = {place_of(mine + g, s), place_of(mine + g + 8, s)};
    const Tiles tiles = tiles_of(first, KEYS, s);
    for (int base = tiles.begin; base < tiles.end; base = tiles.after(base, KEYS))
    {
        __syncthreads();
        load_tile<W>(keys, k, base, KEYS, s, key_stride);
        load_tile<W>(values, v, base, KEYS, s, key_stride);
        if (threadIdx_x < KEYS)
            seen[threadIdx_x] = is_token(mask, base + threadIdx_x, s);
        __syncthreads();
        float shares[KEYS / 8][4];
        clear(shares);
#pragma unroll
        for (int i = 0; i < W / 16; i++)
            times_rows<W>(shares, a[i], keys, i);
#pragma unroll
        for (int h = 0; h < 2; h++)
        {
            const int query = mine + g + h * 8;
            float most = largest[h];
#pragma unroll
            for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
                for (int i = 0; i < 2; i++)
                {
                    const int key = n * 8 + 2 * t + i;
                    float &x = shares[n][2 * h + i];
                    x = seen[key] != 0 && sees(query, places[h], base + key, s) ? x * factor : -INFINITE;
                    most = fmaxf(most, x);
                }
            most = fmaxf(most, lane_xor(most, 1));
            most = fmaxf(most, lane_xor(most, 2));
            const float zero = most == -INFINITE ? 0.f : most, kept = exp2_approximate(largest[h] - zero);
            largest[h] = most;
            sum[h] *= kept;
#pragma unroll
            for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
                for (int i = 0; i < 2; i++)
                    sum[h] += shares[n][2 * h + i] = exp2_approximate(shares[n][2 * h + i] - zero);
#pragma unroll
            for (int n = 0; n < W / 8; n++)
            {
                mix[n][2 * h] *= kept;
                mix[n][2 * h + 1] *= kept;
            }
        }
#pragma unroll
        for (int i = 0; i < KEYS / 16; i++)
        {
            unsigned p[4];
            as_rows(p, shares[2 * i], shares[2 * i + 1]);
            times_columns<W>(mix, p, values, i);
        }
    }
    float inverse[2];
#pragma unroll
    for (int h = 0; h < 2; h++)
    {
        sum[h] += lane_xor(sum[h], 1);
        sum[h] += lane_xor(sum[h], 2);
        inverse[h] = sum[h] > 0.f ? 1.f / sum[h] : 0.f;
        const int query = mine + g + h * 8;
        if (t == 0 && query < s.tokens)
            log_sums[query] = sum[h] > 0.f ? (float)((double)largest[h] * 0.69314718055994531 + log_double((double)sum[h])) : INFINITE;
    }
    store_rows<W>(mixed, mix, mine, inverse, s, stride);
}

// The share of a key, of e^(score - log_sum), and its gradient before the scale.
__device__ __forceinline__ void differentiate(float &score, float &gradient, bool visible, float factor, float log_sum, float delta)
{
    score = visible ? exp2_approximate(score * factor - log_sum * LOG2_E) : 0.f;
    gradient = score * (gradient - delta);
}

// Gradients of keys and values. Grid (ceil(T / ROWS), K, B).
template <int W>
static __device__ __forceinline__ void backward_keys(const Bits16 *gradient, const Bits16 *q, const Bits16 *k, const Bits16 *v, const long long *mask, const float *log_sums, const float *delta, const Sizes s, Bits16 *dk, Bits16 *dv)
{
    alignas(16) __shared__ Bits16 values[ROWS * Stride<W>::Value], queries[TILE * Stride<W>::Value], gradients[TILE * Stride<W>::Value];
    __shared__ float sums[TILE], deltas[TILE];
    __shared__ Place places[TILE];
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3, own = threadIdx_x / WARP * 16;
    const int key_head = blockIdx_y, group = s.heads / s.key_heads, first = blockIdx_x * ROWS, mine = first + own;
    const long long stride = (long long)s.heads * s.width, key_stride = (long long)s.key_heads * s.width, row = (long long)blockIdx_z * s.tokens;
    k += row * key_stride + key_head * s.width;
    v += row * key_stride + key_head * s.width;
    dk += row * key_stride + key_head * s.width;
    dv += row * key_stride + key_head * s.width;
    mask += row;

    unsigned a[W / 16][4];
    load_rows<W>(a, k, mine, s, key_stride);
    load_tile<W>(values, v, first, ROWS, s, key_stride);
    const bool seen[2] = {is_token(mask, mine + g, s), is_token(mask, mine + g + 8, s)};
    float of_keys[W / 8][4], of_values[W / 8][4];
    clear(of_keys);
    clear(of_values);
    const float factor = s.scale * LOG2_E;
    const int reach = reach_of(first, s);
    for (int head = key_head * group; head < (key_head + 1) * group; head++)
    {
        const Bits16 *head_queries = q + row * stride + head * s.width, *head_gradient = gradient + row * stride + head * s.width;
        const float *head_sums = log_sums + row * s.heads + (long long)head * s.tokens, *head_delta = delta + row * s.heads + (long long)head * s.tokens;
        for (int base = first; base < reach; base += TILE)
        {
            __syncthreads();
            load_tile<W>(queries, head_queries, base, TILE, s, stride);
            load_tile<W>(gradients, head_gradient, base, TILE, s, stride);
            if (threadIdx_x < TILE)
            {
                const bool inside = base + threadIdx_x < s.tokens;
                sums[threadIdx_x] = inside ? head_sums[base + threadIdx_x] : INFINITE;
                deltas[threadIdx_x] = inside ? head_delta[base + threadIdx_x] : 0.f;
                places[threadIdx_x] = place_of(base + threadIdx_x, s);
            }
            __syncthreads();
            float shares[TILE / 8][4], slopes[TILE / 8][4];
            clear(shares);
            clear(slopes);
#pragma unroll
            for (int i = 0; i < W / 16; i++)
            {
                unsigned b[4];
#pragma unroll
                for (int j = 0; j < 4; j++)
                    b[j] = *(const unsigned *)(values + (own + g + (j & 1) * 8) * Stride<W>::Value + i * 16 + 2 * t + (j >> 1) * 8);
                times_rows<W>(shares, a[i], queries, i);
                times_rows<W>(slopes, b, gradients, i);
            }
#pragma unroll
            for (int n = 0; n < TILE / 8; n++)
#pragma unroll
                for (int i = 0; i < 4; i++)
                {
                    const int query = n * 8 + 2 * t + (i & 1);
                    const bool visible = seen[i >> 1] && sees(base + query, places[query], mine + g + (i >> 1) * 8, s);
                    differentiate(shares[n][i], slopes[n][i], visible, factor, sums[query], deltas[query]);
                }
#pragma unroll
            for (int i = 0; i < TILE / 16; i++)
            {
                unsigned p[4];
                as_rows(p, shares[2 * i], shares[2 * i + 1]);
                times_columns<W>(of_values, p, gradients, i);
                as_rows(p, slopes[2 * i], slopes[2 * i + 1]);
                times_columns<W>(of_keys, p, queries, i);
            }
        }
    }
    const float once[2] = {1.f, 1.f}, scaled[2] = {s.scale, s.scale};
    store_rows<W>(dv, of_values, mine, once, s, key_stride);
    store_rows<W>(dk, of_keys, mine, scaled, s, key_stride);
}

// Gradients of queries. Grid (ceil(T / ROWS), H, B).
template <int W>
static __device__ __forceinline__ void backward_queries(const Bits16 *gradient, const Bits16 *q, const Bits16 *k, const Bits16 *v, const long long *mask, const float *log_sums, const float *delta, const Sizes s, Bits16 *dq)
{
    alignas(16) __shared__ Bits16 keys[TILE * Stride<W>::Value], values[TILE * Stride<W>::Value];
    __shared__ int seen[TILE];
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3;
    const int head = blockIdx_y, key_head = head / (s.heads / s.key_heads), first = blockIdx_x * ROWS, mine = first + threadIdx_x / WARP * 16;
    const long long stride = (long long)s.heads * s.width, key_stride = (long long)s.key_heads * s.width, row = (long long)blockIdx_z * s.tokens;
    q += row * stride + head * s.width;
    gradient += row * stride + head * s.width;
    dq += row * stride + head * s.width;
    k += row * key_stride + key_head * s.width;
    v += row * key_stride + key_head * s.width;
    mask += row;
    log_sums += row * s.heads + (long long)head * s.tokens;
    delta += row * s.heads + (long long)head * s.tokens;

    unsigned a[W / 16][4], b[W / 16][4];
    load_rows<W>(a, q, mine, s, stride);
    load_rows<W>(b, gradient, mine, s, stride);
    float of_queries[W / 8][4], sum[2], pull[2];
    clear(of_queries);
#pragma unroll
    for (int h = 0; h < 2; h++)
    {
        const int query = mine + g + h * 8;
        sum[h] = query < s.tokens ? log_sums[query] : INFINITE;
        pull[h] = query < s.tokens ? delta[query] : 0.f;
    }
    const float factor = s.scale * LOG2_E;
    const Place places[2] = {place_of(mine + g, s), place_of(mine + g + 8, s)};
    const Tiles tiles = tiles_of(first, TILE, s);
    for (int base = tiles.begin; base < tiles.end; base = tiles.after(base, TILE))
    {
        __syncthreads();
        load_tile<W>(keys, k, base, TILE, s, key_stride);
        load_tile<W>(values, v, base, TILE, s, key_stride);
        if (threadIdx_x < TILE)
            seen[threadIdx_x] = is_token(mask, base + threadIdx_x, s);
        __syncthreads();
        float shares[TILE / 8][4], slopes[TILE / 8][4];
        clear(shares);
        clear(slopes);
#pragma unroll
        for (int i = 0; i < W / 16; i++)
        {
            times_rows<W>(shares, a[i], keys, i);
            times_rows<W>(slopes, b[i], values, i);
        }
#pragma unroll
        for (int n = 0; n < TILE / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                const int key = n * 8 + 2 * t + (i & 1);
                const bool visible = seen[key] != 0 && sees(mine + g + (i >> 1) * 8, places[i >> 1], base + key, s);
                differentiate(shares[n][i], slopes[n][i], visible, factor, sum[i >> 1], pull[i >> 1]);
            }
#pragma unroll
        for (int i = 0; i < TILE / 16; i++)
        {
            unsigned p[4];
            as_rows(p, slopes[2 * i], slopes[2 * i + 1]);
            times_columns<W>(of_queries, p, keys, i);
        }
    }
    const float scaled[2] = {s.scale, s.scale};
    store_rows<W>(dq, of_queries, mine, scaled, s, stride);
}

// delta = sum over d of mixed times its gradient; a warp each of `count` = B T H. Grid any.
KERNEL __launch_bounds__(MAX_THREADS) attention_delta(const void *mixed, const void *gradient, int tokens, int heads, int width, long long count, float *delta)
{
    const int lane = threadIdx_x & (WARP - 1);
    const long long warps = (long long)gridDim_x * (blockDim_x / WARP);
    for (long long i = blockIdx_x * (long long)(blockDim_x / WARP) + threadIdx_x / WARP; i < count; i += warps)
    {
        const bf16 *x = (const bf16 *)mixed + i * width, *y = (const bf16 *)gradient + i * width;
        float sum = 0.f;
        for (int column = lane; column < width; column += WARP)
            sum = fmaf(x[column], y[column], sum);
        sum = warp_sum(sum);
        const long long head = i % heads, token = i / heads % tokens, row = i / heads / tokens;
        if (lane == 0)
            delta[(row * heads + head) * tokens + token] = sum;
    }
}

// What each token of packed rows sees. segments [S, 2]: tokens, and 0 for a root or 1 for a branch of the last root; the last one holds what is left of the
// row. Grid (S), any block.
KERNEL __launch_bounds__(MAX_THREADS) attention_places(const long long *segments, int count, int tokens, void *places)
{
    int first = 0, root = 0, end = 0;
    for (int i = 0; i < blockIdx_x; i++)
    {
        const int next = first + (int)segments[2 * i];
        if (segments[2 * i + 1] == 0)
        {
            root = first;
            end = next;
        }
        first = next;
    }
    const bool is_root = segments[2 * blockIdx_x + 1] == 0;
    int after = first + (int)segments[2 * blockIdx_x], reach = after;
    for (int i = blockIdx_x + 1; is_root && i < count && segments[2 * i + 1] != 0; i++)
        reach += (int)segments[2 * i];
    if (blockIdx_x == count - 1 || after > tokens)
        after = tokens;
    reach = reach < after ? after : reach < tokens ? reach : tokens;
    const Place p = is_root ? Place{first, 0, 0, reach} : Place{first, root, end, reach};
    for (int t = first + threadIdx_x; t < after; t += blockDim_x)
        ((Place *)places)[t] = p;
}

#define SIZES Sizes{tokens, heads, key_heads, width, window, scale, (const Place *)places}
#define ENTRY(W)                                                                                                                                      \
    KERNEL __launch_bounds__(WARPS *WARP)                                                                                                             \
        attention_forward_##W(const void *q, const void *k, const void *v, const long long *mask, const void *places, int tokens, int heads,          \
                              int key_heads, int width, int window, float scale, void *mixed, float *log_sums)                                        \
    {                                                                                                                                                 \
        forward<W>((const Bits16 *)q, (const Bits16 *)k, (const Bits16 *)v, mask, SIZES, (Bits16 *)mixed, log_sums);                                  \
    }                                                                                                                                                 \
    KERNEL __launch_bounds__(WARPS *WARP)                                                                                                             \
        attention_keys_##W(const void *gradient, const void *q, const void *k, const void *v, const long long *mask, const void *places,              \
                           const float *log_sums, const float *delta, int tokens, int heads, int key_heads, int width, int window, float scale,       \
                           void *dk, void *dv)                                                                                                        \
    {                                                                                                                                                 \
        backward_keys<W>((const Bits16 *)gradient, (const Bits16 *)q, (const Bits16 *)k, (const Bits16 *)v, mask, log_sums, delta, SIZES,             \
                         (Bits16 *)dk, (Bits16 *)dv);                                                                                                 \
    }                                                                                                                                                 \
    KERNEL __launch_bounds__(WARPS *WARP)                                                                                                             \
        attention_queries_##W(const void *gradient, const void *q, const void *k, const void *v, const long long *mask, const void *places,           \
                              const float *log_sums, const float *delta, int tokens, int heads, int key_heads, int width, int window, float scale,    \
                              void *dq)                                                                                                               \
    {                                                                                                                                                 \
        backward_queries<W>((const Bits16 *)gradient, (const Bits16 *)q, (const Bits16 *)k, (const Bits16 *)v, mask, log_sums, delta, SIZES,          \
                            (Bits16 *)dq);                                                                                                            \
    }
ENTRY(64)
ENTRY(128)

#undef ENTRY
#undef SIZES
#undef ROWS
#undef KEYS
#undef TILE
#undef WARPS
