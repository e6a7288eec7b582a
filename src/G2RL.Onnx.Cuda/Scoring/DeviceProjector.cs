using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Scoring;

/// <summary>Phi = u E of the accumulators by one product, and cosines and novelties of groups by kernels.</summary>
internal sealed class DeviceProjector : IFeatureProjector
{
    private const int RowsOfRun = 1024;

    private readonly CudaBackend backend;
    private readonly DecoderSpec spec;
    private readonly NoveltyKernels kernels;
    private readonly DeviceSession session;
    private readonly StagingArea staging;

    /// <summary>Builds the session.</summary>
    /// <exception cref="InputException">A model that caps its logits.</exception>
    public DeviceProjector(CudaBackend backend, DecoderSpec spec)
    {
        (this.backend, this.spec, kernels) = (backend, FeatureProjector.Checked(spec), new NoveltyKernels(backend.Kernels));
        staging = new StagingArea(backend.Memory, Purpose.Small);
        session = backend.Invoke(() => backend.Sessions.Open(DecoderGraph.Features(spec, CudaOperators.Opset)));
    }

    public float[][] Project(Policy policy, IReadOnlyList<FeatureWeights> weights) => backend.Invoke(() =>
    {
        if (weights.Count == 0)
            return [];
        var (store, width) = (backend.Features, spec.HiddenSize);
        if (weights.Any(w => w.Row < 0 || w.Row >= store.Rows))
            throw new InvalidOperationException($"Feature weights of another draw, or of the host; the device holds {store.Rows} rows.");
        using var features = backend.Memory.Allocate(Purpose.Features, (long)store.Rows * width * sizeof(float));
        for (var start = 0; start < store.Rows;)
        {
            // A product of one row takes another path: the last piece is never one row alone.
            var rows = store.Rows - start <= RowsOfRun + 1 ? store.Rows - start : RowsOfRun;
            using var binding = session.Bind();
            // In float32 whatever the products are: elements of u are too small for half a float.
            backend.Of(policy).BindTo(binding, exact: true);
            binding.Input(
                "feature_weights",
                store.Buffer,
                TensorElementType.Float,
                (long)start * spec.VocabularySize * sizeof(float),
                rows,
                spec.VocabularySize);
            binding.Output("features", features, TensorElementType.Float, (long)start * width * sizeof(float), rows, width);
            binding.Run();
            start += rows;
        }
        var found = new float[checked(store.Rows * width)];
        features.Read<float>(found);
        return weights.Select(w => found[(w.Row * width)..((w.Row + 1) * width)]).ToArray();
    });

    public (double[] Cosines, double[] Novelty)? Measure(
        IReadOnlyList<float[]> features,
        IReadOnlyList<double> rewards) => backend.Invoke(() =>
    {
        var (m, width) = (features.Count, features[0].Length);
        if (m != rewards.Count || m < 2 || features.Any(f => f.Length != width))
            throw new ArgumentException(
                $"{m} features of a group of {rewards.Count}; there must be one of each of at least 2 members, all of one width.",
                nameof(features));
        staging.Reset();
        var phi = Take((long)m * width * sizeof(float), out var phiAt);
        for (var i = 0; i < m; i++)
            phi.Write<float>(features[i], phiAt + ((long)i * width * sizeof(float)));
        var given = Take(m * sizeof(double), out var rewardsAt);
        given.Write<double>([.. rewards], rewardsAt);
        var (norms, cosines, novelty, normalized) = (Take(m * sizeof(double), out var normsAt),
            Take((long)m * m * sizeof(double), out var cosinesAt), Take(m * sizeof(double), out var noveltyAt),
            Take(m * sizeof(double), out var normalizedAt));
        kernels.InverseNorms(phi.At(phiAt), m, width, norms.At(normsAt));
        kernels.Gram(phi.At(phiAt), norms.At(normsAt), m, width, cosines.At(cosinesAt));
        kernels.Scores(cosines.At(cosinesAt), given.At(rewardsAt), m, novelty.At(noveltyAt), normalized.At(normalizedAt));
        var inverse = new double[m];
        norms.Read<double>(inverse, normsAt);
        for (var i = 0; i < m; i++)
            if (!double.IsFinite(inverse[i]))
                throw new NonFiniteException($"The gradient feature of rollout {i} is not finite. "
                    + "Lower the learning rate, or look for broken weights.");
        var (measured, scores) = (new double[m * m], new double[m]);
        cosines.Read<double>(measured, cosinesAt);
        novelty.Read<double>(scores, noveltyAt);
        return ((double[] Cosines, double[] Novelty)?)(measured, scores);
    });

    public void Dispose() => backend.Invoke(() =>
    {
        session.Dispose();
        staging.Dispose();
    });

    private DeviceBuffer Take(long bytes, out long offset)
    {
        (var buffer, offset) = staging.Take(bytes);
        return buffer;
    }
}
