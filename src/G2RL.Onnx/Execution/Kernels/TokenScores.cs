using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>
/// log p(target), the entropy and log sum e^z of each row of logits, and the gradient of logits from those of the first two: a row is read,
/// and nothing as large as the logits is held beside them.
/// </summary>
/// <remarks>
/// dz = dlp onehot(target) - p (dlp + dH (log p + H)). Sums run in sixteen lanes over blocks of 1,024, and in double over blocks.
/// </remarks>
internal static unsafe class TokenScores
{
    private const int Block = 1024;
    private const int Grain = 1 << 14;

    /// <summary>Inputs z [R, V], targets [R]; outputs log p, entropy (nats), log sum, [R] each.</summary>
    public static void Forward<T>(in KernelContext context) where T : unmanaged, ISimd<T>
    {
        var (z, targets) = (context.Input(0), context.Input(1));
        var state = Start(z, targets);
        state.LogProbs = context.Output(0, targets.Shape).Floats;
        state.Entropies = context.Output(1, targets.Shape).Floats;
        state.LogSums = context.Output(2, targets.Shape).Floats;
        context.ParallelFor(&state, (state.Rows + state.PartRows - 1) / state.PartRows, &ForwardRows<T>);
    }

    /// <summary>Inputs z [R, V], targets, log sums, entropies, dlp, dH (optional) [R]; output dz, which may lie on z.</summary>
    public static void Backward<T>(in KernelContext context) where T : unmanaged, ISimd<T>
    {
        var (z, targets) = (context.Input(0), context.Input(1));
        var state = Start(z, targets);
        state.LogSums = context.Input(2).Require(state.Rows, "log sums").Floats;
        state.Entropies = context.Input(3).Require(state.Rows, "entropies").Floats;
        state.LogProbs = context.Input(4).Require(state.Rows, "gradients of log-probs").Floats;
        var ofEntropy = context.Input(5);
        state.EntropyGradients = ofEntropy.Exists ? ofEntropy.Require(state.Rows, "gradients of entropies").Floats : null;
        state.Gradient = context.Output(0, z.Shape).Floats;
        context.ParallelFor(&state, (state.Rows + state.PartRows - 1) / state.PartRows, &BackwardRows<T>);
    }

    private static State Start(KernelTensor z, KernelTensor targets)
    {
        if (z.Rank != 2 || z[1] == 0)
            throw new ArgumentException("Logits are [R, V], and V is 1 at least.");
        targets.Require(z[0], "targets");
        return new() { Z = z.Floats, Targets = targets.Longs, Rows = z[0], Width = z[1], PartRows = Math.Max(1, Grain / z[1]) };
    }

    private struct State
    {
        public float* Z, LogProbs, Entropies, LogSums, EntropyGradients, Gradient;
        public long* Targets;
        public int Rows, Width, PartRows;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardRows<T>(State* s, int part) where T : unmanaged, ISimd<T>
    {
        int width = s->Width, whole = width / T.Count * T.Count;
        var end = Math.Min(s->Rows, (part + 1) * s->PartRows);
        for (var row = part * s->PartRows; row < end; row++)
        {
            var z = s->Z + ((nint)row * width);
            var target = Target(s, row);
            var largest = T.All(float.NegativeInfinity);
            for (var j = 0; j < whole; j += T.Count)
                largest = T.Max(largest, T.Load(z + j));
            var most = largest.Largest();
            for (var j = whole; j < width; j++)
                most = z[j] > most ? z[j] : most;
            var top = T.All(most);
            double sum = 0, weighted = 0;
            for (var from = 0; from < width; from += Block)
            {
                var to = Math.Min(from + Block, width);
                var (sums, products) = (T.Zero, T.Zero);
                var j = from;
                for (; j + T.Count <= to; j += T.Count)
                {
                    var below = T.Load(z + j) - top;
                    var e = SimdMath.Exp(below);
                    sums += e;
                    products = T.Fma(e, T.Max(T.All(SimdMath.Lowest), below), products);
                }
                sum += sums.Sum();
                weighted += products.Sum();
                for (; j < to; j++)
                {
                    var below = z[j] - most;
                    var e = Math.Exp(below);
                    sum += e;
                    weighted += e == 0 ? 0 : e * below;
                }
            }
            var log = Math.Log(sum);
            s->LogProbs[row] = (float)(z[target] - most - log);
            s->Entropies[row] = (float)(log - (weighted / sum));
            s->LogSums[row] = (float)(most + log);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRows<T>(State* s, int part) where T : unmanaged, ISimd<T>
    {
        int width = s->Width, whole = width / T.Count * T.Count, rest = width - whole;
        var end = Math.Min(s->Rows, (part + 1) * s->PartRows);
        for (var row = part * s->PartRows; row < end; row++)
        {
            var z = s->Z + ((nint)row * width);
            var dz = s->Gradient + ((nint)row * width);
            var target = Target(s, row);
            var (logSum, back) = (T.All(s->LogSums[row]), s->LogProbs[row]);
            var ofEntropy = s->EntropyGradients is null ? 0 : s->EntropyGradients[row];
            // -(dlp + dH (log p + H)) = -(dlp + dH H) - dH log p
            var (constant, slope) = (T.All(-(back + (ofEntropy * s->Entropies[row]))), T.All(-ofEntropy));
            for (var j = 0; j < whole; j += T.Count)
            {
                var log = T.Load(z + j) - logSum;
                (SimdMath.Exp(log) * T.Fma(slope, log, constant)).Store(dz + j);
            }
            if (rest > 0)
            {
                var log = SimdMath.LoadPart<T>(z + whole, rest) - logSum;
                SimdMath.StorePart(SimdMath.Exp(log) * T.Fma(slope, log, constant), dz + whole, rest);
            }
            dz[target] += back;
        }
    }

    private static int Target(State* s, int row)
    {
        var target = s->Targets[row];
        return (ulong)target < (ulong)s->Width
            ? (int)target
            : throw new ArgumentException($"Target {row} is token {target}; the vocabulary has {s->Width}.");
    }
}
