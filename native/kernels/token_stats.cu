#include "rows.cuh"

// log-prob of a given token, entropy and logsumexp of softmax(z / T) of each row. One block a row.
template <class E>
__device__ __forceinline__ void token_stats(const E *logits, long long stride, int vocabulary, double inverse_temperature, const int *targets,
                                            float *log_probs, float *entropies, float *logsumexps, float *normalizers, int *faults)
{
    __shared__ RowChunks chunks;
    const int row = blockIdx_x;
    const E *z = logits + row * stride;
    if (vocabulary > MAX_VOCABULARY)
    {
        if (threadIdx_x == 0)
        {
            RowStatistics none = {0.f, 0., 0., 0., FAULT_VOCABULARY};
            log_probs[row] = not_a_number();
            store_statistics(none, row, inverse_temperature, entropies, logsumexps, normalizers, faults);
        }
        return;
    }
    RowStatistics r = measure_row(z, vocabulary, (float)inverse_temperature, chunks);
    if (threadIdx_x == 0)
    {
        const int target = targets[row];
        if ((unsigned)target >= (unsigned)vocabulary)
            r.fault |= FAULT_TARGET;
        log_probs[row] = r.fault == 0 ? (float)(((double)(float)z[target] - (double)r.largest) * inverse_temperature - r.log_total) : not_a_number();
        store_statistics(r, row, inverse_temperature, entropies, logsumexps, normalizers, faults);
    }
}

#define ENTRY(E)                                                                                                                                             \
    KERNEL __launch_bounds__(MAX_THREADS) token_stats_##E(const E *logits, long long stride, int vocabulary, double inverse_temperature, const int *targets, \
                                                          float *log_probs, float *entropies, float *logsumexps, float *normalizers, int *faults)            \
    {                                                                                                                                                        \
        token_stats(logits, stride, vocabulary, inverse_temperature, targets, log_probs, entropies, logsumexps, normalizers, faults);                        \
    }
FOR_TYPES(ENTRY)

#undef ENTRY
