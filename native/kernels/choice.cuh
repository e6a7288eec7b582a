// The choice of a token: top-k and top-p as a cut in the order of weights, then the inverse of the cumulative distribution in token order. The rule is that of
// src/G2RL.Onnx/Rollouts/{TokenSampling,TokenFilter}.cs.
#pragma once
#include "rows.cuh"

#define LEVELS 7
#define CANDIDATES 1024

template <class E>
struct Row
{
    const E *z;
    int vocabulary;
    float inverse_temperature;

    // e^((z - largest) / T) in [0, 1]
    __device__ __forceinline__ float weight(int v, float largest) const { return exp_float(shifted((float)z[v], largest, inverse_temperature)); }

    // (z - largest) / T
    __device__ __forceinline__ float exponent(float logit, float largest) const { return (logit - largest) * inverse_temperature; }
};

// What stays: weights above the threshold, and of those that equal it the first `ties` in token order; never one below `least`, never zero.
struct Cut
{
    float threshold;
    float least;
    int ties;
};

// What a pass found, warp by warp: how many weights lie at or above each level, and their mass.
struct Pass
{
    unsigned long long masses[MAX_THREADS / WARP][LEVELS];
    unsigned counts[MAX_THREADS / WARP][LEVELS];
};

// Shared by the block.
struct Choice
{
    Pass first; // over the levels with which every search begins
    Pass pass;
    unsigned candidates[CANDIDATES];
    int chunk_ties[MAX_CHUNKS];
    unsigned gathered;
    int fault;
    float largest;
    double total;
};

// How far down the order of weights: by number of tokens, or by mass.
struct Goal
{
    bool by_count;
    unsigned long long value;
};

// Masses are added as integers, units of 2^-44, so that no order of the additions changes them.
__device__ __forceinline__ unsigned long long units(float w) { return (unsigned long long)(w * 17592186044416.f); }

// The least whole number of units that is `share` of a mass, at least 1 and at most all of it.
__device__ __forceinline__ unsigned long long share_of(unsigned long long mass, double share)
{
    const double exact = share * (double)mass;
    unsigned long long units = (unsigned long long)exact;
    units += (double)units < exact ? 1 : 0;
    return units < 1 ? 1 : units > mass ? mass : units;
}

// A weight is at most 1, and the bits of weights are in the order of the weights.
#define BITS_BEYOND 0x3f800001u

// An x below which e^x is less than a weight of these bits: without an exponential most tokens, and most chunks, are seen to lie below a cut.
__device__ __forceinline__ float exponent_below(unsigned bits)
{
    const float least = (float)((int)(bits >> 23) - 127) * 0.6931472f;
    return (least < LEAST_EXPONENT ? LEAST_EXPONENT : least) - 0.001f;
}

// Every token's weight, by warps and chunks; what surely lies below `least` is left out, and chunks of nothing else unread.
template <class E>
struct AllTokens
{
    const Row<E> &row;
    float largest;
    const RowChunks &chunks;

    template <class F>
    __device__ __forceinline__ void each(unsigned least, F f) const
    {
        const int lane = threadIdx_x & (WARP - 1), n = Packed<E>::Count, count = (row.vocabulary + CHUNK - 1) / CHUNK;
        const bool packed = aligned(row.z);
        const float below = exponent_below(least);
        for (int c = threadIdx_x / WARP; c < count; c += blockDim_x / WARP)
        {
            if (row.exponent(chunks.largest[c], largest) < below)
                continue;
            const bool whole = packed && (c + 1) * CHUNK <= row.vocabulary;
#pragma unroll 2
            for (int k = 0; k < PER_LANE / n; k++)
            {
                const int v = c * CHUNK + (k * WARP + lane) * n;
                Pack p = {{0u, 0u, 0u, 0u}};
                if (whole)
                    p = *(const Pack *)(row.z + v);
#pragma unroll
                for (int i = 0; i < n; i++)
                {
                    const float x = row.exponent(whole ? unpack(p, i, E()) : v + i < row.vocabulary ? (float)row.z[v + i] : -INFINITE, largest);
                    if (x >= below)
                        f(float_bits(exp_float(x)));
                }
            }
        }
    }
};

// What gather left in shared memory.
struct GatheredTokens
{
    const unsigned *bits;
    int count;

    template <class F>
    __device__ __forceinline__ void each(unsigned, F f) const
    {
        for (int i = threadIdx_x; i < count; i += blockDim_x)
            f(bits[i]);
    }
};

// How many weights in [level, beyond) there are for each level, and their mass; levels fall. The same in every thread.
struct Found
{
    unsigned counts[LEVELS];
    unsigned long long masses[LEVELS];
};

template <class Source>
__device__ __forceinline__ void count_levels(const Source &source, const unsigned (&levels)[LEVELS], unsigned beyond, Pass &pass)
{
    Found own = {};
    source.each(levels[LEVELS - 1], [&](unsigned bits) {
        if (bits < levels[LEVELS - 1] || bits >= beyond)
            return;
        const unsigned long long mass = units(bits_float(bits));
#pragma unroll
        for (int i = 0; i < LEVELS; i++)
        {
            const bool inside = bits >= levels[i];
            own.counts[i] += inside ? 1u : 0u;
            own.masses[i] += inside ? mass : 0ull;
        }
    });
#pragma unroll
    for (int i = 0; i < LEVELS; i++)
    {
        const unsigned count = (unsigned)warp_sum((int)own.counts[i]);
        const unsigned long long mass = warp_sum(own.masses[i]);
        if ((threadIdx_x & (WARP - 1)) == 0)
        {
            pass.counts[threadIdx_x / WARP][i] = count;
            pass.masses[threadIdx_x / WARP][i] = mass;
        }
    }
    __syncthreads();
}

__device__ __forceinline__ Found sum_of(const Pass &pass)
{
    Found all = {};
    for (int w = 0; w < blockDim_x / WARP; w++)
        for (int i = 0; i < LEVELS; i++)
        {
            all.counts[i] += pass.counts[w][i];
            all.masses[i] += pass.masses[w][i];
        }
    return all;
}

// Weights in [low, beyond) to shared memory, in any order; there are no more than CANDIDATES.
template <class E>
__device__ __forceinline__ void gather(const AllTokens<E> &all, unsigned low, unsigned beyond, Choice &choice)
{
    if (threadIdx_x == 0)
        choice.gathered = 0;
    __syncthreads();
    all.each(low, [&](unsigned bits) {
        if (bits >= low && bits < beyond)
            choice.candidates[atomic_next(&choice.gathered)] = bits;
    });
    __syncthreads();
}

// Where a goal is reached: the weight's bits, what lies above it, and the goal itself.
struct Depth
{
    unsigned bits;
    unsigned count_above;
    unsigned long long mass_above;
    unsigned long long goal;
    bool found;
};

// Weights where the goal of most rows lies, a pass apart: 2^-1, -3, -4, -6, -8, -11, -16.
__device__ __forceinline__ void first_levels(unsigned (&levels)[LEVELS])
{
    const int falls[LEVELS] = {1, 3, 4, 6, 8, 11, 16};
#pragma unroll
    for (int i = 0; i < LEVELS; i++)
        levels[i] = (unsigned)(127 - falls[i]) << 23;
}

// The interval of weights in which the goal is reached is narrowed by passes over the row, of which most find nearly every chunk below it, until what is
// inside fits into shared memory; there the search ends at one weight.
template <class E>
__device__ __forceinline__ Depth descend(const AllTokens<E> &all, Goal goal, bool &begun, Choice &choice)
{
    unsigned low = 1, beyond = BITS_BEYOND, inside = 0xffffffffu;
    Depth depth = {0, 0, 0, goal.value, false};
    bool gathered = false;
    for (bool first = true; beyond - low > 1; first = false)
    {
        if (!gathered && inside <= CANDIDATES)
        {
            gather(all, low, beyond, choice);
            gathered = true;
        }
        unsigned levels[LEVELS];
        if (first)
            first_levels(levels);
        else
#pragma unroll
            for (int i = 0; i < LEVELS; i++)
                levels[i] = low + (unsigned)((unsigned long long)(beyond - low) * (unsigned)(LEVELS - 1 - i) / LEVELS);
        Pass &pass = first ? choice.first : choice.pass;
        if (gathered)
            count_levels(GatheredTokens{choice.candidates, (int)choice.gathered}, levels, beyond, pass);
        else if (!first || !begun)
            count_levels(all, levels, beyond, pass);
        begun = true;
        const Found found = sum_of(pass);
        __syncthreads();
        // The greatest level at which it is reached, and what lies above the level before.
        unsigned count = 0, next = beyond;
        unsigned long long mass = 0;
        bool reached = false;
#pragma unroll
        for (int i = 0; i < LEVELS; i++)
        {
            if (reached)
                continue;
            reached = (goal.by_count ? depth.count_above + found.counts[i] : depth.mass_above + found.masses[i]) >= goal.value;
            if (reached)
            {
                low = levels[i];
                inside = found.counts[i] - count;
            }
            else
            {
                next = levels[i];
                count = found.counts[i];
                mass = found.masses[i];
            }
        }
        beyond = next;
        depth.count_above += count;
        depth.mass_above += mass;
        if (!reached)
        {
            if (!first)
                return depth;
            inside = 0xffffffffu;
        }
    }
    depth.bits = low;
    depth.found = true;
    return depth;
}

// Top-k, then top-p over what it left. Valid in every thread.
template <class E>
__device__ __forceinline__ Cut find_cut(const Row<E> &row, float largest, int top_k, double top_p, float min_p, const RowChunks &chunks, Choice &choice)
{
    Cut cut = {0.f, min_p, 0};
    const AllTokens<E> all = {row, largest, chunks};
    unsigned long long mass = share_of((unsigned long long)(choice.total * 17592186044416.), top_p);
    bool begun = false;
    for (int by_count = 1; by_count >= 0; by_count--)
    {
        if (by_count ? top_k <= 0 || top_k >= row.vocabulary : top_p >= 1.)
            continue;
        const Depth depth = descend(all, Goal{by_count != 0, by_count ? (unsigned long long)top_k : mass}, begun, choice);
        if (!depth.found)
            continue;
        const float threshold = bits_float(depth.bits);
        const unsigned long long unit = units(threshold);
        if (by_count)
        {
            cut.ties = top_k - (int)depth.count_above;
            mass = share_of(depth.mass_above + (unsigned long long)cut.ties * unit, top_p);
        }
        else
        {
            const int ties = unit == 0 ? 0x7fffffff : (int)((depth.goal - depth.mass_above + unit - 1) / unit);
            cut.ties = threshold == cut.threshold && cut.ties < ties ? cut.ties : ties;
        }
        cut.threshold = threshold;
    }
    return cut;
}

// Chunk masses of what the cut keeps, ties apart, and the ties of each chunk.
template <class E>
__device__ __forceinline__ void keep_above(const Row<E> &row, float largest, const Cut &cut, RowChunks &chunks, Choice &choice)
{
    const int lane = threadIdx_x & (WARP - 1), count = (row.vocabulary + CHUNK - 1) / CHUNK;
    const float below = exponent_below(float_bits(cut.threshold > cut.least ? cut.threshold : cut.least));
    for (int c = threadIdx_x / WARP; c < count; c += blockDim_x / WARP)
    {
        double mass = 0.;
        int ties = 0;
        for (int k = 0; k < PER_LANE && row.exponent(chunks.largest[c], largest) >= below; k++)
        {
            const int v = c * CHUNK + k * WARP + lane;
            const float x = v < row.vocabulary ? row.exponent((float)row.z[v], largest) : -INFINITE;
            if (x < below)
                continue;
            const float w = exp_float(x);
            if (w >= cut.least && w > cut.threshold)
                mass += (double)w;
            ties += w >= cut.least && w == cut.threshold && w > 0.f;
        }
        mass = warp_sum(mass);
        ties = warp_sum(ties);
        if (lane == 0)
        {
            chunks.mass[c] = mass;
            choice.chunk_ties[c] = ties;
        }
    }
    __syncthreads();
}

// Of `here` ties after `before` others, those that stay.
__device__ __forceinline__ int staying(int here, int before, int ties)
{
    const int left = ties - before;
    return left <= 0 ? 0 : left < here ? left : here;
}

// First warp: the first token whose cumulative weight exceeds uniform * total; never one of weight zero.
template <class E>
__device__ __forceinline__ int invert(const Row<E> &row, float largest, double uniform, const Cut &cut, RowChunks &chunks, Choice &choice)
{
    const int lane = threadIdx_x, count = (row.vocabulary + CHUNK - 1) / CHUNK, each = (count + WARP - 1) / WARP;
    const int begin = lane * each < count ? lane * each : count, end = begin + each < count ? begin + each : count;
    const bool tied = cut.ties > 0;
    int ties_before = 0;
    if (tied)
    {
        int ties = 0;
        for (int c = begin; c < end; c++)
            ties += choice.chunk_ties[c];
        ties_before = (int)warp_prefix((unsigned long long)ties) - ties;
        for (int c = begin, before = ties_before; c < end; c++)
        {
            const int here = choice.chunk_ties[c];
            chunks.mass[c] += (double)cut.threshold * staying(here, before, cut.ties);
            before += here;
        }
    }
    double mass = 0.;
    for (int c = begin; c < end; c++)
        mass += chunks.mass[c];
    const double through = warp_prefix(mass), total = lane_at(through, WARP - 1), target = uniform * total;
    const int last = last_lane(lanes_where(mass > 0.));
    const int exceeding = first_lane(lanes_where(through > target && mass > 0.));
    const int owner = exceeding >= 0 ? exceeding : last;
    // The lane that owns the chunk walks to it; the others learn chunk, mass before it and ties before it.
    int chunk = -1, before = ties_before;
    double base = through - mass;
    if (lane == owner)
    {
        double cumulative = base;
        int passed = ties_before;
        for (int c = begin; c < end; c++)
        {
            if (chunks.mass[c] > 0.)
            {
                chunk = c;
                base = cumulative;
                before = passed;
                if (cumulative + chunks.mass[c] > target)
                    break;
            }
            cumulative += chunks.mass[c];
            passed += tied ? choice.chunk_ties[c] : 0;
        }
    }
    chunk = lane_at(chunk, owner);
    base = lane_at(base, owner);
    before = lane_at(before, owner);
    // Within the chunk each lane owns PER_LANE tokens that follow one another.
    const int first = chunk * CHUNK + lane * PER_LANE;
    int ties = 0;
    for (int k = 0; tied && k < PER_LANE && first + k < row.vocabulary; k++)
    {
        const float w = row.weight(first + k, largest);
        ties += w >= cut.least && w == cut.threshold && w > 0.f;
    }
    before += (int)warp_prefix((unsigned long long)ties) - ties;
    double kept = 0.;
    int final_token = -1;
    for (int k = 0, b = before; k < PER_LANE && first + k < row.vocabulary; k++)
    {
        const float w = row.weight(first + k, largest);
        const bool tie = w == cut.threshold;
        if (w > 0.f && w >= cut.least && (w > cut.threshold || (tie && b < cut.ties)))
        {
            kept += (double)w;
            final_token = first + k;
        }
        b += tie && w >= cut.least;
    }
    const double reached = base + warp_prefix(kept);
    const int holder = first_lane(lanes_where(reached > target && kept > 0.));
    int token = final_token;
    if (lane == holder)
    {
        double cumulative = reached - kept;
        for (int k = 0, b = before; k < PER_LANE && first + k < row.vocabulary; k++)
        {
            const float w = row.weight(first + k, largest);
            const bool tie = w == cut.threshold;
            if (w > 0.f && w >= cut.least && (w > cut.threshold || (tie && b < cut.ties)))
            {
                cumulative += (double)w;
                token = first + k;
                if (cumulative > target)
                    break;
            }
            b += tie && w >= cut.least;
        }
    }
    // Rounding may leave the target just above the chunk's last token: that one it is.
    return lane_at(token, holder >= 0 ? holder : last_lane(lanes_where(final_token >= 0)));
}

// First warp: the first token whose logit is the greatest.
template <class E>
__device__ __forceinline__ int first_peak(const Row<E> &row, float largest, const RowChunks &chunks)
{
    const int lane = threadIdx_x, count = (row.vocabulary + CHUNK - 1) / CHUNK;
    for (int c = 0; c < count; c++)
        if (chunks.largest[c] == largest)
        {
            for (int v = c * CHUNK; v < row.vocabulary; v += WARP)
            {
                const int found = first_lane(lanes_where(v + lane < row.vocabulary && (float)row.z[v + lane] == largest));
                if (found >= 0)
                    return v + found;
            }
        }
    return -1;
}
