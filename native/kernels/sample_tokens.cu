#include "rows.cuh"
#include "choice.cuh"

// Draws one token a row by the inverse of the cumulative distribution in token order, after temperature, top-k, top-p and min-p, with the uniform number of
// the row's (seed; token, sample, prompt, step). Statistics belong to the full softmax(z / T). One block a row.
template <class E>
__device__ __forceinline__ void sample_tokens(const E *logits, long long stride, int vocabulary, double inverse_temperature, int top_k, double top_p,
                                              float min_p, int greedy, const unsigned long long *seeds, unsigned *counters, int advance,
                                              const int *stop_tokens, int stop_count, int *tokens, long long *next_ids, float *log_probs, float *entropies,
                                              float *logsumexps, float *normalizers, int *stopped, int *faults)
{
    __shared__ RowChunks chunks;
    __shared__ Choice choice;
    const int row = blockIdx_x;
    const E *z = logits + row * stride;
    RowStatistics r = {0.f, 0., 0., 0., FAULT_VOCABULARY};
    int token = -1;
    if (vocabulary <= MAX_VOCABULARY)
    {
        r = measure_row(z, vocabulary, (float)inverse_temperature, chunks);
        if (threadIdx_x == 0)
        {
            choice.fault = r.fault;
            choice.largest = r.largest;
            choice.total = r.total;
        }
        __syncthreads();
        if (choice.fault == 0)
        {
            const float largest = choice.largest;
            const Row<E> tokens_of = {z, vocabulary, (float)inverse_temperature};
            if (greedy)
                token = threadIdx_x < WARP ? first_peak(tokens_of, largest, chunks) : -1;
            else
            {
                Cut cut = {0.f, min_p, 0};
                if (top_k > 0 || top_p < 1.)
                    cut = find_cut(tokens_of, largest, top_k, top_p, min_p, chunks, choice);
                if (cut.threshold > 0.f || min_p > 0.f)
                    keep_above(tokens_of, largest, cut, chunks, choice);
                // One thread reads the counters, since it is the one that advances them.
                double uniform = 0.;
                if (threadIdx_x == 0)
                {
                    const unsigned *c = counters + 4 * (long long)row;
                    uniform = philox_uniform(seeds[row], c[0], c[1], c[2], c[3]);
                }
                token = threadIdx_x < WARP ? invert(tokens_of, largest, lane_at(uniform, 0), cut, chunks, choice) : -1;
            }
        }
    }
    if (threadIdx_x == 0)
    {
        tokens[row] = token;
        if (next_ids != nullptr)
            next_ids[row] = token;
        if (log_probs != nullptr)
            log_probs[row] = token >= 0 ? (float)(((double)(float)z[token] - (double)r.largest) * inverse_temperature - r.log_total) : not_a_number();
        store_statistics(r, row, inverse_temperature, entropies, logsumexps, normalizers, faults);
        if (stopped != nullptr)
        {
            int stop = token < 0;
            for (int i = 0; i < stop_count; i++)
                stop |= token == stop_tokens[i];
            stopped[row] = stop;
        }
        if (counters != nullptr)
            counters[4 * (long long)row] += (unsigned)advance;
    }
}

#define ENTRY(E)                                                                                                                                             \
    KERNEL __launch_bounds__(MAX_THREADS)                                                                                                                    \
        sample_tokens_##E(const E *logits, long long stride, int vocabulary, double inverse_temperature, int top_k, double top_p, float min_p, int greedy,   \
                          const unsigned long long *seeds, unsigned *counters, int advance, const int *stop_tokens, int stop_count, int *tokens,             \
                          long long *next_ids, float *log_probs, float *entropies, float *logsumexps, float *normalizers, int *stopped, int *faults)         \
    {                                                                                                                                                        \
        sample_tokens(logits, stride, vocabulary, inverse_temperature, top_k, top_p, min_p, greedy, seeds, counters, advance, stop_tokens, stop_count,       \
                      tokens, next_ids, log_probs, entropies, logsumexps, normalizers, stopped, faults);                                                     \
    }
FOR_TYPES(ENTRY)

#undef ENTRY
