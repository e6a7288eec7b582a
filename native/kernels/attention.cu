// Causal grouped-query attention whose shares never leave the chip, and its gradients: blocks of queries and keys, a running maximum and sum, shares computed
// again for the gradients from the logarithms of the sums. No atomics: keys' and values' gradients are summed by the block that owns the keys, queries'
// by another kernel, so that a device repeats its bits. Tiles are copied ahead of the products that read them; those that a warp sees whole are not asked
// key by key, those that it sees nothing of are left out.
// Source: FlashAttention-2, arXiv:2307.08691.
//
// q, dq, mixed and its gradient are [B, T, H, d], k, v and their gradients [B, T, K, d], bfloat16; log_sums and delta [B, H, T], float. d <= W, a multiple of 8.
// mask [B, T]: keys where it is 0 are not seen. A token that sees nothing gives zeros and has an infinite log_sum. scale > 0.
// Packed rows lie in one, B = 1, as segments: a root (a prompt) sees itself, a branch (a response) its root and itself. places [T] then says what each
// token sees; null where rows are apart. Tiles that lie between a branch's root and itself are passed over.
//
// Dynamic shared memory, by W: forward (ROWS + 2 KEYS) rows, keys (ROWS + 4 TILE) rows and 2 TILE * 24 bytes, queries 4 TILE rows; a row is 2 (W + 8) bytes.
#include "attention.cuh"
// Tensor cores, so sm_80: "mma.cuh"

#define KEYS 64 // of a tile of the forward pass
#define TILE 32 // keys or queries of a tile of the backward pass
#define LAG 8.f // how far, as a power of two, scores may outgrow what sums are relative to before those are scaled again
#define FORWARD_THREADS 128  // 32 queries a warp
#define BACKWARD_THREADS 256 // 16 keys or queries a warp

// Grid (ceil(T / ROWS), H, B); the last block of a row, which has the most to do, comes first.
template <int W>
static __device__ __forceinline__ void forward(const Bits16 *q, const Bits16 *k, const Bits16 *v, const long long *mask, const Sizes s, Bits16 *mixed, float *log_sums)
{
    DYNAMIC_SHARED(room);
    Bits16 *const queries = (Bits16 *)room, *const keys = queries + ROWS * Stride<W>::Value, *const values = keys + KEYS * Stride<W>::Value;
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3;
    const int head = blockIdx_y, key_head = head / (s.heads / s.key_heads), first = (gridDim_x - 1 - blockIdx_x) * ROWS;
    const int own = threadIdx_x / WARP * 32, mine = first + own, last = last_of(mine, 32, s);
    const long long stride = (long long)s.heads * s.width, key_stride = (long long)s.key_heads * s.width, row = (long long)blockIdx_z * s.tokens;
    k += row * key_stride + key_head * s.width;
    v += row * key_stride + key_head * s.width;
    mask += row;

    const Tiles tiles = tiles_of(first, KEYS, s);
    begin_tile<W, ROWS, FORWARD_THREADS>(queries, q + row * stride + head * s.width, first, s, stride);
    begin_tile<W, KEYS, FORWARD_THREADS>(keys, k, tiles.begin, s, key_stride);
    end_copies();
    float mix[2][W / 8][4], largest[2][2] = {{-INFINITE, -INFINITE}, {-INFINITE, -INFINITE}}, sum[2][2] = {{0.f, 0.f}, {0.f, 0.f}};
    clear(mix);
    const float factor = s.scale * LOG2_E;
    for (int base = tiles.begin; base < tiles.end;)
    {
        // Keys are there, and the last tile's values read by all.
        wait_for_copies();
        __syncthreads();
        begin_tile<W, KEYS, FORWARD_THREADS>(values, v, base, s, key_stride);
        end_copies();
        const unsigned low = lanes_where(is_token(mask, base + lane, s)), high = lanes_where(is_token(mask, base + 32 + lane, s));
        const bool reads = base <= last;
        float shares[2][KEYS / 8][4];
        clear(shares);
        if (reads)
        {
#pragma unroll
            for (int i = 0; i < W / 16; i++)
            {
                unsigned a[2][4];
                rows_of<W>(a[0], queries, own, i);
                rows_of<W>(a[1], queries, own + 16, i);
                times_rows<W>(shares, a, keys, i);
            }
        }
        const int next = tiles.after(base, KEYS);
        wait_for_copies();
        __syncthreads();
        if (next < tiles.end)
        {
            begin_tile<W, KEYS, FORWARD_THREADS>(keys, k, next, s, key_stride);
            end_copies();
        }
        if (reads)
        {
            const bool whole = (low & high) == 0xffffffffu && all_see(mine, last, place_of(mine, s), place_of(last, s), base, KEYS, s);
            if (!whole)
            {
#pragma unroll
                for (int m = 0; m < 2; m++)
#pragma unroll
                    for (int h = 0; h < 2; h++)
                    {
                        const int query = mine + m * 16 + h * 8 + g;
                        const Place p = place_of(query, s);
#pragma unroll
                        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
                            for (int i = 0; i < 2; i++)
                            {
                                const int key = n * 8 + 2 * t + i;
                                const bool seen = ((n < 4 ? low : high) >> (key & 31) & 1) != 0 && sees(query, p, base + key, s);
                                float &x = shares[m][n][2 * h + i];
                                x = seen ? x : -INFINITE;
                            }
                    }
            }
            float most[2][2];
            bool grows = false;
#pragma unroll
            for (int m = 0; m < 2; m++)
#pragma unroll
                for (int h = 0; h < 2; h++)
                {
                    float &x = most[m][h] = largest[m][h];
#pragma unroll
                    for (int n = 0; n < KEYS / 8; n++)
                        x = fmaxf(x, fmaxf(shares[m][n][2 * h], shares[m][n][2 * h + 1]));
                    x = fmaxf(x, lane_xor(x, 1));
                    x = fmaxf(x, lane_xor(x, 2));
                    grows = grows || x * factor > largest[m][h] * factor + LAG;
                }
            if (lanes_where(grows) != 0)
            {
#pragma unroll
                for (int m = 0; m < 2; m++)
#pragma unroll
                    for (int h = 0; h < 2; h++)
                    {
                        const float x = most[m][h], kept = x == -INFINITE ? 1.f : exp2_approximate((largest[m][h] - x) * factor);
                        largest[m][h] = x;
                        sum[m][h] *= kept;
#pragma unroll
                        for (int n = 0; n < W / 8; n++)
                        {
                            mix[m][n][2 * h] *= kept;
                            mix[m][n][2 * h + 1] *= kept;
                        }
                    }
            }
#pragma unroll
            for (int m = 0; m < 2; m++)
#pragma unroll
                for (int h = 0; h < 2; h++)
                {
                    const float zero = largest[m][h] == -INFINITE ? 0.f : largest[m][h] * factor;
#pragma unroll
                    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
                        for (int i = 0; i < 2; i++)
                            sum[m][h] += shares[m][n][2 * h + i] = exp2_approximate(fmaf(shares[m][n][2 * h + i], factor, -zero));
                }
#pragma unroll
            for (int i = 0; i < KEYS / 16; i++)
            {
                unsigned p[2][4];
                as_rows(p[0], shares[0][2 * i], shares[0][2 * i + 1]);
                as_rows(p[1], shares[1][2 * i], shares[1][2 * i + 1]);
                times_columns<W>(mix, p, values, i);
            }
        }
        base = next;
    }
    mixed += row * stride + head * s.width;
    log_sums += row * s.heads + (long long)head * s.tokens;
#pragma unroll
    for (int m = 0; m < 2; m++)
    {
        float inverse[2];
#pragma unroll
        for (int h = 0; h < 2; h++)
        {
            float &all = sum[m][h];
            all += lane_xor(all, 1);
            all += lane_xor(all, 2);
            inverse[h] = all > 0.f ? 1.f / all : 0.f;
            const int query = mine + m * 16 + h * 8 + g;
            if (t == 0 && query < s.tokens)
                log_sums[query] = all > 0.f ? (float)((double)largest[m][h] * (double)s.scale + log_double((double)all)) : INFINITE;
        }
        store_rows<W>(mixed, mix[m], mine + m * 16, inverse, s, stride);
    }
}

// The share of a key, e^(score - log_sum), and its gradient before the scale; of what is not seen both are zero.
__device__ __forceinline__ void differentiate(float &score, float &gradient, float factor, float log_sum, float delta)
{
    score = exp2_approximate(fmaf(score, factor, -log_sum));
    gradient = score * (gradient - delta);
}

// What the kernel of keys reads of a tile of queries beside their rows.
struct QueryTile
{
    float sums[TILE], deltas[TILE];
    Place places[TILE];
};

// Gradients of keys and values. Grid (ceil(T / ROWS), K, B).
template <int W>
static __device__ __forceinline__ void backward_keys(const Bits16 *gradient, const Bits16 *q, const Bits16 *k, const Bits16 *v, const long long *mask, const float *log_sums, const float *delta, const Sizes s, Bits16 *dk, Bits16 *dv)
{
    DYNAMIC_SHARED(room);
    const int Rows = TILE * Stride<W>::Value;
    Bits16 *const values = (Bits16 *)room, *const queries = values + ROWS * Stride<W>::Value, *const gradients = queries + 2 * Rows;
    QueryTile *const others = (QueryTile *)(gradients + 2 * Rows);
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3, own = threadIdx_x / WARP * 16;
    const int key_head = blockIdx_y, group = s.heads / s.key_heads, first = blockIdx_x * ROWS, mine = first + own;
    const long long stride = (long long)s.heads * s.width, key_stride = (long long)s.key_heads * s.width, row = (long long)blockIdx_z * s.tokens;
    k += row * key_stride + key_head * s.width;
    v += row * key_stride + key_head * s.width;
    q += row * stride;
    gradient += row * stride;
    log_sums += row * s.heads;
    delta += row * s.heads;
    mask += row;

    const int reach = reach_of(first, s), end = (key_head + 1) * group;
    auto load = [&](int head, int base, int side)
    {
        begin_tile<W, TILE, BACKWARD_THREADS>(queries + side * Rows, q + head * s.width, base, s, stride);
        begin_tile<W, TILE, BACKWARD_THREADS>(gradients + side * Rows, gradient + head * s.width, base, s, stride);
        if (threadIdx_x < TILE)
        {
            // Beyond the last token all is zero, and so is what it adds.
            const int query = base + threadIdx_x;
            const bool inside = query < s.tokens;
            const long long at = inside ? (long long)head * s.tokens + query : 0;
            begin_copy<4>(&others[side].sums[threadIdx_x], log_sums + at, inside);
            begin_copy<4>(&others[side].deltas[threadIdx_x], delta + at, inside);
            if (s.places != nullptr)
                begin_copy<16>(&others[side].places[threadIdx_x], s.places + (inside ? query : 0), inside);
        }
        end_copies();
    };
    begin_tile<W, ROWS, BACKWARD_THREADS>(values, v, first, s, key_stride);
    load(key_head * group, first, 0);
    unsigned a[W / 16][4];
    load_rows<W>(a, k, mine, s, key_stride);
    const bool seen[2] = {is_token(mask, mine + g, s), is_token(mask, mine + g + 8, s)};
    const bool all = lanes_where(seen[0] && seen[1]) == 0xffffffffu;
    float of_keys[1][W / 8][4], of_values[1][W / 8][4];
    clear(of_keys);
    clear(of_values);
    const float factor = s.scale * LOG2_E;
    int side = 0;
    for (int head = key_head * group, base = first; head < end;)
    {
        int next = next_queries(base + TILE, TILE, reach, first, s), next_head = head;
        if (next >= reach)
        {
            next = first;
            next_head++;
        }
        // This tile is there, and the one before it read by all.
        wait_for_copies();
        __syncthreads();
        if (next_head < end)
            load(next_head, next, side ^ 1);
        const int last = last_of(base, TILE, s);
        if (mine <= last)
        {
            const Bits16 *const tile = queries + side * Rows, *const slope = gradients + side * Rows;
            const QueryTile &other = others[side];
            float shares[1][TILE / 8][4], slopes[1][TILE / 8][4];
            clear(shares);
            clear(slopes);
#pragma unroll
            for (int i = 0; i < W / 16; i++)
            {
                unsigned b[1][4];
                rows_of<W>(b[0], values, own, i);
                times_rows<W>(shares, (const unsigned(&)[1][4])a[i], tile, i);
                times_rows<W>(slopes, b, slope, i);
            }
            const Place none{0, 0, 0, s.tokens};
            const bool packed = s.places != nullptr;
            const bool whole = all && all_see(base, last, packed ? other.places[0] : none, packed ? other.places[last - base] : none, mine, 16, s);
            if (!whole)
            {
#pragma unroll
                for (int n = 0; n < TILE / 8; n++)
#pragma unroll
                    for (int i = 0; i < 2; i++)
                    {
                        const int query = n * 8 + 2 * t + i;
                        const Place p = packed ? other.places[query] : none;
#pragma unroll
                        for (int h = 0; h < 2; h++)
                            if (!seen[h] || !sees(base + query, p, mine + g + h * 8, s))
                                shares[0][n][2 * h + i] = -INFINITE;
                    }
            }
#pragma unroll
            for (int n = 0; n < TILE / 8; n++)
#pragma unroll
                for (int i = 0; i < 2; i++)
                {
                    const int query = n * 8 + 2 * t + i;
                    const float log_sum = other.sums[query] * LOG2_E, pull = other.deltas[query];
                    differentiate(shares[0][n][i], slopes[0][n][i], factor, log_sum, pull);
                    differentiate(shares[0][n][2 + i], slopes[0][n][2 + i], factor, log_sum, pull);
                }
#pragma unroll
            for (int i = 0; i < TILE / 16; i++)
            {
                unsigned p[1][4];
                as_rows(p[0], shares[0][2 * i], shares[0][2 * i + 1]);
                times_columns<W>(of_values, p, slope, i);
                as_rows(p[0], slopes[0][2 * i], slopes[0][2 * i + 1]);
                times_columns<W>(of_keys, p, tile, i);
            }
        }
        base = next;
        head = next_head;
        side ^= 1;
    }
    const float once[2] = {1.f, 1.f}, scaled[2] = {s.scale, s.scale};
    store_rows<W>(dv + row * key_stride + key_head * s.width, of_values[0], mine, once, s, key_stride);
    store_rows<W>(dk + row * key_stride + key_head * s.width, of_keys[0], mine, scaled, s, key_stride);
}

// Gradients of queries. Grid (ceil(T / ROWS), H, B), the last block of a row first.
template <int W>
static __device__ __forceinline__ void backward_queries(const Bits16 *gradient, const Bits16 *q, const Bits16 *k, const Bits16 *v, const long long *mask, const float *log_sums, const float *delta, const Sizes s, Bits16 *dq)
{
    DYNAMIC_SHARED(room);
    const int Rows = TILE * Stride<W>::Value;
    Bits16 *const keys = (Bits16 *)room, *const values = keys + 2 * Rows;
    const int lane = threadIdx_x & (WARP - 1), g = lane >> 2, t = lane & 3;
    const int head = blockIdx_y, key_head = head / (s.heads / s.key_heads), first = (gridDim_x - 1 - blockIdx_x) * ROWS;
    const int mine = first + threadIdx_x / WARP * 16, last = last_of(mine, 16, s);
    const long long stride = (long long)s.heads * s.width, key_stride = (long long)s.key_heads * s.width, row = (long long)blockIdx_z * s.tokens;
    const long long at = row * stride + head * s.width, sums_at = row * s.heads + (long long)head * s.tokens;
    k += row * key_stride + key_head * s.width;
    v += row * key_stride + key_head * s.width;
    mask += row;

    const Tiles tiles = tiles_of(first, TILE, s);
    auto load = [&](int base, int side)
    {
        begin_tile<W, TILE, BACKWARD_THREADS>(keys + side * Rows, k, base, s, key_stride);
        begin_tile<W, TILE, BACKWARD_THREADS>(values + side * Rows, v, base, s, key_stride);
        end_copies();
    };
    load(tiles.begin, 0);
    unsigned a[W / 16][4], b[W / 16][4];
    load_rows<W>(a, q + at, mine, s, stride);
    load_rows<W>(b, gradient + at, mine, s, stride);
    float of_queries[1][W / 8][4], log_sum[2], pull[2];
    clear(of_queries);
#pragma unroll
    for (int h = 0; h < 2; h++)
    {
        const int query = mine + g + h * 8;
        log_sum[h] = query < s.tokens ? log_sums[sums_at + query] * LOG2_E : INFINITE;
        pull[h] = query < s.tokens ? delta[sums_at + query] : 0.f;
    }
    const float factor = s.scale * LOG2_E;
    int side = 0;
    for (int base = tiles.begin; base < tiles.end; side ^= 1)
    {
        const int next = tiles.after(base, TILE);
        // This tile is there, and the one before it read by all.
        wait_for_copies();
        __syncthreads();
        if (next < tiles.end)
            load(next, side ^ 1);
        const unsigned tokens = lanes_where(is_token(mask, base + lane, s));
        if (base <= last)
        {
            const Bits16 *const tile = keys + side * Rows;
            float shares[1][TILE / 8][4], slopes[1][TILE / 8][4];
            clear(shares);
            clear(slopes);
#pragma unroll
            for (int i = 0; i < W / 16; i++)
            {
                times_rows<W>(shares, (const unsigned(&)[1][4])a[i], tile, i);
                times_rows<W>(slopes, (const unsigned(&)[1][4])b[i], values + side * Rows, i);
            }
            const bool whole = tokens == 0xffffffffu && all_see(mine, last, place_of(mine, s), place_of(last, s), base, TILE, s);
#pragma unroll
            for (int h = 0; h < 2; h++)
            {
                if (!whole)
                {
                    const int query = mine + g + h * 8;
                    const Place p = place_of(query, s);
#pragma unroll
                    for (int n = 0; n < TILE / 8; n++)
#pragma unroll
                        for (int i = 0; i < 2; i++)
                        {
                            const int key = n * 8 + 2 * t + i;
                            if ((tokens >> key & 1) == 0 || !sees(query, p, base + key, s))
                                shares[0][n][2 * h + i] = -INFINITE;
                        }
                }
#pragma unroll
                for (int n = 0; n < TILE / 8; n++)
#pragma unroll
                    for (int i = 0; i < 2; i++)
                        differentiate(shares[0][n][2 * h + i], slopes[0][n][2 * h + i], factor, log_sum[h], pull[h]);
            }
#pragma unroll
            for (int i = 0; i < TILE / 16; i++)
            {
                unsigned p[1][4];
                as_rows(p[0], slopes[0][2 * i], slopes[0][2 * i + 1]);
                times_columns<W>(of_queries, p, tile, i);
            }
        }
        base = next;
    }
    const float scaled[2] = {s.scale, s.scale};
    store_rows<W>(dq + at, of_queries[0], mine, scaled, s, stride);
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
    KERNEL __launch_bounds__(FORWARD_THREADS)                                                                                                         \
        attention_forward_##W(const void *q, const void *k, const void *v, const long long *mask, const void *places, int tokens, int heads,          \
                              int key_heads, int width, int window, float scale, void *mixed, float *log_sums)                                        \
    {                                                                                                                                                 \
        forward<W>((const Bits16 *)q, (const Bits16 *)k, (const Bits16 *)v, mask, SIZES, (Bits16 *)mixed, log_sums);                                  \
    }                                                                                                                                                 \
    KERNEL __launch_bounds__(BACKWARD_THREADS)                                                                                                        \
        attention_keys_##W(const void *gradient, const void *q, const void *k, const void *v, const long long *mask, const void *places,              \
                           const float *log_sums, const float *delta, int tokens, int heads, int key_heads, int width, int window, float scale,       \
                           void *dk, void *dv)                                                                                                        \
    {                                                                                                                                                 \
        backward_keys<W>((const Bits16 *)gradient, (const Bits16 *)q, (const Bits16 *)k, (const Bits16 *)v, mask, log_sums, delta, SIZES,             \
                         (Bits16 *)dk, (Bits16 *)dv);                                                                                                 \
    }                                                                                                                                                 \
    KERNEL __launch_bounds__(BACKWARD_THREADS)                                                                                                        \
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
#undef LAG
#undef FORWARD_THREADS
#undef BACKWARD_THREADS
#undef LOG2_E
