// Products of tiles on tensor cores: mma.sync m16n8k16, bfloat16 in, float sums. Needs sm_80. A lane is (g, t) = (lane / 4, lane % 4).
//   A [16, 16]: a[0] (g, 2t), a[1] (g + 8, 2t), a[2] (g, 2t + 8), a[3] (g + 8, 2t + 8), two neighbours of a row each, the first in the low half.
//   B [16, 8]:  b0 (2t, g), b1 (2t + 8, g), two neighbours of a column each.
//   C [16, 8]:  c[0], c[1] (g, 2t), (g, 2t + 1); c[2], c[3] (g + 8, 2t), (g + 8, 2t + 1).
// The order and rounding of a product's sum are the hardware's: what uses this has no bits in common with the host, only numbers.
// Copies into shared memory that run ahead: begun, closed as a group, waited for by whoever began them, and seen by the block after its next barrier.
#pragma once
#include "common.cuh"

typedef unsigned short Bits16;

#if defined(G2RL_HOST)
#define DYNAMIC_SHARED(name) ::host::Shared *const name = ::host::dynamic_shared()
typedef host::Shared Shared;
__device__ __forceinline__ void mma(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) { host::mma(c, a, b0, b1); }
__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const Bits16 *row) { host::load_matrices(r, row, false); }
__device__ __forceinline__ void load_transposed(unsigned (&r)[4], const Bits16 *row) { host::load_matrices(r, row, true); }
template <int N>
__device__ __forceinline__ void begin_copy(void *to, const void *from, bool inside) { host::begin_copy(to, from, inside ? N : 0, N); }
__device__ __forceinline__ void end_copies() { host::end_copies(); }
__device__ __forceinline__ void wait_for_copies() { host::wait_for_copies(); }
__device__ __forceinline__ float exp2_approximate(float x) { return std::exp2(x); }
__device__ __forceinline__ unsigned pack_bf16(float low, float high)
{
    return (unsigned)bf16::from(low).v | (unsigned)bf16::from(high).v << 16;
}
#else
// A block's memory whose size the launch gives.
typedef unsigned char Shared;
#define DYNAMIC_SHARED(name) extern __shared__ __attribute__((aligned(16))) Shared name[]

__device__ __forceinline__ unsigned shared_address(const void *p)
{
    return (unsigned)(unsigned long long)(const __attribute__((address_space(3))) void *)p;
}

// c += a b
__device__ __forceinline__ void mma(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four matrices [8, 8] of 16-bit elements in shared memory: lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned) and gets of matrix i
// the elements (g, 2t) and (g, 2t + 1) in r[i].
__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const Bits16 *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// The same of transposed matrices: elements (2t, g) and (2t + 1, g).
__device__ __forceinline__ void load_transposed(unsigned (&r)[4], const Bits16 *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// N bytes (4 or 16, aligned) into shared memory, zeros where not inside; nothing is read then, but the address must be the memory's.
template <int N>
__device__ __forceinline__ void begin_copy(void *to, const void *from, bool inside)
{
    if (N == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "r"(shared_address(to)), "l"(from), "r"(inside ? 16 : 0) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" : : "r"(shared_address(to)), "l"(from), "r"(inside ? 4 : 0) : "memory");
}

__device__ __forceinline__ void end_copies() { asm volatile("cp.async.commit_group;" : : : "memory"); }

// For all that this thread began.
__device__ __forceinline__ void wait_for_copies() { asm volatile("cp.async.wait_group 0;" : : : "memory"); }

__device__ __forceinline__ float exp2_approximate(float x)
{
    float r;
    asm("ex2.approx.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}

// Two floats to nearest, ties to even, the first in the low half.
__device__ __forceinline__ unsigned pack_bf16(float low, float high)
{
    unsigned r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}
#endif
