using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Optimizers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Training;

/// <summary>
/// The update on a device: our train graph adds gradients up there, kernels take their norm and apply AdamW to the weights in place. Of a
/// micro-batch the host sees loss, log-probs and entropies; of an update the norm.
/// </summary>
internal sealed class DeviceOptimizer : IPolicyOptimizer
{
    private readonly CudaBackend backend;
    private readonly Policy policy;
    private readonly DevicePolicy device;
    private readonly AdamWSettings settings;
    private readonly DeviceSession session;
    private readonly OptimizerKernels kernels;
    private readonly StagingArea staging;
    private readonly DeviceParameter[] gradients;
    private readonly DeviceMoments moments;
    private readonly OptimizerTables tables;
    private readonly float[] inverseTemperature;
    private readonly LossScale? scale;
    private readonly List<Microbatch> added = [];
    private long steps;
    private double? norm;

    /// <summary>Builds the train graph's session and reserves gradients and moments.</summary>
    public DeviceOptimizer(CudaBackend backend, Policy policy, RunConfig config)
    {
        (this.backend, this.policy, settings) = (backend, policy, config.Training.Optimizer);
        settings.Validate();
        OrtLimits.RequireIndices(
            LengthBuckets.Up(config.Training.MicrobatchTokens),
            policy.Spec.VocabularySize,
            "the logits of a micro-batch",
            "training.tokensPerMicrobatch");
        _ = backend.Attends(config.Execution.Kernels, policy.Spec);
        inverseTemperature = [(float)(1 / config.Sampling.Temperature)];
        scale = backend.Settings.Precision == ElementType.Float16 ? new LossScale() : null;
        staging = new StagingArea(backend.Memory, Purpose.Training);
        var objective = PolicyOptimizers.Objective(config);
        (device, session, gradients, moments) = backend.Invoke(() =>
        {
            var held = backend.Of(policy);
            // What is left when gradients and moments are there.
            var left = backend.Memory.Driver.MemoryInfo().Total - backend.Memory.Bytes
                - ((sizeof(float) + DeviceMoments.BytesEach(settings.Moments)) * policy.Trainable.Sum(p => p.Buffer.Length));
            (Graph, MostTokens) = MemoryPlan.DeviceTraining(config, policy.Spec, policy.Positions, backend.Settings.Precision, left);
            DeviceParameter[] sums = [.. policy.Trainable.Select(p => DeviceParameter.Like(backend.Memory, Purpose.Gradients, p))];
            return (held, backend.OpenNarrow(policy.Spec, DecoderGraph.Train(
                policy.Spec,
                objective,
                opset: CudaOperators.Opset,
                scaled: scale is not null,
                memory: Graph)), sums, new DeviceMoments(backend.Memory, policy, settings.Moments));
        });
        kernels = new OptimizerKernels(backend.Kernels, backend.Settings.Precision, moments.Type);
        tables = backend.Invoke(() => new OptimizerTables(backend.Memory, device, gradients, moments.First, moments.Second, settings));
    }

    public bool Packs => Graph.Packed;

    public int MostTokens { get; private set; }

    /// <summary>How the train graph spends memory.</summary>
    public GraphMemory Graph { get; private set; } = GraphMemory.Plain;

    /// <summary>The factor of the gradients; null unless products are in float16.</summary>
    public LossScale? Scale => scale;

    public void Clear()
    {
        norm = null;
        added.Clear();
        backend.Invoke(Zero);
    }

    public double Add(Microbatch micro)
    {
        norm = null;
        added.Add(micro);
        return Run(micro);
    }

    private void Zero()
    {
        foreach (var gradient in gradients)
            gradient.Buffer.Clear();
    }

    private double Run(Microbatch given) => backend.Invoke(() =>
    {
        var micro = given.Padded(LengthBuckets.Up(given.Batch.Width), LengthBuckets.Up(given.Batch.Targets.Length));
        var count = micro.Batch.Targets.Length;
        staging.Reset();
        // Log-probs, entropies, and the loss.
        var (found, at) = staging.Take(((2L * count) + 1) * sizeof(float));
        using var binding = session.Bind(staging);
        device.BindTo(binding);
        micro.BindTo(binding);
        binding.Input("inverse_temperature", inverseTemperature);
        if (scale is not null)
            binding.Input(DecoderGraph.LossScale, new[] { scale.Value });
        foreach (var gradient in gradients)
        {
            binding.InputIfUsed(gradient.Name + DecoderGraph.GradientSuffix, gradient);
            binding.Output(gradient.Name + DecoderGraph.GradientSuffix + ".out", gradient);
        }
        binding.Output("log_probs", found, TensorElementType.Float, at, count);
        binding.Output("entropy", found, TensorElementType.Float, at + (4L * count), count);
        binding.Output("loss", found, TensorElementType.Float, at + (8L * count));
        binding.Run();
        var loss = new float[1];
        found.Read<float>(given.LogProbs, at);
        found.Read<float>(given.Entropies, at + (4L * count));
        found.Read<float>(loss, at + (8L * count));
        return (double)loss[0];
    });

    public double? GradientNorm() => norm ??= backend.Invoke(MeasureNorm);

    public void Step(double learningRate)
    {
        var measured = GradientNorm()!.Value;
        if (!double.IsFinite(measured) || !double.IsFinite(learningRate))
            throw new NonFiniteException($"The gradient's norm is {measured} and the learning rate {learningRate}; both must be finite.");
        backend.Invoke(() => kernels.Step(
            tables.Tensors,
            tables.Chunks,
            tables.ChunkCount,
            new AdamWCoefficients(settings, learningRate, ++steps, settings.ClipScale(measured) / (scale?.Value ?? 1)),
            steps));
        scale?.Count();
    }

    public void Save(string folder) => backend.Invoke(() =>
    {
        device.Download();
        TrainingState.Save(folder, policy, steps, moments.State());
        scale?.Save(folder);
    });

    public void Load(string folder) => backend.Invoke(() =>
    {
        steps = TrainingState.Load(folder, policy, moments.Load);
        device.Upload();
        scale?.Load(folder);
    });

    public void Dispose() => backend.Invoke(() =>
    {
        session.Dispose();
        staging.Dispose();
        tables.Dispose();
        moments.Dispose();
        foreach (var parameter in gradients)
            parameter.Dispose();
    });

    private double? MeasureNorm()
    {
        kernels.GlobalNorm(tables.Tensors, tables.Chunks, tables.ChunkCount, tables.Partials, tables.Result, tables.FirstBad);
        var (found, bad) = tables.ReadNorm();
        if (bad < 0)
            return found / (scale?.Value ?? 1);
        if (scale is null || !scale.TryLower())
            throw new NonFiniteException($"The gradient of '{gradients[tables.TensorOf(bad)].Name}' is not finite.");
        // An overflow of float16: the same micro-batches once more, scaled less.
        Zero();
        foreach (var micro in added)
            Run(micro);
        return MeasureNorm();
    }
}
