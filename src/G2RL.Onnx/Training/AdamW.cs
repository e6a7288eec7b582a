using System.Numerics;
using System.Numerics.Tensors;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training;

/// <summary>Settings of <see cref="AdamW"/>.</summary>
public sealed record AdamWSettings
{
    /// <summary>Decay of the first moment, in [0, 1).</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment, in [0, 1).</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment; > 0.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay, >= 0, in units of 1 / learning rate.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Parameters whose names contain one of these texts are not decayed.</summary>
    public IReadOnlyList<string> DecayExclusions { get; init; } = [];

    /// <summary>Gradients are scaled so that their global norm is at most this; 0 turns clipping off.</summary>
    public double MaxGradientNorm { get; init; } = 1;
}

/// <summary>
/// AdamW on the weights in place: p -= lr wd p; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr/(1-b1^t) m / (sqrt(v)/sqrt(1-b2^t) + eps).
/// Work is cut into fixed chunks, so results do not depend on the number of threads.
/// </summary>
/// <remarks>Source: Loshchilov and Hutter, arXiv:1711.05101, in torch.optim.AdamW's order of operations.</remarks>
public sealed class AdamW : IDisposable
{
    private const int Chunk = 1 << 16;

    private readonly AdamWSettings settings;
    private readonly IReadOnlyList<Parameter> parameters;
    private readonly IReadOnlyList<Parameter> gradients;
    private readonly (int Parameter, long Offset, int Length)[] chunks;
    private readonly double[] sums;
    private readonly ParallelOptions parallel;

    /// <summary>Reserves both moments, zero.</summary>
    /// <param name="parameters">Weights, updated in place.</param>
    /// <param name="gradients">Their gradients, in the same order.</param>
    /// <param name="settings">Settings.</param>
    /// <param name="threads">Threads, >= 1.</param>
    public AdamW(IReadOnlyList<Parameter> parameters, IReadOnlyList<Parameter> gradients, AdamWSettings settings, int threads)
    {
        if (parameters.Count != gradients.Count || parameters.Zip(gradients).Any(p => p.First.Name != p.Second.Name || p.First.Buffer.Length != p.Second.Buffer.Length))
            throw new ArgumentException("Weights and gradients do not belong together.", nameof(gradients));
        (this.parameters, this.gradients, this.settings) = (parameters, gradients, settings);
        FirstMoments = [.. parameters.Select(p => new Parameter(p.Name, [.. p.Shape]))];
        SecondMoments = [.. parameters.Select(p => new Parameter(p.Name, [.. p.Shape]))];
        chunks = [.. parameters.SelectMany((p, i) => Enumerable.Range(0, (int)((p.Buffer.Length + Chunk - 1) / Chunk)).Select(c => (i, (long)c * Chunk, (int)Math.Min(Chunk, p.Buffer.Length - ((long)c * Chunk)))))];
        sums = new double[chunks.Length];
        parallel = new ParallelOptions { MaxDegreeOfParallelism = threads };
    }

    /// <summary>Updates done; restored on resume.</summary>
    public long Steps { get; set; }

    /// <summary>First moments, in the order of the parameters.</summary>
    public IReadOnlyList<Parameter> FirstMoments { get; }

    /// <summary>Second moments, in the order of the parameters.</summary>
    public IReadOnlyList<Parameter> SecondMoments { get; }

    /// <summary>The global norm of the gradients.</summary>
    /// <exception cref="NonFiniteException">A gradient is not finite; the message names the tensor. Weights and moments are untouched.</exception>
    public double GradientNorm()
    {
        Parallel.For(0, chunks.Length, parallel, c => sums[c] = SumOfSquares(gradients[chunks[c].Parameter].Buffer.Slice(chunks[c].Offset, chunks[c].Length)));
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
    public void Step(double learningRate, double gradientNorm)
    {
        Steps++;
        var scale = settings.MaxGradientNorm > 0 ? (float)Math.Min(1, settings.MaxGradientNorm / (gradientNorm + 1e-6)) : 1f;
        var stepSize = (float)(learningRate / (1 - Math.Pow(settings.Beta1, Steps)));
        var root = (float)(1 / Math.Sqrt(1 - Math.Pow(settings.Beta2, Steps)));
        Parallel.For(0, chunks.Length, parallel, c =>
        {
            var (i, offset, length) = chunks[c];
            var decays = settings.WeightDecay > 0 && !settings.DecayExclusions.Any(e => parameters[i].Name.Contains(e, StringComparison.Ordinal));
            Update(
                parameters[i].Buffer.Slice(offset, length), gradients[i].Buffer.Slice(offset, length),
                FirstMoments[i].Buffer.Slice(offset, length), SecondMoments[i].Buffer.Slice(offset, length),
                scale, decays ? (float)(1 - (learningRate * settings.WeightDecay)) : 1f, stepSize, root);
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var moment in FirstMoments.Concat(SecondMoments))
            moment.Dispose();
    }

    /// <summary>Sum of squares in double; not finite if any element is not.</summary>
    internal static double SumOfSquares(ReadOnlySpan<float> values)
    {
        // A float32 sum of 256 squares is good to 1e-5 and cannot hide an infinity; large squares go through double.
        var total = 0d;
        for (var i = 0; i < values.Length; i += 256)
        {
            var part = values.Slice(i, Math.Min(256, values.Length - i));
            var norm = TensorPrimitives.SumOfSquares(part);
            if (float.IsFinite(norm) && norm > 1e-30f)
                total += norm;
            else
                foreach (var x in part)
                    total += (double)x * x;
        }
        return total;
    }

    private void Update(Span<float> p, Span<float> g, Span<float> m, Span<float> v, float scale, float decay, float stepSize, float root)
    {
        var (b1, b2, epsilon) = ((float)settings.Beta1, (float)settings.Beta2, (float)settings.Epsilon);
        var (c1, c2) = ((float)(1 - settings.Beta1), (float)(1 - settings.Beta2));
        var i = 0;
        for (var n = Vector<float>.Count; i <= p.Length - n; i += n)
        {
            var gi = new Vector<float>(g[i..]) * scale;
            var mi = (new Vector<float>(m[i..]) * b1) + (gi * c1);
            var vi = (new Vector<float>(v[i..]) * b2) + (gi * gi * c2);
            mi.CopyTo(m[i..]);
            vi.CopyTo(v[i..]);
            ((new Vector<float>(p[i..]) * decay) - (mi * stepSize / ((Vector.SquareRoot(vi) * root) + new Vector<float>(epsilon)))).CopyTo(p[i..]);
        }
        for (; i < p.Length; i++)
        {
            var gi = g[i] * scale;
            m[i] = (m[i] * b1) + (gi * c1);
            v[i] = (v[i] * b2) + (gi * gi * c2);
            p[i] = (p[i] * decay) - (m[i] * stepSize / ((MathF.Sqrt(v[i]) * root) + epsilon));
        }
    }
}
