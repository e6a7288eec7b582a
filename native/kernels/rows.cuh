// One row of logits: maximum, sum, energy, entropy. A block takes a row; its warps take chunks of 1024 tokens, keep a chunk in registers, and leave its
// statistics, relative to the chunk's own maximum, in shared memory. The row is read once.
#pragma once
#include "math.cuh"

#define CHUNK 1024
#define MAX_CHUNKS 512
#define MAX_VOCABULARY (CHUNK * MAX_CHUNKS)
#define PER_LANE (CHUNK / WARP)

// Why a row has no distribution; a set of bits.
#define FAULT_NAN 1
#define FAULT_INFINITE 2
#define FAULT_ALL_MASKED 4
#define FAULT_VOCABULARY 8
#define FAULT_TARGET 16

struct RowChunks
{
    double mass[MAX_CHUNKS];   // sum of e^x over the chunk
    float energy[MAX_CHUNKS];  // sum of x e^x
    float largest[MAX_CHUNKS]; // greatest logit
};

struct RowStatistics
{
    float largest;  // greatest logit
    double total;   // sum of e^((z - largest) / T), >= 1
    double log_total;
    double entropy; // nats
    int fault;
};

// (z - largest) / T, held above the point where e^x is 0, so that 0 * -infinity never arises; NaN passes.
__device__ __forceinline__ float shifted(float z, float largest, float inverse_temperature)
{
    const float x = (z - largest) * inverse_temperature;
    return x < -1e4f ? -1e4f : x;
}

// The tokens [start, start + CHUNK) in registers, PER_LANE a lane in any order; -infinity beyond the end.
template <class E>
__device__ __forceinline__ void load_chunk(const E *row, int start, int vocabulary, bool packed, float (&z)[PER_LANE])
{
    const int lane = threadIdx_x & (WARP - 1), n = Packed<E>::Count;
    if (packed && start + CHUNK <= vocabulary)
    {
        const Pack *source = (const Pack *)(row + start);
#pragma unroll
        for (int k = 0; k < PER_LANE / n; k++)
        {
            const Pack p = source[k * WARP + lane];
#pragma unroll
            for (int i = 0; i < n; i++)
                z[k * n + i] = unpack(p, i, E());
        }
    }
    else
    {
#pragma unroll
        for (int k = 0; k < PER_LANE; k++)
        {
            const int v = start + k * WARP + lane;
            z[k] = v < vocabulary ? (float)row[v] : -INFINITE;
        }
    }
}

// One warp: the statistics of one chunk.
template <class E>
__device__ __forceinline__ void measure_chunk(const E *row, int chunk, int vocabulary, float inverse_temperature, bool packed, RowChunks &chunks)
{
    float z[PER_LANE];
    load_chunk(row, chunk * CHUNK, vocabulary, packed, z);
    float largest = -INFINITE;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++)
        largest = fmaxf(largest, z[k]);
    largest = warp_max(largest);
    const float base = largest == -INFINITE ? 0.f : largest;
    // The greatest itself counts in peaks: next to its weight of 1 the small ones would lose their digits, and with them a log-prob near 0.
    float rest[4] = {0.f, 0.f, 0.f, 0.f}, energy[4] = {0.f, 0.f, 0.f, 0.f}, peaks = 0.f;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++)
    {
        float x = (z[k] - base) * inverse_temperature;
        const float w = exp_or_zero(x);
        const bool peak = z[k] == base;
        peaks += peak ? 1.f : 0.f;
        rest[k & 3] += peak ? 0.f : w;
        energy[k & 3] = fmaf(w, x, energy[k & 3]);
    }
    const double mass = warp_sum((double)peaks + (double)((rest[0] + rest[1]) + (rest[2] + rest[3])));
    const float sum = warp_sum((energy[0] + energy[1]) + (energy[2] + energy[3]));
    if ((threadIdx_x & (WARP - 1)) == 0)
    {
        chunks.mass[chunk] = mass;
        chunks.energy[chunk] = sum;
        chunks.largest[chunk] = largest;
    }
}

// ln(1 + y), y >= 0, exact for small y too.
__device__ __forceinline__ double log_one_plus(double y)
{
    const double u = 1. + y;
    return u == 1. ? y : log_double(u) * (y / (u - 1.));
}

// The whole block. Chunk masses become relative to the row's maximum. Statistics are valid in the first warp; other warps may look at the chunks behind a
// barrier.
template <class E>
__device__ __forceinline__ RowStatistics measure_row(const E *row, int vocabulary, float inverse_temperature, RowChunks &chunks)
{
    const int count = (vocabulary + CHUNK - 1) / CHUNK, lane = threadIdx_x & (WARP - 1);
    const bool packed = aligned(row);
    for (int c = threadIdx_x / WARP; c < count; c += blockDim_x / WARP)
        measure_chunk(row, c, vocabulary, inverse_temperature, packed, chunks);
    __syncthreads();
    RowStatistics r = {0.f, 0., 0., 0., 0};
    if (threadIdx_x < WARP)
    {
        float largest = -INFINITE;
        for (int c = lane; c < count; c += WARP)
            largest = fmaxf(largest, chunks.largest[c]);
        r.largest = warp_max(largest);
        const float base = r.largest == -INFINITE ? 0.f : r.largest;
        double total = 0., energy = 0.;
        for (int c = lane; c < count; c += WARP)
        {
            const float x = shifted(chunks.largest[c], base, inverse_temperature);
            const double scale = (double)exp_float(x), mass = chunks.mass[c] * scale;
            total += mass;
            energy += scale * (double)chunks.energy[c] + (double)x * mass;
            chunks.mass[c] = mass;
        }
        r.total = warp_sum(total);
        energy = warp_sum(energy);
        r.fault = r.largest == INFINITE ? FAULT_INFINITE : r.total != r.total ? FAULT_NAN : r.largest == -INFINITE ? FAULT_ALL_MASKED : 0;
        if (r.fault == 0)
        {
            r.log_total = log_one_plus(r.total - 1.);
            const double entropy = r.log_total - energy / r.total;
            r.entropy = entropy > 0. ? entropy : 0.;
        }
    }
    return r;
}

__device__ __forceinline__ float not_a_number() { return bits_float(0x7fc00000u); }

// What a row's statistics leave in memory; every pointer may be null.
__device__ __forceinline__ void store_statistics(const RowStatistics &r, int row, double inverse_temperature, float *entropies, float *logsumexps, float *normalizers, int *faults)
{
    const bool good = r.fault == 0;
    if (entropies != nullptr)
        entropies[row] = good ? (float)r.entropy : not_a_number();
    if (logsumexps != nullptr)
        logsumexps[row] = good ? (float)((double)r.largest * inverse_temperature + r.log_total) : not_a_number();
    if (normalizers != nullptr)
    {
        normalizers[2 * (long long)row] = good ? r.largest : not_a_number();
        normalizers[2 * (long long)row + 1] = good ? (float)(1. / r.total) : not_a_number();
    }
    if (faults != nullptr)
        faults[row] = r.fault;
}
