using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Checks;

/// <summary>AdamW, the global norm and the sums of optimizer.ptx beside the same formulas on the host.</summary>
internal static class OptimizerChecks
{
    // A few roundings of float each.
    private const double Rounding = 1e-6;
    private const string Module = "optimizer";

    public static IEnumerable<CheckResult> Run(CheckBench b)
    {
        var n = b.Sizes.Elements;
        var chunks = Enumerable.Range(0, (n + OptimizerKernels.ChunkLength - 1) / OptimizerKernels.ChunkLength)
            .Select(i => new ChunkEntry(0, i))
            .ToArray();
        var chunkTable = b.Upload(chunks);
        var gradient = b.Normal(n, 0.01f);
        var gradients = b.Upload(gradient);
        var c = new AdamWCoefficients(new() { WeightDecay = 0.1 }, learningRate: 1e-3, step: 2, scale: 0.5);
        foreach (var (suffix, type, bytes) in CheckBench.Types)
        {
            var start = b.Normal(n);
            var (stored, _) = CheckBench.Rounded(start, type, bytes);
            var weights = b.Upload(stored);
            var master = type == SafeTensorsDtype.F32 ? weights : b.Upload(start);
            var (first, second) = (b.Upload(gradient), b.Room<float>(n));
            var tensors = b.Upload<TensorEntry>([new(weights, master, gradients, first, second, n, 1)]);
            void Step() => b.Launch(Module, "adamw_" + suffix, (chunks.Length, 1, 1), LaunchShape.Threads, tensors, chunkTable, c.Scale,
                c.Decay, c.StepSize, c.Root, c.Beta1, c.Beta2, c.OneMinusBeta1, c.OneMinusBeta2, c.Epsilon);
            Step();
            var expected = new float[n];
            for (var i = 0; i < n; i++)
            {
                var g = gradient[i] * c.Scale;
                var (m, v) = ((gradient[i] * c.Beta1) + (g * c.OneMinusBeta1), g * g * c.OneMinusBeta2);
                expected[i] = (start[i] * c.Decay) - (m * c.StepSize / ((MathF.Sqrt(v) * c.Root) + c.Epsilon));
            }
            var error = CheckBench.Difference(b.Download<float>(master, n), expected);
            if (type != SafeTensorsDtype.F32)
            {
                var widened = new float[n];
                FloatConversion.ToFloats(type, b.Download<byte>(weights, (long)n * bytes), widened);
                // The sessions' copy is the master, rounded once more.
                error = Math.Max(
                    error,
                    CheckBench.Difference(widened, CheckBench.Rounded(b.Download<float>(master, n), type, bytes).Values));
            }
            var perElement = (7 * sizeof(float)) + (type == SafeTensorsDtype.F32 ? 0 : bytes);
            yield return new("adamw_" + suffix, "weights", error, Rounding, b.Milliseconds(Step), (long)n * perElement);

            yield return Packed(b, c, suffix, type, bytes, gradient, gradients, start, (chunks.Length, chunkTable));

            var sum = b.Upload(start);
            void Accumulate() => b.Launch(
                Module,
                "accumulate_" + suffix,
                (LaunchShape.Blocks(n, LaunchShape.Threads), 1, 1),
                LaunchShape.Threads,
                weights,
                0.25f,
                sum,
                (long)n);
            var added = new float[n];
            FloatConversion.ToFloats(type, b.Download<byte>(weights, (long)n * bytes), added);
            Accumulate();
            for (var i = 0; i < n; i++)
                added[i] = start[i] + (0.25f * added[i]);
            yield return new(
                "accumulate_" + suffix,
                "sums",
                CheckBench.Difference(b.Download<float>(sum, n), added),
                Rounding,
                b.Milliseconds(Accumulate),
                (long)n * (bytes + (2 * sizeof(float))));
        }

        var table = b.Upload<TensorEntry>([new(gradients, gradients, gradients, 0, 0, n, 0)]);
        var (partials, result, bad) = (b.Room<double>(chunks.Length), b.Room<double>(2), b.Room<int>(1));
        void Partial() => b.Launch(Module, "global_norm_partial", (chunks.Length, 1, 1), LaunchShape.Threads, table, chunkTable, partials);
        void Finish() =>
            b.Launch(Module, "global_norm_finish", (1, 1, 1), LaunchShape.ThreadsFor(chunks.Length), partials, chunks.Length, result, bad);
        Partial();
        Finish();
        var norm = Math.Sqrt(Reductions.Dot(gradient, gradient));
        var normError = Math.Max(
            CheckBench.Difference(b.Download<double>(result, 1), [norm]),
            b.Download<int>(bad, 1)[0] == -1 ? 0 : double.NaN);
        yield return new("global_norm_partial", "norm", normError, 1e-12, b.Milliseconds(Partial), (long)n * sizeof(float));
        yield return new("global_norm_finish", "norm", normError, 1e-12, b.Milliseconds(Finish), (long)chunks.Length * sizeof(double));

        var scaled = b.Upload(gradient);
        void Scale() =>
            b.Launch(Module, "scale", (LaunchShape.Blocks(n, LaunchShape.Threads), 1, 1), LaunchShape.Threads, scaled, (long)n, -2f);
        Scale();
        yield return new(
            "scale",
            "elements that differ",
            CheckBench.Unequal<float>(b.Download<float>(scaled, n), [.. gradient.Select(g => -2 * g)]),
            0,
            b.Milliseconds(Scale),
            2L * n * sizeof(float));

        var (rows, width) = (b.Sizes.Group, b.Sizes.Width);
        var values = b.Normal((long)rows * width);
        var factors = Enumerable.Range(0, rows).Select(i => 1f / (i + 1)).ToArray();
        var (matrix, perRow) = (b.Upload(values), b.Upload(factors));
        void ScaleRows() => b.Launch(
            Module,
            "scale_rows",
            (LaunchShape.Blocks(width, LaunchShape.Threads), rows, 1),
            LaunchShape.Threads,
            matrix,
            (long)width,
            perRow);
        ScaleRows();
        yield return new(
            "scale_rows",
            "elements that differ",
            CheckBench.Unequal<float>(b.Download<float>(matrix, values.Length), [.. values.Select((v, i) => v * factors[i / width])]),
            0,
            b.Milliseconds(ScaleRows),
            2L * values.Length * sizeof(float));
    }

    // The second update of weights whose first moment was the gradient: weights and moments, which are rounded at random.
    private static CheckResult Packed(
        CheckBench b,
        AdamWCoefficients c,
        string suffix,
        SafeTensorsDtype type,
        int bytes,
        float[] gradient,
        nint gradients,
        float[] start,
        (int Count, nint Table) chunks)
    {
        const int Step = 2;
        var n = start.Length;
        var weights = b.Upload(CheckBench.Rounded(start, type, bytes).Stored);
        var master = type == SafeTensorsDtype.F32 ? weights : b.Upload(start);
        var (raw, momentum) = CheckBench.Rounded(gradient, SafeTensorsDtype.BF16, sizeof(ushort));
        var (first, second) = (b.Upload(raw), b.Upload(new ushort[n]));
        var tensors = b.Upload<TensorEntry>([new(weights, master, gradients, first, second, n, 1)]);
        void Update() => b.Launch(Module, "adamw_packed_" + suffix, (chunks.Count, 1, 1), LaunchShape.Threads, tensors, chunks.Table,
            c.Scale, c.Decay, c.StepSize, c.Root, c.Beta1, c.Beta2, c.OneMinusBeta1, c.OneMinusBeta2, c.Epsilon, Step);
        Update();
        float[] expected = [.. start], m = [.. momentum], v = new float[n];
        AdamW.Update(expected, gradient, m, v, c);
        using var parameter = new Parameter("w", n);
        var error = CheckBench.Difference(b.Download<float>(master, n), expected);
        foreach (var (values, at, isSecond) in new[] { (m, first, false), (v, second, true) })
        {
            using var moment = new PackedMoment(parameter, MomentStorage.BFloat16, isSecond, index: 0);
            moment.Write(0, values, Step);
            moment.Read(0, values);
            var held = new float[n];
            FloatConversion.ToFloats(SafeTensorsDtype.BF16, b.Download<byte>(at, (long)n * sizeof(ushort)), held);
            error += CheckBench.Unequal<float>(held, values);
        }
        var perElement = (5 * sizeof(float)) + (type == SafeTensorsDtype.F32 ? 0 : bytes);
        return new("adamw_packed_" + suffix, "weights, moments that differ", error, Rounding, b.Milliseconds(Update), (long)n * perElement);
    }
}
