// exp, log and random numbers from correctly rounded operations alone, so that they have the same bits everywhere.
#pragma once
#include "common.cuh"

#define LEAST_EXPONENT -87.3f

// e^x where that is a normal number, -87.3 <= x <= 88; relative error below 8e-8. NaN stays NaN; anything for an x below.
__device__ __forceinline__ float exp_normal(float x)
{
    // x = k ln 2 + r, |r| <= ln 2 / 2: adding 1.5 * 2^23 rounds to an integer, whose low bits are then k.
    const float t = fmaf(x, 1.44269504f, 12582912.f);
    const float k = t - 12582912.f;
    const float r = fmaf(k, -1.42860677e-6f, fmaf(k, -0.693145752f, x));
    // (e^r - 1 - r) / r^2 at the six Chebyshev nodes of [-ln 2 / 2, ln 2 / 2].
    float p = fmaf(r, 1.98910307e-4f, 1.39336859e-3f);
    p = fmaf(p, r, 8.33331089e-3f);
    p = fmaf(p, r, 4.16664646e-2f);
    p = fmaf(p, r, 1.66666667e-1f);
    p = fmaf(p, r, 0.5f);
    p = fmaf(p * r, r, r) + 1.f;
    return bits_float(float_bits(p) + (float_bits(t) << 23));
}

// e^x, x <= 88. 0 below -87.3, where the result would be subnormal. NaN stays NaN.
__device__ __forceinline__ float exp_float(float x)
{
    // Computed whatever x is, so that a choice between two numbers is left of it and no branch.
    const float w = exp_normal(x);
    return x < LEAST_EXPONENT ? 0.f : w;
}

// The same, and where it gives 0 x becomes 0 as well, so that their product is 0 for an infinite x too.
__device__ __forceinline__ float exp_or_zero(float &x)
{
    const bool zero = x < LEAST_EXPONENT;
    const float w = exp_normal(x);
    x = zero ? 0.f : x;
    return zero ? 0.f : w;
}

// e^x, x <= 709; about 2 ulp. 0 below -708.
__device__ __forceinline__ double exp_double(double x)
{
    if (x < -708.)
        return 0.;
    const double t = fma(x, 1.4426950408889634, 6755399441055744.);
    const double k = t - 6755399441055744.;
    const double r = fma(k, -1.9082149292705877e-10, fma(k, -0.69314718036912382, x));
    // Taylor's series; |r|^14 / 14! < 1e-17.
    double p = 1. / 6227020800.;
    p = fma(p, r, 1. / 479001600.);
    p = fma(p, r, 1. / 39916800.);
    p = fma(p, r, 1. / 3628800.);
    p = fma(p, r, 1. / 362880.);
    p = fma(p, r, 1. / 40320.);
    p = fma(p, r, 1. / 5040.);
    p = fma(p, r, 1. / 720.);
    p = fma(p, r, 1. / 120.);
    p = fma(p, r, 1. / 24.);
    p = fma(p, r, 1. / 6.);
    p = fma(p, r, 0.5);
    p = fma(p * r, r, r) + 1.;
    return bits_double(double_bits(p) + (double_bits(t) << 52));
}

// ln x for a normal x > 0; about 2 ulp.
__device__ __forceinline__ double log_double(double x)
{
    unsigned long long b = double_bits(x);
    // x = 2^e m with m in [sqrt 1/2, sqrt 2)
    const unsigned long long shifted = b - 0x3fe6a09e667f3bcdull;
    const int e = (int)((long long)shifted >> 52);
    b -= shifted & 0xfff0000000000000ull;
    const double f = bits_double(b) - 1.;
    // ln m = 2 artanh s, s = f / (2 + f), |s| < 0.172; s^2 below 0.0295, eleven terms reach 1e-17.
    const double s = f / (2. + f), z = s * s;
    double p = 2. / 23.;
    p = fma(p, z, 2. / 21.);
    p = fma(p, z, 2. / 19.);
    p = fma(p, z, 2. / 17.);
    p = fma(p, z, 2. / 15.);
    p = fma(p, z, 2. / 13.);
    p = fma(p, z, 2. / 11.);
    p = fma(p, z, 2. / 9.);
    p = fma(p, z, 2. / 7.);
    p = fma(p, z, 2. / 5.);
    p = fma(p, z, 2. / 3.);
    // 2 s = f - s f, so that a small f keeps all its digits
    const double m = f - s * (f - z * p);
    return fma((double)e, 0.69314718036912382, fma((double)e, 1.9082149292705877e-10, m));
}

// Philox4x32-10 and the 53-bit uniform number in [0, 1) of src/G2RL.Onnx/Rollouts/{Philox,Seeds}.cs.
__device__ __forceinline__ double philox_uniform(unsigned long long key, unsigned c0, unsigned c1, unsigned c2, unsigned c3)
{
    unsigned k0 = (unsigned)key, k1 = (unsigned)(key >> 32);
    for (int round = 0; round < 10; round++)
    {
        const unsigned h0 = multiply_high(c0, 0xD2511F53u), l0 = c0 * 0xD2511F53u;
        const unsigned h1 = multiply_high(c2, 0xCD9E8D57u), l1 = c2 * 0xCD9E8D57u;
        c0 = h1 ^ c1 ^ k0;
        c1 = l1;
        c2 = h0 ^ c3 ^ k1;
        c3 = l0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (double)(((unsigned long long)c0 << 21) ^ (c1 >> 11)) * (1. / 9007199254740992.);
}
