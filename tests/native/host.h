// CUDA's thread model on the host, for native/kernels compiled with G2RL_HOST: one fiber a thread, one operating-system thread for all, blocks one after
// another, in a chosen order. A second opinion beside the PTX interpreter, through another compiler.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define EXPORTED __attribute__((visibility("default")))

namespace host
{
struct Index
{
    int x, y, z;
};

enum Meeting
{
    Xor,
    Below,
    At,
    Ballot
};

// The running thread's place; set by the scheduler.
extern Index thread, block, block_size, grid_size;

void barrier();

// Every lane of the warp calls it; returns what the operation gives this lane.
int meet(Meeting kind, int value, int argument);

// native/kernels/mma.cuh; every lane of the warp calls them.
void mma(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1);
void load_matrices(unsigned (&r)[4], const unsigned short *row, bool transposed);

// Copies into shared memory happen when they are waited for; until then their bytes are all ones, which is NaN.
typedef unsigned char Shared;
Shared *dynamic_shared();
void begin_copy(void *to, const void *from, int given, int size);
void end_copies();
void wait_for_copies();
}

#define threadIdx_x (::host::thread.x)
#define blockIdx_x (::host::block.x)
#define blockIdx_y (::host::block.y)
#define blockIdx_z (::host::block.z)
#define blockDim_x (::host::block_size.x)
#define gridDim_x (::host::grid_size.x)
#define gridDim_y (::host::grid_size.y)

inline void __syncthreads() { host::barrier(); }
inline int lane_xor(int v, int mask) { return host::meet(host::Xor, v, mask); }
inline int lane_below(int v, int delta) { return host::meet(host::Below, v, delta); }
inline int lane_at(int v, int lane) { return host::meet(host::At, v, lane); }
inline unsigned lanes_where(bool p) { return (unsigned)host::meet(host::Ballot, p, 0); }

template <class To, class From>
inline To bits_of(From v)
{
    static_assert(sizeof(To) == sizeof(From), "widths");
    To r;
    std::memcpy(&r, &v, sizeof r);
    return r;
}

inline unsigned float_bits(float x) { return bits_of<unsigned>(x); }
inline float bits_float(unsigned x) { return bits_of<float>(x); }
inline unsigned long long double_bits(double x) { return bits_of<unsigned long long>(x); }
inline double bits_double(unsigned long long x) { return bits_of<double>(x); }
inline unsigned multiply_high(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }

inline int trailing_zeros(unsigned v) { return __builtin_ctz(v); }
inline int leading_zeros(unsigned v) { return __builtin_clz(v); }

// Fibers take turns at barriers only, so a plain read and write is atomic.
inline unsigned atomic_next(unsigned *p) { return (*p)++; }
inline void atomic_add(float *p, float v) { *p += v; }
inline void atomic_min(unsigned long long *p, unsigned long long v) { *p = v < *p ? v : *p; }

inline float half_to_float(unsigned short h)
{
    const unsigned sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31u, mantissa = h & 0x3ffu;
    if (exponent == 31)
        return bits_float(sign | 0x7f800000u | mantissa << 13);
    if (exponent != 0)
        return bits_float(sign | (exponent + 112) << 23 | mantissa << 13);
    const float value = std::ldexp((float)mantissa, -24);
    return sign ? -value : value;
}

// To nearest, ties to even.
inline unsigned short float_to_half(float x)
{
    const unsigned b = float_bits(x), sign = b >> 16 & 0x8000u, magnitude = b & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return 0x7fffu;
    if (magnitude >= 0x477ff000u)
        return (unsigned short)(sign | 0x7c00u);
    if (magnitude < 0x38800000u)
    {
        // A subnormal half: adding 0.5 leaves its digits, rounded, at the end of the mantissa.
        return (unsigned short)(sign | (float_bits(bits_float(magnitude) + 0.5f) - 0x3f000000u));
    }
    return (unsigned short)(sign | ((magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13));
}
