#include "math.cuh"

// 1 / (||x|| + epsilon) of each row, in double; NaN where the norm is not finite. One block a row.
KERNEL __launch_bounds__(MAX_THREADS) inverse_norms(const float *features, int width, double epsilon, double *inverse)
{
    __shared__ double parts[MAX_THREADS / WARP];
    const float *x = features + blockIdx_x * (long long)width;
    double sum = 0.;
    for (int d = threadIdx_x; d < width; d += blockDim_x)
        sum = fma((double)x[d], (double)x[d], sum);
    sum = warp_sum(sum);
    if ((threadIdx_x & (WARP - 1)) == 0)
        parts[threadIdx_x / WARP] = sum;
    __syncthreads();
    if (threadIdx_x == 0)
    {
        double total = 0.;
        for (int w = 0; w < blockDim_x / WARP; w++)
            total += parts[w];
        const double norm = sqrt(total) + epsilon;
        inverse[blockIdx_x] = norm <= 1.7976931348623157e308 ? 1. / norm : bits_double(0x7ff8000000000000ull);
    }
}

// S_ij = <x_i, x_j> / (n_i n_j) within each group of m rows, [groups, m, m]. One warp a pair i <= j; S is symmetric to the bit.
KERNEL __launch_bounds__(MAX_THREADS) gram(const float *features, const double *inverse, int m, int width, double *cosines)
{
    const int pair = blockIdx_x * (blockDim_x / WARP) + threadIdx_x / WARP, lane = threadIdx_x & (WARP - 1);
    const int i = pair / m, j = pair % m;
    if (pair >= m * m || i > j)
        return;
    const long long first = blockIdx_y * (long long)m;
    const float *a = features + (first + i) * width, *b = features + (first + j) * width;
    double sum = 0.;
    for (int d = lane; d < width; d += WARP)
        sum = fma((double)a[d], (double)b[d], sum);
    sum = warp_sum(sum) * inverse[first + i] * inverse[first + j];
    if (lane == 0)
    {
        double *s = cosines + first * m;
        s[(long long)i * m + j] = sum;
        s[(long long)j * m + i] = sum;
    }
}

#define LEAST_SPREAD 1e-8

// nu_i = sqrt(max(1 - sum_j w_ij S_ij^2, 0)), w_ij = e^(r_j) / (sum over k != i of e^(r_k) + 1e-8), and nu scaled to [0, 1] within the group; 0 for all where
// the spread is below 1e-8. One block a group.
KERNEL __launch_bounds__(MAX_THREADS) exploration_scores(const double *cosines, const double *rewards, int m, double *novelty, double *normalized)
{
    const double *s = cosines + blockIdx_x * (long long)m * m, *r = rewards + blockIdx_x * (long long)m;
    double *nu = novelty + blockIdx_x * (long long)m, *scaled = normalized + blockIdx_x * (long long)m;
    for (int i = threadIdx_x; i < m; i += blockDim_x)
    {
        double largest = -(double)INFINITE;
        for (int j = 0; j < m; j++)
            if (j != i && r[j] > largest)
                largest = r[j];
        double total = LEAST_SPREAD * exp_double(-largest), redundant = 0.;
        for (int j = 0; j < m; j++)
            if (j != i)
            {
                const double weight = exp_double(r[j] - largest), cosine = s[(long long)i * m + j];
                total += weight;
                redundant += weight * cosine * cosine;
            }
        const double rest = 1. - redundant / total;
        nu[i] = rest < 0. ? 0. : sqrt(rest);
    }
    __syncthreads();
    double least = (double)INFINITE, most = -(double)INFINITE;
    bool finite = true;
    for (int i = 0; i < m; i++)
    {
        const double x = nu[i];
        least = x < least ? x : least;
        most = x > most ? x : most;
        finite = finite && x == x;
    }
    const double spread = most - least;
    for (int i = threadIdx_x; i < m; i += blockDim_x)
        scaled[i] = !finite ? bits_double(0x7ff8000000000000ull) : spread < LEAST_SPREAD ? 0. : (nu[i] - least) / spread;
}
