// The choice of a token: top-k and top-p as a cut in the order of weights, then the inverse of the cumulative distribution in token order. The rule is that of
// src/G2RL.Onnx/Rollouts/{TokenSampling,TokenFilter}.cs.
#pragma once
#include "rows.cuh"

#define DIGIT_BITS 10
#define DIGITS (1 << DIGIT_BITS)

template <class E>
struct Row
{
    const E *z;
    int vocabulary;
    float inverse_temperature;

    // e^((z - largest) / T) in [0, 1]
    __device__ __forceinline__ float weight(int v, float largest) const { return exp_float(shifted((float)z[v], largest, inverse_temperature)); }
};

// What stays: weights above the threshold, and of those that equal it the first `ties` in token order; never one below `least`, never zero.
struct Cut
{
    float threshold;
    float least;
    int ties;
};

struct Choice
{
    unsigned long long masses[DIGITS];
    unsigned counts[DIGITS];
    int chunk_ties[MAX_CHUNKS];
    unsigned digit;
    unsigned count_above;
    unsigned long long mass_above;
    int found;
    int fault;
};

// Masses are added as integers, units of 2^-44, so that the order of the atomic additions cannot change them.
__device__ __forceinline__ unsigned long long units(float w) { return (unsigned long long)(w * 17592186044416.f); }

// The first warp walks the digits from the greatest down to the one at which the count, or else the mass, reaches its goal.
__device__ __forceinline__ void find_digit(Choice &choice, bool by_count, unsigned long long goal)
{
    if (threadIdx_x < WARP)
    {
        const int top = DIGITS - 1 - threadIdx_x * (DIGITS / WARP);
        unsigned long long counts = 0, masses = 0;
        for (int i = 0; i < DIGITS / WARP; i++)
        {
            counts += choice.counts[top - i];
            masses += choice.masses[top - i];
        }
        unsigned long long count = choice.count_above + warp_prefix(counts), mass = choice.mass_above + warp_prefix(masses);
        const int lane = first_lane(lanes_where((by_count ? count : mass) >= goal));
        if (lane < 0 ? threadIdx_x == 0 : threadIdx_x == lane)
        {
            choice.found = lane >= 0;
            count -= counts;
            mass -= masses;
            for (int i = 0; lane >= 0 && i < DIGITS / WARP; i++)
            {
                const unsigned long long next_count = count + choice.counts[top - i], next_mass = mass + choice.masses[top - i];
                if ((by_count ? next_count : next_mass) >= goal)
                {
                    choice.digit = (unsigned)(top - i);
                    choice.count_above = (unsigned)count;
                    choice.mass_above = mass;
                    break;
                }
                count = next_count;
                mass = next_mass;
            }
        }
    }
    __syncthreads();
}

// Counts and masses of the tokens whose weight's leading bits are `prefix`, by the next digit. A weight is at most 1, whose bits lie below 2^30: three
// digits of ten bits are a weight.
template <class E>
__device__ __forceinline__ void count_digits(const Row<E> &row, float largest, unsigned prefix, int shift, Choice &choice)
{
    for (int i = threadIdx_x; i < DIGITS; i += blockDim_x)
    {
        choice.counts[i] = 0;
        choice.masses[i] = 0;
    }
    __syncthreads();
    for (int v = threadIdx_x; v < row.vocabulary; v += blockDim_x)
    {
        const float w = row.weight(v, largest);
        const unsigned bits = float_bits(w);
        if (bits != 0 && bits >> shift >> DIGIT_BITS == prefix)
        {
            const unsigned digit = bits >> shift & (DIGITS - 1);
            atomic_add(&choice.counts[digit], 1u);
            atomic_add(&choice.masses[digit], units(w));
        }
    }
    __syncthreads();
}

// The weight at which the count or the mass of the greatest weights reaches its goal. False where all of them do not.
template <class E>
__device__ __forceinline__ bool descend(const Row<E> &row, float largest, bool by_count, unsigned long long goal, unsigned &bits, Choice &choice)
{
    if (threadIdx_x == 0)
    {
        choice.count_above = 0;
        choice.mass_above = 0;
    }
    unsigned prefix = 0;
    for (int shift = 2 * DIGIT_BITS; shift >= 0; shift -= DIGIT_BITS)
    {
        count_digits(row, largest, prefix, shift, choice);
        find_digit(choice, by_count, goal);
        if (!choice.found)
            return false;
        prefix = prefix << DIGIT_BITS | choice.digit;
    }
    bits = prefix;
    return true;
}

// Top-k, then top-p over what it left. Valid in every thread.
template <class E>
__device__ __forceinline__ Cut find_cut(const Row<E> &row, float largest, int top_k, double top_p, float min_p, Choice &choice)
{
    Cut cut = {0.f, min_p, 0};
    unsigned long long mass = 0;
    bool limited = false;
    if (top_k > 0 && top_k < row.vocabulary)
    {
        unsigned bits = 0;
        limited = descend(row, largest, true, (unsigned long long)top_k, bits, choice);
        if (limited)
        {
            cut.threshold = bits_float(bits);
            cut.ties = top_k - (int)choice.count_above;
            mass = choice.mass_above + (unsigned long long)cut.ties * units(cut.threshold);
        }
        __syncthreads();
    }
    if (top_p < 1.)
    {
        if (!limited)
        {
            // All of it: the digits of the first pass add up to it.
            count_digits(row, largest, 0, 2 * DIGIT_BITS, choice);
            for (int i = 0; i < DIGITS; i++)
                mass += choice.masses[i];
            __syncthreads();
        }
        const double exact = top_p * (double)mass;
        unsigned long long goal = (unsigned long long)exact;
        goal += (double)goal < exact ? 1 : 0;
        goal = goal < 1 ? 1 : goal > mass ? mass : goal;
        unsigned bits = 0;
        if (descend(row, largest, false, goal, bits, choice))
        {
            const unsigned long long unit = units(bits_float(bits));
            const int ties = unit == 0 ? 0x7fffffff : (int)((goal - choice.mass_above + unit - 1) / unit);
            cut.ties = bits_float(bits) == cut.threshold && cut.ties < ties ? cut.ties : ties;
            cut.threshold = bits_float(bits);
        }
        __syncthreads();
    }
    return cut;
}

// Chunk masses of what the cut keeps, ties apart, and the ties of each chunk.
template <class E>
__device__ __forceinline__ void keep_above(const Row<E> &row, float largest, const Cut &cut, RowChunks &chunks, Choice &choice)
{
    const int lane = threadIdx_x & (WARP - 1), count = (row.vocabulary + CHUNK - 1) / CHUNK;
    for (int c = threadIdx_x / WARP; c < count; c += blockDim_x / WARP)
    {
        double mass = 0.;
        int ties = 0;
        for (int k = 0; k < PER_LANE; k++)
        {
            const int v = c * CHUNK + k * WARP + lane;
            const float w = v < row.vocabulary ? row.weight(v, largest) : 0.f;
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
    const int last = WARP - 1 - __builtin_clz(lanes_where(mass > 0.));
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
    return lane_at(token, holder >= 0 ? holder : WARP - 1 - __builtin_clz(lanes_where(final_token >= 0)));
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
