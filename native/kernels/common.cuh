// What the kernels need of CUDA, without the toolkit's headers. Four compilers read these sources: clang -x cuda (the committed PTX), nvcc, NVRTC, and any
// host C++17 compiler with G2RL_HOST defined (tests/native/host.h supplies the thread model).
//
// House rules of every kernel:
//  - Only correctly rounded operations: +, -, *, /, sqrt, fma, conversions. exp and log are in math.cuh. So the embedded PTX gives the same bits on every
//    GPU, in the interpreter and on the host. Build without contraction (clang -ffp-contract=off, nvcc -fmad=false): a fused product is written fmaf.
//  - A block is a whole number of warps, at most MAX_THREADS; results do not depend on how many unless the kernel says so.
//  - Sums of many numbers go pairwise, or through double.
#pragma once

#if defined(G2RL_HOST)
#include "host.h"
#else

#if defined(__clang__) && !defined(__CUDACC__)
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))

#define threadIdx_x ((int)__nvvm_read_ptx_sreg_tid_x())
#define blockIdx_x ((int)__nvvm_read_ptx_sreg_ctaid_x())
#define blockIdx_y ((int)__nvvm_read_ptx_sreg_ctaid_y())
#define blockIdx_z ((int)__nvvm_read_ptx_sreg_ctaid_z())
#define blockDim_x ((int)__nvvm_read_ptx_sreg_ntid_x())
#define gridDim_x ((int)__nvvm_read_ptx_sreg_nctaid_x())
#define gridDim_y ((int)__nvvm_read_ptx_sreg_nctaid_y())

__device__ __forceinline__ unsigned float_bits(float x) { return __builtin_bit_cast(unsigned, x); }
__device__ __forceinline__ float bits_float(unsigned x) { return __builtin_bit_cast(float, x); }
__device__ __forceinline__ unsigned long long double_bits(double x) { return __builtin_bit_cast(unsigned long long, x); }
__device__ __forceinline__ double bits_double(unsigned long long x) { return __builtin_bit_cast(double, x); }
__device__ __forceinline__ float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
__device__ __forceinline__ double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
__device__ __forceinline__ float fmaxf(float a, float b) { return __builtin_fmaxf(a, b); }
__device__ __forceinline__ float sqrtf(float x) { return __nvvm_sqrt_rn_f(x); }
__device__ __forceinline__ double sqrt(double x) { return __nvvm_sqrt_rn_d(x); }
__device__ __forceinline__ unsigned multiply_high(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }
__device__ __forceinline__ int trailing_zeros(unsigned v) { return __builtin_ctz(v); }
__device__ __forceinline__ int leading_zeros(unsigned v) { return __builtin_clz(v); }

// All lanes of the warp take part in each of these.
__device__ __forceinline__ int lane_xor(int v, int mask) { return __nvvm_shfl_sync_bfly_i32(0xffffffffu, v, mask, 0x1f); }
__device__ __forceinline__ int lane_below(int v, int delta) { return __nvvm_shfl_sync_up_i32(0xffffffffu, v, delta, 0); }
__device__ __forceinline__ int lane_at(int v, int lane) { return __nvvm_shfl_sync_idx_i32(0xffffffffu, v, lane, 0x1f); }
__device__ __forceinline__ unsigned lanes_where(bool p) { return __nvvm_vote_ballot_sync(0xffffffffu, p); }

__device__ __forceinline__ unsigned atomic_next(unsigned *p) { return (unsigned)__nvvm_atom_add_gen_i((int *)p, 1); }
__device__ __forceinline__ void atomic_add(float *p, float v) { __nvvm_atom_add_gen_f(p, v); }
__device__ __forceinline__ void atomic_min(unsigned long long *p, unsigned long long v) { __nvvm_atom_min_gen_ull(p, v); }
#else
#define threadIdx_x ((int)threadIdx.x)
#define blockIdx_x ((int)blockIdx.x)
#define blockIdx_y ((int)blockIdx.y)
#define blockIdx_z ((int)blockIdx.z)
#define blockDim_x ((int)blockDim.x)
#define gridDim_x ((int)gridDim.x)
#define gridDim_y ((int)gridDim.y)

__device__ __forceinline__ unsigned float_bits(float x) { return __float_as_uint(x); }
__device__ __forceinline__ float bits_float(unsigned x) { return __uint_as_float(x); }
__device__ __forceinline__ unsigned long long double_bits(double x) { return (unsigned long long)__double_as_longlong(x); }
__device__ __forceinline__ double bits_double(unsigned long long x) { return __longlong_as_double((long long)x); }
__device__ __forceinline__ unsigned multiply_high(unsigned a, unsigned b) { return __umulhi(a, b); }
__device__ __forceinline__ int trailing_zeros(unsigned v) { return __ffs((int)v) - 1; }
__device__ __forceinline__ int leading_zeros(unsigned v) { return __clz((int)v); }

__device__ __forceinline__ int lane_xor(int v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
__device__ __forceinline__ int lane_below(int v, int delta) { return __shfl_up_sync(0xffffffffu, v, delta); }
__device__ __forceinline__ int lane_at(int v, int lane) { return __shfl_sync(0xffffffffu, v, lane); }
__device__ __forceinline__ unsigned lanes_where(bool p) { return __ballot_sync(0xffffffffu, p); }

__device__ __forceinline__ unsigned atomic_next(unsigned *p) { return atomicAdd(p, 1u); }
__device__ __forceinline__ void atomic_add(float *p, float v) { atomicAdd(p, v); }
__device__ __forceinline__ void atomic_min(unsigned long long *p, unsigned long long v) { atomicMin(p, v); }
#endif

__device__ __forceinline__ float half_to_float(unsigned short h)
{
    float r;
    asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(h));
    return r;
}

__device__ __forceinline__ unsigned short float_to_half(float x)
{
    unsigned short r;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(x));
    return r;
}

#define EXPORTED
#endif

#define INFINITE bits_float(0x7f800000u)

#define KERNEL extern "C" __global__ EXPORTED void
#define MAX_THREADS 256
#define WARP 32

// ---- warp reductions; every lane receives the same bits -----------------------------------------------------------------------------------------
__device__ __forceinline__ float lane_xor(float v, int mask) { return bits_float((unsigned)lane_xor((int)float_bits(v), mask)); }

__device__ __forceinline__ unsigned long long join(int low, int high) { return ((unsigned long long)(unsigned)high << 32) | (unsigned)low; }

__device__ __forceinline__ double lane_xor(double v, int mask)
{
    const unsigned long long b = double_bits(v);
    const int low = lane_xor((int)b, mask), high = lane_xor((int)(b >> 32), mask);
    return bits_double(join(low, high));
}

__device__ __forceinline__ unsigned long long lane_xor(unsigned long long v, int mask)
{
    const int low = lane_xor((int)v, mask), high = lane_xor((int)(v >> 32), mask);
    return join(low, high);
}

__device__ __forceinline__ unsigned long long lane_below(unsigned long long v, int delta)
{
    const int low = lane_below((int)v, delta), high = lane_below((int)(v >> 32), delta);
    return join(low, high);
}

__device__ __forceinline__ double lane_below(double v, int delta) { return bits_double(lane_below(double_bits(v), delta)); }

__device__ __forceinline__ unsigned long long lane_at(unsigned long long v, int lane)
{
    const int low = lane_at((int)v, lane), high = lane_at((int)(v >> 32), lane);
    return join(low, high);
}

__device__ __forceinline__ double lane_at(double v, int lane) { return bits_double(lane_at(double_bits(v), lane)); }

template <class N>
__device__ __forceinline__ N warp_sum(N v)
{
    for (int o = WARP / 2; o > 0; o >>= 1)
        v += lane_xor(v, o);
    return v;
}

__device__ __forceinline__ float warp_max(float v)
{
    for (int o = WARP / 2; o > 0; o >>= 1)
        v = fmaxf(v, lane_xor(v, o));
    return v;
}

// sum over this lane and those below it
template <class N>
__device__ __forceinline__ N warp_prefix(N v)
{
    for (int o = 1; o < WARP; o <<= 1)
    {
        const N below = lane_below(v, o);
        if ((threadIdx_x & (WARP - 1)) >= o)
            v += below;
    }
    return v;
}

// of a set of lanes; -1 where it is empty
__device__ __forceinline__ int first_lane(unsigned mask) { return mask == 0 ? -1 : trailing_zeros(mask); }
__device__ __forceinline__ int last_lane(unsigned mask) { return mask == 0 ? -1 : WARP - 1 - leading_zeros(mask); }

// ---- element types --------------------------------------------------------------------------------------------------------------------------------
struct f32
{
    float v;
    __device__ __forceinline__ operator float() const { return v; }
    static __device__ __forceinline__ f32 from(float x) { return f32{x}; }
};

struct f16
{
    unsigned short v;
    __device__ __forceinline__ operator float() const { return half_to_float(v); }
    static __device__ __forceinline__ f16 from(float x) { return f16{float_to_half(x)}; }
};

struct bf16
{
    unsigned short v;
    __device__ __forceinline__ operator float() const { return bits_float((unsigned)v << 16); }
    // to nearest, ties to even; a NaN stays one
    static __device__ __forceinline__ bf16 from(float x)
    {
        const unsigned b = float_bits(x);
        return bf16{(unsigned short)(x != x ? (b >> 16) | 0x40u : (b + 0x7fffu + ((b >> 16) & 1u)) >> 16)};
    }
};

// 16 bytes moved at once
struct alignas(16) Pack
{
    unsigned w[4];
};

template <class E>
struct Packed
{
    static const int Count = 16 / sizeof(E);
};

__device__ __forceinline__ bool aligned(const void *p) { return ((unsigned long long)p & 15u) == 0; }

__device__ __forceinline__ float unpack(const Pack &p, int i, f32) { return bits_float(p.w[i]); }
__device__ __forceinline__ float unpack(const Pack &p, int i, f16) { return half_to_float((unsigned short)(p.w[i >> 1] >> ((i & 1) * 16))); }
__device__ __forceinline__ float unpack(const Pack &p, int i, bf16) { return bits_float((i & 1) ? p.w[i >> 1] & 0xffff0000u : p.w[i >> 1] << 16); }

// an entry for each type of element
#define FOR_TYPES(DEFINE) \
    DEFINE(f32)           \
    DEFINE(f16)           \
    DEFINE(bf16)
