using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>
/// AdamW on the weights in place: p -= lr wd p; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr/(1-b1^t) m / (sqrt(v)/sqrt(1-b2^t) +
/// eps). Work is cut into fixed chunks, so results do not depend on the number of threads.
/// </summary>
/// <remarks>Source: Loshchilov and Hutter, arXiv:1711.05101, in torch.optim.AdamW's order of operations.</remarks>
internal sealed class AdamW : IWeightOptimizer
{
    private const int Chunk = 1 << 16;

    private readonly AdamWSettings settings;
    private readonly IReadOnlyList<Parameter> parameters;
    private readonly IReadOnlyList<Parameter> gradients;
    private readonly (int Parameter, long Offset, int Length)[] chunks;
    private readonly bool[] decays;
    private readonly double[] sums;
    private readonly ParallelOptions parallel;
    private readonly PackedMoment[] packedFirst = [];
    private readonly PackedMoment[] packedSecond = [];

    /// <summary>Reserves both moments, zero.</summary>
    /// <param name="parameters">Weights, updated in place.</param>
    /// <param name="gradients">Their gradients, in the same order.</param>
    /// <param name="settings">Settings.</param>
    /// <param name="threads">Threads, >= 1.</param>
    /// <exception cref="InputException">A setting out of range.</exception>
    public AdamW(IReadOnlyList<Parameter> parameters, IReadOnlyList<Parameter> gradients, AdamWSettings settings, int threads)
    {
        settings.Validate();
        if (parameters.Count != gradients.Count
            || parameters.Zip(gradients).Any(p => p.First.Name != p.Second.Name || p.First.Buffer.Length != p.Second.Buffer.Length))
            throw new ArgumentException("Weights and gradients do not belong together.", nameof(gradients));
        (this.parameters, this.gradients, this.settings) = (parameters, gradients, settings);
        var wide = settings.Moments == MomentStorage.Float32;
        FirstMoments = wide ? [.. parameters.Select(p => new Parameter(p.Name, [.. p.Shape]))] : [];
        SecondMoments = wide ? [.. parameters.Select(p => new Parameter(p.Name, [.. p.Shape]))] : [];
        if (!wide)
        {
            packedFirst = [.. parameters.Select((p, i) => new PackedMoment(p, settings.Moments, isSecond: false, i))];
            packedSecond = [.. parameters.Select((p, i) => new PackedMoment(p, settings.Moments, isSecond: true, i))];
        }
        chunks = [.. parameters.SelectMany((p, i) => Enumerable.Range(0, (int)((p.Buffer.Length + Chunk - 1) / Chunk))
            .Select(c => (i, (long)c * Chunk, (int)Math.Min(Chunk, p.Buffer.Length - ((long)c * Chunk)))))];
        decays = [.. parameters.Select(p => settings.Decays(p.Name))];
        sums = new double[chunks.Length];
        parallel = new ParallelOptions { MaxDegreeOfParallelism = threads };
    }

    /// <summary>Updates done; restored on resume.</summary>
    public long Steps { get; set; }

    /// <summary>First moments, in the order of the parameters; none where they are held in fewer bits.</summary>
    public IReadOnlyList<Parameter> FirstMoments { get; }

    /// <summary>Second moments, in the order of the parameters; none where they are held in fewer bits.</summary>
    public IReadOnlyList<Parameter> SecondMoments { get; }

    /// <summary>The global norm of the gradients.</summary>
    /// <exception cref="NonFiniteException">A gradient is not finite; the message names the tensor. Weights and moments are
    /// untouched.</exception>
    public double GradientNorm()
    {
        Parallel.For(
            0,
            chunks.Length,
            parallel,
            c => sums[c] = SumOfSquares(gradients[chunks[c].Parameter].Buffer.Slice(chunks[c].Offset, chunks[c].Length)));
        var total = 0d;
        for (var c = 0; c < sums.Length; c++)
        {
            if (!double.IsFinite(sums[c]))
                throw new NonFiniteException($"The gradient of '{gradients[chunks[c].Parameter].Name}' is not finite.");
            total += sums[c];
        }
        return Math.Sqrt(total);
    }

    /// <summary>One update.</summary>
    /// <param name="learningRate">>= 0</param>
    /// <param name="gradientNorm">What <see cref="GradientNorm"/> gave.</param>
    /// <exception cref="NonFiniteException">The norm or the learning rate is not finite. Weights, moments and <see cref="Steps"/> are
    /// untouched.</exception>
    public void Step(double learningRate, double gradientNorm)
    {
        if (!double.IsFinite(gradientNorm) || !double.IsFinite(learningRate))
            throw new NonFiniteException($"The gradient's norm is {gradientNorm} and the learning rate {learningRate}; "
                + "both must be finite.");
        Steps++;
        var scale = settings.ClipScale(gradientNorm);
        var decayed = new AdamWCoefficients(settings, learningRate, Steps, scale);
        var kept = decayed with { Decay = 1 };
        Parallel.For(0, chunks.Length, parallel, c =>
        {
            var (i, offset, length) = chunks[c];
            var (weights, slopes, coefficients) = (parameters[i].Buffer, gradients[i].Buffer, decays[i] ? decayed : kept);
            if (packedFirst.Length == 0)
                Update(
                    weights.Slice(offset, length), slopes.Slice(offset, length),
                    FirstMoments[i].Buffer.Slice(offset, length), SecondMoments[i].Buffer.Slice(offset, length), coefficients);
            else
                UpdatePacked(i, offset, weights.Slice(offset, length), slopes.Slice(offset, length), coefficients);
        });
    }

    /// <inheritdoc/>
    IEnumerable<TensorToWrite> IWeightOptimizer.State() => packedFirst.Length == 0
        ? [.. FirstMoments.Select(m => Tensor(m, FirstSuffix)), .. SecondMoments.Select(m => Tensor(m, SecondSuffix))]
        : [.. parameters.SelectMany((p, i) => packedFirst[i].Tensors(p.Name + FirstSuffix)),
            .. parameters.SelectMany((p, i) => packedSecond[i].Tensors(p.Name + SecondSuffix))];

    /// <inheritdoc/>
    void IWeightOptimizer.Load(SafeTensorsFile file)
    {
        foreach (var moment in FirstMoments)
            file.ReadFloats(moment.Name + FirstSuffix, moment.Buffer.Span);
        foreach (var moment in SecondMoments)
            file.ReadFloats(moment.Name + SecondSuffix, moment.Buffer.Span);
        for (var i = 0; i < packedFirst.Length; i++)
        {
            packedFirst[i].Load(file, parameters[i].Name + FirstSuffix);
            packedSecond[i].Load(file, parameters[i].Name + SecondSuffix);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var moment in FirstMoments.Concat(SecondMoments))
            moment.Dispose();
        foreach (var moment in packedFirst.Concat(packedSecond))
            moment.Dispose();
    }

    /// <summary>Suffix of the first moment of a weight in a checkpoint.</summary>
    internal const string FirstSuffix = ".first_moment";

    /// <summary>Suffix of the second.</summary>
    internal const string SecondSuffix = ".second_moment";

    private static TensorToWrite Tensor(Parameter moment, string suffix) =>
        TensorToWrite.Floats(moment.Name + suffix, SafeTensorsDtype.F32, [.. moment.Shape], _ => moment.Buffer.Span);

    // Both moments are widened for one chunk at a time.
    private void UpdatePacked(int i, long offset, Span<float> weights, ReadOnlySpan<float> slopes, in AdamWCoefficients coefficients)
    {
        var scratch = ArrayPool<float>.Shared.Rent(2 * Chunk);
        var (first, second) = (scratch.AsMemory(0, weights.Length), scratch.AsMemory(Chunk, weights.Length));
        packedFirst[i].Read(offset, first.Span);
        packedSecond[i].Read(offset, second.Span);
        Update(weights, slopes, first.Span, second.Span, coefficients);
        packedFirst[i].Write(offset, first.Span, Steps);
        packedSecond[i].Write(offset, second.Span, Steps);
        ArrayPool<float>.Shared.Return(scratch);
    }

    /// <summary>Sum of squares in double; not finite if and only if an element is not.</summary>
    internal static double SumOfSquares(ReadOnlySpan<float> values) => Reductions.Dot(values, values);

    /// <summary>One update of a stretch of parameters: weights, gradients and both moments, each [n].</summary>
    internal static void Update(
        Span<float> weights,
        ReadOnlySpan<float> gradients,
        Span<float> first,
        Span<float> second,
        in AdamWCoefficients c)
    {
        if (gradients.Length != weights.Length || first.Length != weights.Length || second.Length != weights.Length)
            throw new ArgumentException(
                $"{weights.Length} weights with {gradients.Length} gradients and {first.Length} and {second.Length} moments.",
                nameof(weights));
        ref var p = ref MemoryMarshal.GetReference(weights);
        ref var g = ref MemoryMarshal.GetReference(gradients);
        ref var m = ref MemoryMarshal.GetReference(first);
        ref var v = ref MemoryMarshal.GetReference(second);
        var epsilon = new Vector<float>(c.Epsilon);
        var i = 0;
        for (; i <= weights.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var gi = Vector.LoadUnsafe(ref g, (nuint)i) * c.Scale;
            var mi = (Vector.LoadUnsafe(ref m, (nuint)i) * c.Beta1) + (gi * c.OneMinusBeta1);
            var vi = (Vector.LoadUnsafe(ref v, (nuint)i) * c.Beta2) + (gi * gi * c.OneMinusBeta2);
            mi.StoreUnsafe(ref m, (nuint)i);
            vi.StoreUnsafe(ref v, (nuint)i);
            ((Vector.LoadUnsafe(ref p, (nuint)i) * c.Decay) - (mi * c.StepSize / ((Vector.SquareRoot(vi) * c.Root) + epsilon)))
                .StoreUnsafe(ref p, (nuint)i);
        }
        // The same operations in the same order: an element's bits do not depend on where a vector ends.
        for (; i < weights.Length; i++)
        {
            var gi = gradients[i] * c.Scale;
            first[i] = (first[i] * c.Beta1) + (gi * c.OneMinusBeta1);
            second[i] = (second[i] * c.Beta2) + (gi * gi * c.OneMinusBeta2);
            weights[i] = (weights[i] * c.Decay) - (first[i] * c.StepSize / ((MathF.Sqrt(second[i]) * c.Root) + c.Epsilon));
        }
    }
}

/// <summary>What one update multiplies by, computed in double and rounded once.</summary>
internal readonly record struct AdamWCoefficients(
    float Scale,
    float Decay,
    float StepSize,
    float Root,
    float Beta1,
    float Beta2,
    float OneMinusBeta1,
    float OneMinusBeta2,
    float Epsilon)
{
    /// <summary>The coefficients of a step.</summary>
    /// <param name="settings">Settings.</param>
    /// <param name="learningRate">>= 0</param>
    /// <param name="step">t, 1 for the first update.</param>
    /// <param name="scale">Multiplies the gradients.</param>
    public AdamWCoefficients(AdamWSettings settings, double learningRate, long step, double scale)
        : this(
            (float)scale,
            (float)(1 - (learningRate * settings.WeightDecay)),
            (float)(learningRate / (1 - Math.Pow(settings.Beta1, step))),
            (float)(1 / Math.Sqrt(1 - Math.Pow(settings.Beta2, step))),
            (float)settings.Beta1,
            (float)settings.Beta2,
            (float)(1 - settings.Beta1),
            (float)(1 - settings.Beta2),
            (float)settings.Epsilon)
    {
    }
}
