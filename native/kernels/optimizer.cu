#include "math.cuh"

// A tensor of a multi-tensor launch, a table in device memory. Word for word: src/G2RL.Onnx.Cuda/Kernels builds it.
struct Tensor
{
    void *weights;    // what the model reads: float, f16 or bf16
    float *master;    // float; the same memory as weights where those are float
    const float *gradient;
    void *first;      // moments: float, or bf16 for adamw_packed
    void *second;
    long long count;
    long long decays; // 1 where weight decay applies
    long long unused;
};

// A block's share: CHUNK_LENGTH elements of one tensor.
struct Chunk
{
    int tensor;
    int index;
};

#define CHUNK_LENGTH 65536

// What one update multiplies by; AdamWCoefficients of src/G2RL.Onnx/Training/AdamW.cs.
struct Coefficients
{
    float scale, decay, step_size, root, beta1, beta2, one_minus_beta1, one_minus_beta2, epsilon;
};

__device__ __forceinline__ float update(float w, float gradient, float &first, float &second, const Coefficients &c)
{
    const float g = gradient * c.scale;
    first = first * c.beta1 + g * c.one_minus_beta1;
    second = second * c.beta2 + g * g * c.one_minus_beta2;
    return w * c.decay - first * c.step_size / (sqrtf(second) * c.root + c.epsilon);
}

// AdamW in place on the master weights, in the order of operations of the C# twin, so the same bits; then the model's weights, rounded to nearest.
template <class E>
__device__ __forceinline__ void adamw(const Tensor *tensors, const Chunk *chunks, Coefficients c)
{
    const Chunk chunk = chunks[blockIdx_x];
    const Tensor t = tensors[chunk.tensor];
    const long long begin = chunk.index * (long long)CHUNK_LENGTH, left = t.count - begin;
    const int length = left < CHUNK_LENGTH ? (int)left : CHUNK_LENGTH;
    if (t.decays == 0)
        c.decay = 1.f;
    E *weights = (E *)t.weights + begin;
    float *master = t.master + begin, *first = (float *)t.first + begin, *second = (float *)t.second + begin;
    const float *gradient = t.gradient + begin;
    const bool packed = aligned(weights) && aligned(master) && aligned(first) && aligned(second) && aligned(gradient);
    const int wholes = packed ? length / 4 : 0;
    for (int k = threadIdx_x; k < wholes; k += blockDim_x)
    {
        Pack w = ((const Pack *)master)[k], m = ((const Pack *)first)[k], v = ((const Pack *)second)[k];
        const Pack g = ((const Pack *)gradient)[k];
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            float mi = bits_float(m.w[i]), vi = bits_float(v.w[i]);
            w.w[i] = float_bits(update(bits_float(w.w[i]), bits_float(g.w[i]), mi, vi, c));
            m.w[i] = float_bits(mi);
            v.w[i] = float_bits(vi);
        }
        ((Pack *)master)[k] = w;
        ((Pack *)first)[k] = m;
        ((Pack *)second)[k] = v;
        if (sizeof(E) == 2)
        {
            struct alignas(8) Four { E e[4]; } rounded;
#pragma unroll
            for (int i = 0; i < 4; i++)
                rounded.e[i] = E::from(bits_float(w.w[i]));
            ((Four *)weights)[k] = rounded;
        }
    }
    for (int i = wholes * 4 + threadIdx_x; i < length; i += blockDim_x)
    {
        const float w = update(master[i], gradient[i], first[i], second[i], c);
        master[i] = w;
        if (sizeof(E) == 2)
            weights[i] = E::from(w);
    }
}

// The random bits of a place: the finaliser of MurmurHash3, word for word PackedMoment.Bits.
__device__ __forceinline__ unsigned place_bits(unsigned key, unsigned place)
{
    unsigned x = key + place * 0x9e3779b1u;
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    return x ^ (x >> 16);
}

// The upper half of a float, up or down at random in proportion to what is nearer.
__device__ __forceinline__ bf16 rounded_at_random(float x, unsigned random) { return bf16{(unsigned short)((float_bits(x) + (random & 0xffffu)) >> 16)}; }

// The same with moments in bf16, which PackedMoment.cs holds on the host, to the bit. `step` and the tensor's place in the table decide the random bits.
template <class E>
__device__ __forceinline__ void adamw_packed(const Tensor *tensors, const Chunk *chunks, Coefficients c, unsigned step)
{
    struct alignas(8) Four { bf16 e[4]; };
    struct alignas(8) FourWeights { E e[4]; };
    const Chunk chunk = chunks[blockIdx_x];
    const Tensor t = tensors[chunk.tensor];
    const long long begin = chunk.index * (long long)CHUNK_LENGTH, left = t.count - begin;
    const int length = left < CHUNK_LENGTH ? (int)left : CHUNK_LENGTH;
    if (t.decays == 0)
        c.decay = 1.f;
    const unsigned stream = step * 0x85ebca6bu;
    const unsigned first_key = stream + 2u * (unsigned)chunk.tensor * 0x9e3779b9u, second_key = stream + (2u * (unsigned)chunk.tensor + 1u) * 0x9e3779b9u;
    E *weights = (E *)t.weights + begin;
    float *master = t.master + begin;
    bf16 *first = (bf16 *)t.first + begin, *second = (bf16 *)t.second + begin;
    const float *gradient = t.gradient + begin;
    const bool packed = aligned(weights) && aligned(master) && aligned(first) && aligned(second) && aligned(gradient);
    const int wholes = packed ? length / 4 : 0;
    for (int k = threadIdx_x; k < wholes; k += blockDim_x)
    {
        Pack w = ((const Pack *)master)[k];
        const Pack g = ((const Pack *)gradient)[k];
        Four m = ((const Four *)first)[k], v = ((const Four *)second)[k];
        const unsigned place = (unsigned)(begin + k * 4);
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            float mi = m.e[i], vi = v.e[i];
            w.w[i] = float_bits(update(bits_float(w.w[i]), bits_float(g.w[i]), mi, vi, c));
            m.e[i] = rounded_at_random(mi, place_bits(first_key, place + i));
            v.e[i] = rounded_at_random(vi, place_bits(second_key, place + i));
        }
        ((Pack *)master)[k] = w;
        ((Four *)first)[k] = m;
        ((Four *)second)[k] = v;
        if (sizeof(E) == 2)
        {
            FourWeights rounded;
#pragma unroll
            for (int i = 0; i < 4; i++)
                rounded.e[i] = E::from(bits_float(w.w[i]));
            ((FourWeights *)weights)[k] = rounded;
        }
    }
    for (int i = wholes * 4 + threadIdx_x; i < length; i += blockDim_x)
    {
        float mi = first[i], vi = second[i];
        const float w = update(master[i], gradient[i], mi, vi, c);
        const unsigned place = (unsigned)(begin + i);
        master[i] = w;
        first[i] = rounded_at_random(mi, place_bits(first_key, place));
        second[i] = rounded_at_random(vi, place_bits(second_key, place));
        if (sizeof(E) == 2)
            weights[i] = E::from(w);
    }
}

// Sum of squares of each chunk of the gradients, in double.
KERNEL __launch_bounds__(MAX_THREADS) global_norm_partial(const Tensor *tensors, const Chunk *chunks, double *partials)
{
    __shared__ double parts[MAX_THREADS / WARP];
    const Chunk chunk = chunks[blockIdx_x];
    const Tensor t = tensors[chunk.tensor];
    const long long begin = chunk.index * (long long)CHUNK_LENGTH, left = t.count - begin;
    const int length = left < CHUNK_LENGTH ? (int)left : CHUNK_LENGTH;
    const float *x = t.gradient + begin;
    const int wholes = aligned(x) ? length / 4 : 0;
    double sums[4] = {0., 0., 0., 0.};
    for (int k = threadIdx_x; k < wholes; k += blockDim_x)
    {
        const Pack p = ((const Pack *)x)[k];
#pragma unroll
        for (int i = 0; i < 4; i++)
            sums[i] = fma((double)bits_float(p.w[i]), (double)bits_float(p.w[i]), sums[i]);
    }
    for (int i = wholes * 4 + threadIdx_x; i < length; i += blockDim_x)
        sums[0] = fma((double)x[i], (double)x[i], sums[0]);
    const double sum = warp_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    if ((threadIdx_x & (WARP - 1)) == 0)
        parts[threadIdx_x / WARP] = sum;
    __syncthreads();
    if (threadIdx_x == 0)
    {
        double total = 0.;
        for (int w = 0; w < blockDim_x / WARP; w++)
            total += parts[w];
        partials[blockIdx_x] = total;
    }
}

// result = (norm, its square); first_bad = the first chunk with an element that is not finite, or -1. One block.
KERNEL __launch_bounds__(MAX_THREADS) global_norm_finish(const double *partials, int count, double *result, int *first_bad)
{
    __shared__ double sums[MAX_THREADS / WARP];
    __shared__ int bads[MAX_THREADS / WARP];
    double sum = 0.;
    int bad = 0x7fffffff;
    for (int i = threadIdx_x; i < count; i += blockDim_x)
    {
        const double p = partials[i];
        sum += p;
        if (!(p <= 1.7976931348623157e308) && i < bad)
            bad = i;
    }
    sum = warp_sum(sum);
    for (int o = WARP / 2; o > 0; o >>= 1)
    {
        const int other = lane_xor(bad, o);
        bad = other < bad ? other : bad;
    }
    if ((threadIdx_x & (WARP - 1)) == 0)
    {
        sums[threadIdx_x / WARP] = sum;
        bads[threadIdx_x / WARP] = bad;
    }
    __syncthreads();
    if (threadIdx_x == 0)
    {
        for (int w = 1; w < blockDim_x / WARP; w++)
        {
            sum += sums[w];
            bad = bads[w] < bad ? bads[w] : bad;
        }
        result[0] = sqrt(sum);
        result[1] = sum;
        *first_bad = bad == 0x7fffffff ? -1 : bad;
    }
}

// x *= factor
KERNEL __launch_bounds__(MAX_THREADS) scale(float *x, long long count, float factor)
{
    const long long step = (long long)gridDim_x * blockDim_x;
    const long long wholes = aligned(x) ? count / 4 : 0;
    for (long long k = blockIdx_x * (long long)blockDim_x + threadIdx_x; k < wholes; k += step)
    {
        Pack p = ((const Pack *)x)[k];
#pragma unroll
        for (int i = 0; i < 4; i++)
            p.w[i] = float_bits(bits_float(p.w[i]) * factor);
        ((Pack *)x)[k] = p;
    }
    for (long long i = wholes * 4 + blockIdx_x * (long long)blockDim_x + threadIdx_x; i < count; i += step)
        x[i] *= factor;
}

// x[row] *= factors[row]
KERNEL __launch_bounds__(MAX_THREADS) scale_rows(float *x, long long width, const float *factors)
{
    float *row = x + blockIdx_y * width;
    const float factor = factors[blockIdx_y];
    const long long start = blockIdx_x * (long long)blockDim_x + threadIdx_x, step = (long long)gridDim_x * blockDim_x;
    const long long wholes = aligned(row) ? width / 4 : 0;
    for (long long k = start; k < wholes; k += step)
    {
        Pack p = ((const Pack *)row)[k];
#pragma unroll
        for (int i = 0; i < 4; i++)
            p.w[i] = float_bits(bits_float(p.w[i]) * factor);
        ((Pack *)row)[k] = p;
    }
    for (long long i = wholes * 4 + start; i < width; i += step)
        row[i] *= factor;
}

// sum += factor x, in float: gradients of micro-batches, unscaled on the way
template <class E>
__device__ __forceinline__ void accumulate(const E *x, float factor, float *sum, long long count)
{
    const int n = Packed<E>::Count;
    const long long start = blockIdx_x * (long long)blockDim_x + threadIdx_x, step = (long long)gridDim_x * blockDim_x;
    const long long wholes = aligned(x) && aligned(sum) ? count / n : 0;
    for (long long k = start; k < wholes; k += step)
    {
        const Pack p = ((const Pack *)x)[k];
        Pack *target = (Pack *)(sum + k * n);
#pragma unroll
        for (int j = 0; j < n / 4; j++)
        {
            Pack s = target[j];
#pragma unroll
            for (int i = 0; i < 4; i++)
                s.w[i] = float_bits(bits_float(s.w[i]) + factor * unpack(p, j * 4 + i, E()));
            target[j] = s;
        }
    }
    for (long long i = wholes * n + start; i < count; i += step)
        sum[i] += factor * (float)x[i];
}

#define ENTRY(E)                                                                                                                                      \
    KERNEL __launch_bounds__(MAX_THREADS)                                                                                                             \
        adamw_##E(const Tensor *tensors, const Chunk *chunks, float scale, float decay, float step_size, float root, float beta1, float beta2,        \
                  float one_minus_beta1, float one_minus_beta2, float epsilon)                                                                        \
    {                                                                                                                                                 \
        adamw<E>(tensors, chunks, Coefficients{scale, decay, step_size, root, beta1, beta2, one_minus_beta1, one_minus_beta2, epsilon});              \
    }                                                                                                                                                 \
    KERNEL __launch_bounds__(MAX_THREADS)                                                                                                             \
        adamw_packed_##E(const Tensor *tensors, const Chunk *chunks, float scale, float decay, float step_size, float root, float beta1, float beta2, \
                         float one_minus_beta1, float one_minus_beta2, float epsilon, int step)                                                       \
    {                                                                                                                                                 \
        adamw_packed<E>(tensors, chunks, Coefficients{scale, decay, step_size, root, beta1, beta2, one_minus_beta1, one_minus_beta2, epsilon},        \
                        (unsigned)step);                                                                                                              \
    }                                                                                                                                                 \
    KERNEL __launch_bounds__(MAX_THREADS) accumulate_##E(const E *x, float factor, float *sum, long long count) { accumulate(x, factor, sum, count); }
FOR_TYPES(ENTRY)

#undef ENTRY
