using G2RL.Onnx.Checkpoints.SafeTensors;
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
    private readonly DeviceParameter[] first;
    private readonly DeviceParameter[] second;
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
            LengthBuckets.Up(config.Training.TokensPerMicrobatch),
            policy.Spec.VocabularySize,
            "the logits of a micro-batch",
            "training.tokensPerMicrobatch");
        inverseTemperature = [(float)(1 / config.Sampling.Temperature)];
        kernels = new OptimizerKernels(backend.Kernels, backend.Settings.Precision);
        scale = backend.Settings.Precision == ElementType.Float16 ? new LossScale() : null;
        staging = new StagingArea(backend.Memory, Purpose.Training);
        var objective = PolicyOptimizers.Objective(config);
        (device, session, gradients, first, second) = backend.Invoke(() =>
        {
            var held = backend.Of(policy);
            // What is left when gradients and moments are there.
            var left = backend.Memory.Driver.MemoryInfo().Total - backend.Memory.Bytes
                - (3L * sizeof(float) * policy.Trainable.Sum(p => p.Buffer.Length));
            Graph = MemoryPlan.DeviceMemory(config, policy.Spec, policy.Positions, backend.Settings.Precision, left);
            DeviceParameter[] Reserve(
                Purpose purpose) => [.. policy.Trainable.Select(p => DeviceParameter.Like(backend.Memory, purpose, p))];
            return (held, backend.OpenNarrow(policy.Spec, DecoderGraph.Train(
                policy.Spec,
                objective,
                opset: CudaOperators.Opset,
                scaled: scale is not null,
                memory: Graph)), Reserve(Purpose.Gradients), Reserve(Purpose.Moments), Reserve(Purpose.Moments));
        });
        tables = backend.Invoke(() =>
        {
            foreach (var moment in first.Concat(second))
                moment.Buffer.Clear();
            return new OptimizerTables(backend.Memory, device, gradients, first, second, settings);
        });
    }

    public bool Packs => false;

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
            new AdamWCoefficients(settings, learningRate, ++steps, settings.ClipScale(measured) / (scale?.Value ?? 1))));
        scale?.Count();
    }

    public void Save(string folder) => backend.Invoke(() =>
    {
        device.Download();
        TrainingState.Save(folder, policy, steps, Source(first), Source(second));
        scale?.Save(folder);
    });

    public void Load(string folder) => backend.Invoke(() =>
    {
        var (firstHost, secondHost) = (Home(first), Home(second));
        steps = TrainingState.Load(folder, policy, name => firstHost[name], name => secondHost[name]);
        device.Upload();
        scale?.Load(folder);
        foreach (var (moments, host) in new[] { (first, firstHost), (second, secondHost) })
            foreach (var moment in moments)
                moment.Buffer.Write<float>(host[moment.Name]);
    });

    public void Dispose() => backend.Invoke(() =>
    {
        session.Dispose();
        staging.Dispose();
        tables.Dispose();
        foreach (var parameter in gradients.Concat(first).Concat(second))
            parameter.Dispose();
    });

    private static Dictionary<string, float[]> Home(DeviceParameter[] moments) =>
        moments.ToDictionary(m => m.Name, m => new float[m.Count], StringComparer.Ordinal);

    private static WeightSource Source(DeviceParameter[] moments)
    {
        var byName = moments.ToDictionary(m => m.Name, StringComparer.Ordinal);
        return name =>
        {
            var values = new float[byName[name].Count];
            byName[name].Buffer.Read<float>(values);
            return values;
        };
    }

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
