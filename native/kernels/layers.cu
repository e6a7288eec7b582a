// What lies between the products of a layer, in bfloat16: norms, rotations and gated units, each with its gradient, one pass over memory each. Numbers are
// widened, computed in float and rounded once.
//
// x, y and their gradients are [rows, width] or [count], width and count multiples of 8, aligned to 16 bytes.
#include "math.cuh"

#define WARPS 8
#define THREADS (WARPS * WARP)
#define GROUP 32  // rows
#define MOST 8192 // width of a norm
#define AT_ONCE 8 // elements of 16 bytes
#define ROOT_OF_TWO_OVER_PI 0.797884561f
#define CUBIC 0.044715f

__device__ __forceinline__ void widen(float (&to)[AT_ONCE], const void *from, long long pack)
{
    const Pack p = ((const Pack *)from)[pack];
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++)
        to[i] = unpack(p, i, bf16{});
}

__device__ __forceinline__ void narrow(const float (&from)[AT_ONCE], void *to, long long pack)
{
    Pack p;
#pragma unroll
    for (int i = 0; i < AT_ONCE; i += 2)
        p.w[i / 2] = (unsigned)bf16::from(from[i]).v | (unsigned)bf16::from(from[i + 1]).v << 16;
    ((Pack *)to)[pack] = p;
}

// A norm's weight is bfloat16 where it is a parameter as it comes, float where something was added to it.
__device__ __forceinline__ void weigh(float (&to)[AT_ONCE], const void *weight, int is_wide, int pack)
{
    if (is_wide)
    {
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
            to[i] = ((const float *)weight)[pack * AT_ONCE + i];
    }
    else
        widen(to, weight, pack);
}

// y = w x / sqrt(mean(x^2) + epsilon); a warp a row. Grid any, WARPS warps.
KERNEL __launch_bounds__(WARPS *WARP) rms_norm(const void *x, const void *weight, int is_wide, int rows, int width, float epsilon, void *y)
{
    const int lane = threadIdx_x & (WARP - 1), packs = width / AT_ONCE;
    for (long long row = blockIdx_x * WARPS + threadIdx_x / WARP; row < rows; row += (long long)gridDim_x * WARPS)
    {
        float a[AT_ONCE], w[AT_ONCE], squares = 0.f;
        for (int k = lane; k < packs; k += WARP)
        {
            widen(a, x, row * packs + k);
#pragma unroll
            for (int i = 0; i < AT_ONCE; i++)
                squares = fmaf(a[i], a[i], squares);
        }
        const float r = 1.f / sqrtf(warp_sum(squares) / (float)width + epsilon);
        for (int k = lane; k < packs; k += WARP)
        {
            widen(a, x, row * packs + k);
            weigh(w, weight, is_wide, k);
#pragma unroll
            for (int i = 0; i < AT_ONCE; i++)
                a[i] = a[i] * r * w[i];
            narrow(a, y, row * packs + k);
        }
    }
}

// dx = r w dy - x r^3 / D sum(w dy x), which may take dy's memory, and the sums over a block's rows of r x dy, parts [grid, width]; parts null: without them.
// A block owns `each` rows and goes through them in groups that stay near: first a warp a row for the sums along it, then a thread eight columns of every
// so many rows. width <= MOST. Grid ceil(rows / each), WARPS warps.
KERNEL __launch_bounds__(WARPS *WARP)
    rms_norm_grad(const void *dy, const void *x, const void *weight, int is_wide, int rows, int width, int each, float epsilon, void *dx, float *parts)
{
    __shared__ float inverses[GROUP], pulls[GROUP], sums[THREADS * AT_ONCE];
    const int lane = threadIdx_x & (WARP - 1), packs = width / AT_ONCE;
    const long long begin = (long long)blockIdx_x * each, end = begin + each < rows ? begin + each : rows;
    // Threads that share columns, and which of the rows of a group this one takes.
    const int across = packs < THREADS ? packs : THREADS, share = THREADS / across, first = threadIdx_x / across, own = threadIdx_x % across;
    float a[AT_ONCE], g[AT_ONCE], w[AT_ONCE], sum[MOST / (THREADS * AT_ONCE)][AT_ONCE];
#pragma unroll
    for (int c = 0; c < MOST / (THREADS * AT_ONCE); c++)
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
            sum[c][i] = 0.f;
    for (long long base = begin; base < end; base += GROUP)
    {
        __syncthreads();
        for (int r = threadIdx_x / WARP; r < GROUP && base + r < end; r += WARPS)
        {
            float squares = 0.f, products = 0.f;
            for (int k = lane; k < packs; k += WARP)
            {
                widen(a, x, (base + r) * packs + k);
                widen(g, dy, (base + r) * packs + k);
                weigh(w, weight, is_wide, k);
#pragma unroll
                for (int i = 0; i < AT_ONCE; i++)
                {
                    squares = fmaf(a[i], a[i], squares);
                    products = fmaf(a[i] * w[i], g[i], products);
                }
            }
            const float inverse = 1.f / sqrtf(warp_sum(squares) / (float)width + epsilon);
            products = warp_sum(products);
            if (lane == 0)
            {
                inverses[r] = inverse;
                pulls[r] = -inverse * inverse * inverse * products / (float)width;
            }
        }
        __syncthreads();
#pragma unroll
        for (int c = 0; c < MOST / (THREADS * AT_ONCE); c++)
        {
            const int k = c * THREADS + own;
            if (first >= share || k >= packs)
                continue;
            weigh(w, weight, is_wide, k);
            for (int r = first; r < GROUP && base + r < end; r += share)
            {
                widen(a, x, (base + r) * packs + k);
                widen(g, dy, (base + r) * packs + k);
#pragma unroll
                for (int i = 0; i < AT_ONCE; i++)
                {
                    const float slope = g[i] * inverses[r];
                    sum[c][i] = fmaf(slope, a[i], sum[c][i]);
                    g[i] = fmaf(slope, w[i], pulls[r] * a[i]);
                }
                narrow(g, dx, (base + r) * packs + k);
            }
        }
    }
    if (parts == nullptr)
        return;
    parts += (long long)blockIdx_x * width;
#pragma unroll
    for (int c = 0; c < MOST / (THREADS * AT_ONCE); c++)
    {
        if (c * THREADS >= packs)
            break;
        // In turn, so that a device repeats its bits.
        __syncthreads();
        if (first < share)
#pragma unroll
            for (int i = 0; i < AT_ONCE; i++)
                sums[(first * across + own) * AT_ONCE + i] = sum[c][i];
        __syncthreads();
        const int columns = (packs - c * THREADS < across ? packs - c * THREADS : across) * AT_ONCE;
        for (int j = threadIdx_x; j < columns; j += THREADS)
        {
            float total = 0.f;
            for (int s = 0; s < share; s++)
                total += sums[s * across * AT_ONCE + j];
            parts[c * THREADS * AT_ONCE + j] = total;
        }
    }
}

// dw = the sums of parts [count, width] over their rows; a warp 32 columns, in a row as many warps as a block has, whose sums are added in order.
// Grid ceil(width / WARP), WARPS warps.
KERNEL __launch_bounds__(WARPS *WARP) rms_norm_weight_grad(const float *parts, int count, int width, float *dw)
{
    __shared__ float sums[THREADS];
    const int column = blockIdx_x * WARP + (threadIdx_x & (WARP - 1));
    float sum = 0.f;
    if (column < width)
        for (int i = threadIdx_x / WARP; i < count; i += WARPS)
            sum += parts[(long long)i * width + column];
    sums[threadIdx_x] = sum;
    __syncthreads();
    if (threadIdx_x >= WARP || column >= width)
        return;
    for (int i = 1; i < WARPS; i++)
        sum += sums[i * WARP + threadIdx_x];
    dw[column] = sum;
}

// f(g) and f'(g) of SiLU, g s with s = 1 / (1 + e^-g), or of GELU, g (1 + t) / 2 with t = tanh(u): (1 + t) / 2 = 1 / (1 + e^-2u).
__device__ __forceinline__ void activate(float g, int is_gelu, float &value, float &slope)
{
    const float square = g * g;
    const float u = is_gelu ? 2.f * ROOT_OF_TWO_OVER_PI * g * fmaf(CUBIC, square, 1.f) : g;
    const float inner = is_gelu ? 2.f * ROOT_OF_TWO_OVER_PI * fmaf(3.f * CUBIC, square, 1.f) : 1.f;
    // Beyond 88 e^x would not be a number of float's: there s is 0 to all digits.
    const float s = u < -88.f ? 0.f : 1.f / (1.f + exp_float(-u));
    value = g * s;
    slope = fmaf(value * (1.f - s), inner, s);
}

// h = f(gate) up. Grid any.
KERNEL __launch_bounds__(MAX_THREADS) gated_unit(const void *gate, const void *up, long long count, int is_gelu, void *h)
{
    for (long long k = blockIdx_x * (long long)blockDim_x + threadIdx_x; k < count / AT_ONCE; k += (long long)gridDim_x * blockDim_x)
    {
        float g[AT_ONCE], u[AT_ONCE], value, slope;
        widen(g, gate, k);
        widen(u, up, k);
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
        {
            activate(g[i], is_gelu, value, slope);
            g[i] = value * u[i];
        }
        narrow(g, h, k);
    }
}

// dgate = dh up f'(gate), dup = dh f(gate), which may take the memory of gate and up. Grid any.
KERNEL __launch_bounds__(MAX_THREADS)
    gated_unit_grad(const void *dh, const void *gate, const void *up, long long count, int is_gelu, void *dgate, void *dup)
{
    for (long long k = blockIdx_x * (long long)blockDim_x + threadIdx_x; k < count / AT_ONCE; k += (long long)gridDim_x * blockDim_x)
    {
        float d[AT_ONCE], g[AT_ONCE], u[AT_ONCE], value, slope;
        widen(d, dh, k);
        widen(g, gate, k);
        widen(u, up, k);
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
        {
            activate(g[i], is_gelu, value, slope);
            g[i] = d[i] * u[i] * slope;
            u[i] = d[i] * value;
        }
        narrow(g, dgate, k);
        narrow(u, dup, k);
    }
}

// Halves (a, b) of the first 2 half elements of each head -> (a cos - b sin, b cos + a sin), what is beyond stays; sign -1 turns back. x [tokens, heads, width],
// cos and sin float [tokens, half]; y may be x. A thread a pair of packs where half is a multiple of eight, else of elements. Grid any.
KERNEL __launch_bounds__(MAX_THREADS)
    rotary(const void *x, const float *cosines, const float *sines, int tokens, int heads, int width, int half, float sign, void *y)
{
    const bool whole = half % AT_ONCE == 0;
    const int step = whole ? AT_ONCE : 1, rest = (width - 2 * half) / step, line = half / step + rest;
    const long long count = (long long)tokens * heads * line;
    for (long long k = blockIdx_x * (long long)blockDim_x + threadIdx_x; k < count; k += (long long)gridDim_x * blockDim_x)
    {
        const int place = (int)(k % line) * step;
        const long long head = k / line, token = head / heads, at = head * width + place;
        if (place >= half)
        {
            // Behind the second half.
            if (whole)
                ((Pack *)y)[(at + half) / AT_ONCE] = ((const Pack *)x)[(at + half) / AT_ONCE];
            else
                ((bf16 *)y)[at + half] = ((const bf16 *)x)[at + half];
            continue;
        }
        const float *cosine = cosines + token * half + place, *sine = sines + token * half + place;
        if (whole)
        {
            float a[AT_ONCE], b[AT_ONCE];
            widen(a, x, at / AT_ONCE);
            widen(b, x, (at + half) / AT_ONCE);
#pragma unroll
            for (int i = 0; i < AT_ONCE; i++)
            {
                const float c = cosine[i], s = sign * sine[i], left = a[i];
                a[i] = fmaf(left, c, -b[i] * s);
                b[i] = fmaf(b[i], c, left * s);
            }
            narrow(a, y, at / AT_ONCE);
            narrow(b, y, (at + half) / AT_ONCE);
        }
        else
        {
            const float a = ((const bf16 *)x)[at], b = ((const bf16 *)x)[at + half], c = *cosine, s = sign * *sine;
            ((bf16 *)y)[at] = bf16::from(fmaf(a, c, -b * s));
            ((bf16 *)y)[at + half] = bf16::from(fmaf(b, c, a * s));
        }
    }
}

#undef WARPS
#undef THREADS
#undef GROUP
#undef MOST
#undef AT_ONCE
#undef ROOT_OF_TWO_OVER_PI
#undef CUBIC
