#include "rows.cuh"

// softmax(z / T) of one token
__device__ __forceinline__ float share(float z, float largest, float inverse_total, float inverse_temperature)
{
    return exp_float(shifted(z, largest, inverse_temperature)) * inverse_total;
}

// Rows whose logits are asked for before the first of them is needed.
#define ROWS_IN_FLIGHT 4

// What a row adds to the accumulator of 16 bytes of logits.
struct RowTerm
{
    float weight, largest, inverse_total;
    int token;

    __device__ __forceinline__ RowTerm(int t, const int *tokens, const float *weights, const float *normalizers)
        : weight(weights != nullptr ? weights[t] : 1.f), largest(normalizers[2 * (long long)t]), inverse_total(normalizers[2 * (long long)t + 1]),
          token(tokens[t])
    {
    }

    __device__ __forceinline__ float of(float z, int v, float inverse_temperature) const
    {
        return weight * ((v == token ? 1.f : 0.f) - share(z, largest, inverse_total, inverse_temperature));
    }
};

// u[slot(s)] += sum over the rows t of sequence s of a_t (onehot(y_t) - softmax(z_t / T)). A thread owns its tokens and walks the rows in order: no atomics,
// the same bits every time.
template <class E>
__device__ __forceinline__ void accumulate_features(const E *logits, long long stride, int vocabulary, float inverse_temperature, const int *tokens,
                                                    const float *weights, const float *normalizers, const int *offsets, const int *slots, float *features)
{
    const int n = Packed<E>::Count, s = blockIdx_y;
    const int begin = offsets != nullptr ? offsets[s] : s, end = offsets != nullptr ? offsets[s + 1] : s + 1;
    if (begin >= end)
        return;
    float *u = features + (slots != nullptr ? slots[s] : s) * (long long)vocabulary;
    const bool packed = aligned(logits) && aligned(u) && stride % n == 0;
    const int step = gridDim_x * blockDim_x * n;
    for (int v = (blockIdx_x * blockDim_x + threadIdx_x) * n; v < vocabulary; v += step)
    {
        const bool whole = packed && v + n <= vocabulary;
        float sum[n];
#pragma unroll
        for (int i = 0; i < n; i++)
            sum[i] = 0.f;
        int t = begin;
        for (; whole && t + ROWS_IN_FLIGHT <= end; t += ROWS_IN_FLIGHT)
        {
            Pack p[ROWS_IN_FLIGHT];
#pragma unroll
            for (int r = 0; r < ROWS_IN_FLIGHT; r++)
                p[r] = *(const Pack *)(logits + (t + r) * stride + v);
#pragma unroll
            for (int r = 0; r < ROWS_IN_FLIGHT; r++)
            {
                const RowTerm term(t + r, tokens, weights, normalizers);
#pragma unroll
                for (int i = 0; i < n; i++)
                    sum[i] += term.of(unpack(p[r], i, E()), v + i, inverse_temperature);
            }
        }
        for (; t < end; t++)
        {
            const E *z = logits + t * stride;
            const RowTerm term(t, tokens, weights, normalizers);
            Pack p = {{0u, 0u, 0u, 0u}};
            if (whole)
                p = *(const Pack *)(z + v);
#pragma unroll
            for (int i = 0; i < n; i++)
                sum[i] += term.of(whole ? unpack(p, i, E()) : v + i < vocabulary ? (float)z[v + i] : -INFINITE, v + i, inverse_temperature);
        }
        if (whole)
        {
            Pack *target = (Pack *)(u + v);
#pragma unroll
            for (int k = 0; k < n / 4; k++)
            {
                Pack p = target[k];
#pragma unroll
                for (int i = 0; i < 4; i++)
                    p.w[i] = float_bits(bits_float(p.w[i]) + sum[k * 4 + i]);
                target[k] = p;
            }
        }
        else
        {
#pragma unroll
            for (int i = 0; i < n; i++)
                if (v + i < vocabulary)
                    u[v + i] += sum[i];
        }
    }
}

// The same sum with a block a row and atomic additions: more parallel where few long sequences have a small vocabulary; the last bits depend on the order.
template <class E>
__device__ __forceinline__ void accumulate_features_atomic(const E *logits, long long stride, int vocabulary, float inverse_temperature, const int *tokens,
                                                           const float *weights, const float *normalizers, const int *owners, float *features)
{
    const int t = blockIdx_y;
    const E *z = logits + t * stride;
    float *u = features + owners[t] * (long long)vocabulary;
    const float a = weights != nullptr ? weights[t] : 1.f;
    const float largest = normalizers[2 * (long long)t], inverse_total = normalizers[2 * (long long)t + 1];
    for (int v = blockIdx_x * blockDim_x + threadIdx_x; v < vocabulary; v += gridDim_x * blockDim_x)
        atomic_add(u + v, a * ((v == tokens[t] ? 1.f : 0.f) - share(z[v], largest, inverse_total, inverse_temperature)));
}

#define ENTRY(E)                                                                                                                                            \
    KERNEL __launch_bounds__(MAX_THREADS)                                                                                                                   \
        accumulate_features_##E(const E *logits, long long stride, int vocabulary, float inverse_temperature, const int *tokens, const float *weights,      \
                                const float *normalizers, const int *offsets, const int *slots, float *features)                                            \
    {                                                                                                                                                       \
        accumulate_features(logits, stride, vocabulary, inverse_temperature, tokens, weights, normalizers, offsets, slots, features);                       \
    }                                                                                                                                                       \
    KERNEL __launch_bounds__(MAX_THREADS)                                                                                                                   \
        accumulate_features_atomic_##E(const E *logits, long long stride, int vocabulary, float inverse_temperature, const int *tokens,                     \
                                       const float *weights, const float *normalizers, const int *owners, float *features)                                  \
    {                                                                                                                                                       \
        accumulate_features_atomic(logits, stride, vocabulary, inverse_temperature, tokens, weights, normalizers, owners, features);                        \
    }
FOR_TYPES(ENTRY)

#undef ENTRY
