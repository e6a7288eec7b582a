#include "common.cuh"

// Elements that a thread casts at a time: 16 bytes of the narrow type.
#define AT_ONCE 8

template <class From, class To>
__device__ __forceinline__ void cast(const From *x, To *y, long long count)
{
    struct alignas(16) Taken { From e[AT_ONCE]; };
    struct alignas(16) Given { To e[AT_ONCE]; };
    const long long start = blockIdx_x * (long long)blockDim_x + threadIdx_x, step = (long long)gridDim_x * blockDim_x;
    const long long wholes = aligned(x) && aligned(y) ? count / AT_ONCE : 0;
    for (long long k = start; k < wholes; k += step)
    {
        const Taken t = ((const Taken *)x)[k];
        Given g;
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
            g.e[i] = To::from((float)t.e[i]);
        ((Given *)y)[k] = g;
    }
    for (long long i = wholes * AT_ONCE + start; i < count; i += step)
        y[i] = To::from((float)x[i]);
}

KERNEL __launch_bounds__(MAX_THREADS) cast_f32_to_f16(const f32 *x, f16 *y, long long count) { cast(x, y, count); }
KERNEL __launch_bounds__(MAX_THREADS) cast_f32_to_bf16(const f32 *x, bf16 *y, long long count) { cast(x, y, count); }
KERNEL __launch_bounds__(MAX_THREADS) cast_f16_to_f32(const f16 *x, f32 *y, long long count) { cast(x, y, count); }
KERNEL __launch_bounds__(MAX_THREADS) cast_bf16_to_f32(const bf16 *x, f32 *y, long long count) { cast(x, y, count); }

// Copies the first copy_bytes of every head of row `from` to each of `rows`, in every buffer: a prompt's keys and values to its rollouts. The source
// is read once from memory; the other reads find it in the cache. Buffers are [row, head, position, width]; head_bytes is a head's, row_bytes a row's stride.
__device__ __forceinline__ void copy(const Pack *source, Pack *target)
{
    const unsigned a = source->w[0], b = source->w[1], c = source->w[2], d = source->w[3];
    target->w[0] = a;
    target->w[1] = b;
    target->w[2] = c;
    target->w[3] = d;
}

__device__ __forceinline__ void copy(const unsigned short *source, unsigned short *target) { *target = *source; }

template <class W>
__device__ __forceinline__ void share_cache(char *buffer, int from, const int *rows, int count, long long row_bytes, long long offset, long long copy_bytes)
{
    const W *source = (const W *)(buffer + from * row_bytes + offset);
    const long long words = copy_bytes / (long long)sizeof(W);
    for (long long i = blockIdx_x * (long long)blockDim_x + threadIdx_x; i < words; i += (long long)gridDim_x * blockDim_x)
        for (int r = 0; r < count; r++)
            if (rows[r] != from)
                copy(source + i, (W *)(buffer + rows[r] * row_bytes + offset) + i);
}

KERNEL __launch_bounds__(MAX_THREADS)
    kv_share(char *const *buffers, int from, const int *rows, int count, long long row_bytes, long long head_bytes, long long copy_bytes)
{
    char *buffer = buffers[blockIdx_z];
    const long long offset = blockIdx_y * head_bytes;
    if (((unsigned long long)buffer % 16 | (unsigned long long)row_bytes % 16 | (unsigned long long)head_bytes % 16 | (unsigned long long)copy_bytes % 16) == 0)
        share_cache<Pack>(buffer, from, rows, count, row_bytes, offset, copy_bytes);
    else
        share_cache<unsigned short>(buffer, from, rows, count, row_bytes, offset, copy_bytes);
}

// Copies the first copy_bytes of every head of a buffer's rows to where a buffer of longer or shorter rows has them: heads lie from_bytes apart in one and
// to_bytes in the other. Head h of row r is number r * heads + h, of `total` in all.
template <class W>
__device__ __forceinline__ void relay_cache(const char *from, char *to, int total, long long from_bytes, long long to_bytes, long long copy_bytes)
{
    const long long words = copy_bytes / (long long)sizeof(W);
    for (int head = blockIdx_y; head < total; head += gridDim_y)
        for (long long i = blockIdx_x * (long long)blockDim_x + threadIdx_x; i < words; i += (long long)gridDim_x * blockDim_x)
            copy((const W *)(from + head * from_bytes) + i, (W *)(to + head * to_bytes) + i);
}

KERNEL __launch_bounds__(MAX_THREADS)
    kv_relay(const char *from, char *to, int total, long long from_bytes, long long to_bytes, long long copy_bytes)
{
    if (((unsigned long long)from % 16 | (unsigned long long)to % 16 | (unsigned long long)from_bytes % 16 | (unsigned long long)to_bytes % 16 |
         (unsigned long long)copy_bytes % 16) == 0)
        relay_cache<Pack>(from, to, total, from_bytes, to_bytes, copy_bytes);
    else
        relay_cache<unsigned short>(from, to, total, from_bytes, to_bytes, copy_bytes);
}

// first = min(first, index of the first element that is NaN or infinite); fill it with ones before.
template <class E>
__device__ __forceinline__ void any_nonfinite(const E *x, long long count, unsigned long long *first)
{
    const int n = Packed<E>::Count;
    const long long start = blockIdx_x * (long long)blockDim_x + threadIdx_x, step = (long long)gridDim_x * blockDim_x;
    const long long wholes = aligned(x) ? count / n : 0;
    for (long long k = start; k < wholes; k += step)
    {
        const Pack p = ((const Pack *)x)[k];
        int found = n;
#pragma unroll
        for (int i = n - 1; i >= 0; i--)
        {
            const float v = unpack(p, i, E());
            found = v - v != 0.f ? i : found;
        }
        if (found < n)
        {
            atomic_min(first, (unsigned long long)(k * n + found));
            return;
        }
    }
    for (long long i = wholes * n + start; i < count; i += step)
    {
        const float v = x[i];
        if (v - v != 0.f)
        {
            atomic_min(first, (unsigned long long)i);
            return;
        }
    }
}

#define ENTRY(E) \
    KERNEL __launch_bounds__(MAX_THREADS) any_nonfinite_##E(const E *x, long long count, unsigned long long *first) { any_nonfinite(x, count, first); }
FOR_TYPES(ENTRY)

#undef ENTRY
