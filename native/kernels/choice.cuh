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

// Shared by the block. What a pass over the digits found is read by every thread after a barrier, and written again only behind the next two.
struct Choice
{
    unsigned long long masses[DIGITS];
    unsigned counts[DIGITS];
    int chunk_ties[MAX_CHUNKS];
    unsigned long long mass_above;
    unsigned long long goal;
    unsigned count_above;
    unsigned digit;
    int found;
    int fault;
    float largest;
};

// How far down the order of weights: by number of tokens, or by mass. A mass goal of 0 stands for `share` of all there is.
struct Goal
{
    bool by_count;
    unsigned long long value;
    double share;
};

// Masses are added as integers, units of 2^-44, so that the order of the atomic additions cannot change them.
__device__ __forceinline__ unsigned long long units(float w) { return (unsigned long long)(w * 17592186044416.f); }

// The least whole number of units that is `share` of a mass, at least 1 and at most all of it.
__device__ __forceinline__ unsigned long long share_of(unsigned long long mass, double share)
{
    const double exact = share * (double)mass;
    unsigned long long units = (unsigned long long)exact;
    units += (double)units < exact ? 1 : 0;
    return units < 1 ? 1 : units > mass ? mass : units;
}

// The first warp walks the digits from the greatest down to the one at which the count, or else the mass, reaches its goal. What lies above the digits
// counted here is given.
__device__ __forceinline__ void find_digit(Choice &choice, const Goal &goal, unsigned count_above, unsigned long long mass_above)
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
        unsigned long long count = count_above + warp_prefix(counts), mass = mass_above + warp_prefix(masses);
        const unsigned long long value = goal.value > 0 ? goal.value : share_of(lane_at(mass, WARP - 1), goal.share);
        const int lane = first_lane(lanes_where((goal.by_count ? count : mass) >= value));
        if (threadIdx_x == (lane < 0 ? 0 : lane))
        {
            choice.found = lane >= 0;
            choice.goal = value;
            count -= counts;
            mass -= masses;
            for (int i = 0; lane >= 0 && i < DIGITS / WARP; i++)
            {
                const unsigned long long next_count = count + choice.counts[top - i], next_mass = mass + choice.masses[top - i];
                if ((goal.by_count ? next_count : next_mass) >= value)
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

// Where a goal is reached: the weight's bits, what lies above it, and the goal itself.
struct Depth
{
    unsigned bits;
    unsigned count_above;
    unsigned long long mass_above;
    unsigned long long goal;
    bool found;
};

template <class E>
__device__ __forceinline__ Depth descend(const Row<E> &row, float largest, Goal goal, Choice &choice)
{
    Depth depth = {0, 0, 0, 0, true};
    for (int shift = 2 * DIGIT_BITS; shift >= 0 && depth.found; shift -= DIGIT_BITS)
    {
        count_digits(row, largest, depth.bits, shift, choice);
        find_digit(choice, goal, depth.count_above, depth.mass_above);
        depth.found = choice.found;
        if (depth.found)
        {
            goal.value = choice.goal;
            depth = {depth.bits << DIGIT_BITS | choice.digit, choice.count_above, choice.mass_above, choice.goal, true};
        }
    }
    return depth;
}

// Top-k, then top-p over what it left. Valid in every thread.
template <class E>
__device__ __forceinline__ Cut find_cut(const Row<E> &row, float largest, int top_k, double top_p, float min_p, Choice &choice)
{
    Cut cut = {0.f, min_p, 0};
    Goal goal = {false, 0, top_p};
    if (top_k > 0 && top_k < row.vocabulary)
    {
        const Depth depth = descend(row, largest, Goal{true, (unsigned long long)top_k, 0.}, choice);
        if (depth.found)
        {
            cut.threshold = bits_float(depth.bits);
            cut.ties = top_k - (int)depth.count_above;
            goal.value = share_of(depth.mass_above + (unsigned long long)cut.ties * units(cut.threshold), top_p);
        }
    }
    if (top_p < 1.)
    {
        const Depth depth = descend(row, largest, goal, choice);
        if (depth.found)
        {
            const float threshold = bits_float(depth.bits);
            const unsigned long long unit = units(threshold);
            const int ties = unit == 0 ? 0x7fffffff : (int)((depth.goal - depth.mass_above + unit - 1) / unit);
            cut.ties = threshold == cut.threshold && cut.ties < ties ? cut.ties : ties;
            cut.threshold = threshold;
        }
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
