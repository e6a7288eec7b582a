using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>
/// A run as ORT training artifacts, and back: weights, both moments and the step move between the stock path and ONNX Runtime's training
/// API.
/// </summary>
public static class OrtTraining
{
    private const string ConfigProperty = "g2rl.config.json";
    private const string UpdatesProperty = "g2rl.updates";
    private const string RunStepProperty = "g2rl.run_step";
    private const string OptimizerStepProperty = "g2rl.optimizer_step";

    /// <summary>
    /// Writes training_model.onnx, eval_model.onnx, optimizer_model.onnx and checkpoint of a policy that starts to learn.
    /// </summary>
    /// <param name="folder">Is made; the files must not be there.</param>
    /// <param name="policy">The weights.</param>
    /// <param name="config">Decides objective, optimizer and schedule.</param>
    /// <exception cref="InputException">A file exists or cannot be written, or a setting that the training runtime cannot
    /// express.</exception>
    public static void Write(string folder, Policy policy, RunConfig config) =>
        Write(folder, policy, Options(policy, config, scheduled: true), moments: null);

    /// <summary>
    /// Writes the artifacts of a run's checkpoint folder (step-000100 and the like): the training API goes on where the run stopped.
    /// </summary>
    /// <param name="folder">Is made; the files must not be there.</param>
    /// <param name="policy">A policy of the run's model; receives the checkpoint's weights.</param>
    /// <param name="config">The run's configuration.</param>
    /// <param name="checkpoint">The checkpoint's folder.</param>
    /// <param name="step">The run's step that it stands at.</param>
    /// <exception cref="InputException">As for <see cref="Write(string, Policy, RunConfig)"/>, or no checkpoint of this model.</exception>
    public static void Write(string folder, Policy policy, RunConfig config, string checkpoint, int step)
    {
        // Before the state is read: that of another optimizer has other tensors.
        Require(policy, config);
        var (first, second) = (Moments.Of(policy), Moments.Of(policy));
        var steps = TrainingState.Load(checkpoint, policy, first.Target, second.Target);
        // A mini-batch without tokens counted in the schedule and was no optimizer step.
        var skipped = ((long)step * UpdatesPerStep(config)) - steps;
        Write(folder, policy, Options(policy, config, scheduled: true, skipped: skipped), first.With(steps, second, policy), step);
    }

    /// <summary>
    /// Turns an ORT checkpoint into a run's checkpoint folder (model.safetensors, optimizer.safetensors): the stock path goes on where the
    /// training API stopped.
    /// </summary>
    /// <param name="checkpoint">The file that the training API saved, with its optimizer state or without.</param>
    /// <param name="policy">A policy of the same model; receives the weights, and keeps those that the checkpoint does not hold because
    /// they were frozen.</param>
    /// <param name="folder">Is made; its files are replaced.</param>
    /// <exception cref="InputException">A checkpoint that is damaged or of another model.</exception>
    public static void Import(string checkpoint, Policy policy, string folder)
    {
        using var source = OrtCheckpoint.Open(checkpoint);
        Read(source, policy);
        Directory.CreateDirectory(folder);
        SaveState(folder, source, policy);
    }

    /// <summary>
    /// The step of a run that an ORT checkpoint stands at: that at which it was written, and the updates made since by those of one batch
    /// of rollouts.
    /// </summary>
    /// <exception cref="InputException">It has no optimizer state, or stands in the middle of a batch or beyond the run.</exception>
    public static int StepOf(string checkpoint, RunConfig config)
    {
        using var source = OrtCheckpoint.Open(checkpoint);
        if (!source.HasMoments)
            throw new InputException($"{checkpoint} holds no optimizer state, so no run can go on from it. "
                + "Save it with its optimizer state, or take its weights with: g2rl ort-training export.");
        var (updates, since) = (UpdatesPerStep(config), source.Step - Property(source, OptimizerStepProperty));
        var step = Property(source, RunStepProperty) + (since / updates);
        if (since < 0 || since % updates != 0 || step < 0 || step > config.Steps)
            throw new InputException($"{checkpoint} stands {since} updates after step {Property(source, RunStepProperty)}; "
                + $"the run makes {config.Steps} steps of {updates} updates. Save it at a whole step of the run.");
        return (int)step;
    }

    /// <summary>Writes the weights of an ORT checkpoint as a Hugging Face folder in float32.</summary>
    /// <param name="checkpoint">The file that the training API saved.</param>
    /// <param name="model">The Hugging Face folder that it was made from: architecture, frozen weights, tokenizer.</param>
    /// <param name="folder">Is made.</param>
    /// <exception cref="InputException">A checkpoint that is damaged or of another model, or a folder that exists.</exception>
    public static void Export(string checkpoint, string model, string folder)
    {
        using var source = OrtCheckpoint.Open(checkpoint);
        using var original = HuggingFaceCheckpoint.Open(model);
        if (source.Trainable.Keys.FirstOrDefault(name => name.EndsWith(AdapterSpec.UpSuffix, StringComparison.Ordinal)) is { } adapter)
            throw new InputException($"{checkpoint} holds adapters ('{adapter}'), no whole model, and not their scale. "
                + "Bring it back into its run with: g2rl ort-training import, and go on with --resume.");
        Check(source, original.Spec);
        var shapes = original.Spec.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        original.SaveAs(folder, Weight, SafeTensorsDtype.F32);

        ReadOnlySpan<float> Weight(string name)
        {
            if (source.Trainable.ContainsKey(name) || source.Frozen.ContainsKey(name))
                return source.Parameter(name);
            var frozen = new float[shapes[name].Count];
            original.ReadParameter(shapes[name], frozen);
            return frozen;
        }
    }

    /// <summary>What the artifacts are made from.</summary>
    /// <param name="policy">The architecture and the longest sequence.</param>
    /// <param name="config">Objective, optimizer, schedule.</param>
    /// <param name="scheduled">Whether the learning rate follows the schedule inside the optimizer model, or is the caller's.</param>
    /// <param name="trainable">Which parameters learn; null means all.</param>
    /// <param name="skipped">How far the schedule is ahead of the optimizer's steps.</param>
    internal static OrtTrainingOptions Options(
        Policy policy,
        RunConfig config,
        bool scheduled,
        Func<string, bool>? trainable = null,
        long skipped = 0)
    {
        Require(policy, config);
        var t = config.Training;
        var schedule = Schedules.Graph(t.Schedule, t.LearningRate, config.Steps * UpdatesPerStep(config));
        return new(
            PolicyLoss.Objective(PolicyLossSettings.Of(config.Algorithm)),
            policy.Positions,
            Optimizer(t.Optimizer, [.. policy.Trainable.Select(p => p.Name)]),
            !scheduled ? null : skipped == 0 ? schedule : (op, step) => schedule(op, op.Add(step, op.Int(skipped))),
            trainable);
    }

    /// <summary>Says why the training API cannot do what a configuration asks for; null when it can.</summary>
    internal static string? Fault(
        Policy policy,
        RunConfig config) => config.Training.Optimizer is { Kind: not OptimizerKind.AdamW } or { Moments: not MomentStorage.Float32 }
        ? $"training.optimizer.kind is {config.Training.Optimizer.Kind} with moments in {config.Training.Optimizer.Moments}; "
            + "ONNX Runtime's training API has AdamW with moments in float32. Set adamW and float32 for it."
        : policy.Spec.Storage != WeightStorage.Float32
        ? $"adapter.base is {policy.Spec.Storage}; the training artifacts hold frozen weights in float32. "
            + "Set adapter.base=float32 for them."
        : DecayFault(config.Training.Optimizer, [.. policy.Trainable.Select(p => p.Name)]);

    private static void Require(Policy policy, RunConfig config)
    {
        if (Fault(policy, config) is { } fault)
            throw new InputException(fault);
    }

    /// <summary>Our AdamW settings as the training runtime's attributes.</summary>
    /// <exception cref="InputException">Decay of some parameters only.</exception>
    internal static OrtOptimizer Optimizer(
        AdamWSettings settings,
        IReadOnlyList<string> parameters) => DecayFault(settings, parameters) is { } fault
        ? throw new InputException(fault)
        : new(
            settings.Beta1,
            settings.Beta2,
            settings.Epsilon,
            Excluded(settings, parameters) == parameters.Count ? 0 : settings.WeightDecay,
            settings.MaxGradientNorm);

    internal static void Write(string folder, Policy policy, OrtTrainingOptions options, OrtMoments? moments, int runStep = 0)
    {
        var weights = policy.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        OrtTrainingArtifacts.Write(
            folder,
            policy.Spec,
            options,
            name => weights[name].Buffer.Span,
            Content(policy, options, moments, runStep));
    }

    internal static OrtCheckpointContent Content(Policy policy, OrtTrainingOptions options, OrtMoments? moments, int runStep = 0) => new()
    {
        Trainable = [.. policy.Trainable.Where(p => options.Trainable?.Invoke(p.Name) != false)
            .Select(p => OrtTensor.Floats(p.Name, p.Shape, _ => p.Buffer.Span))],
        Moments = moments,
        Properties = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            [ConfigProperty] = policy.Spec.ToConfigJson(),
            [UpdatesProperty] = policy.Updates,
            [RunStepProperty] = (long)runStep,
            [OptimizerStepProperty] = moments?.Step ?? 0L,
        },
    };

    /// <summary>Moments of an optimizer as they stand.</summary>
    internal static OrtMoments MomentsOf(AdamW optimizer) => new(
        optimizer.Steps,
        [.. optimizer.FirstMoments.Select(p => OrtTensor.Floats(p.Name, p.Shape, _ => p.Buffer.Span))],
        [.. optimizer.SecondMoments.Select(p => OrtTensor.Floats(p.Name, p.Shape, _ => p.Buffer.Span))]);

    /// <summary>Copies the checkpoint's weights into a policy.</summary>
    internal static void Read(OrtCheckpoint source, Policy policy)
    {
        Check(source, policy.Spec);
        foreach (var parameter in policy.Parameters.Where(p => source.Trainable.ContainsKey(p.Name) || source.Frozen.ContainsKey(p.Name)))
            source.Parameter(parameter.Name).CopyTo(parameter.Buffer.Span);
        // A runtime that trained on has counted its steps and kept our properties.
        policy.Updates = Property(source, UpdatesProperty) + source.Step - Property(source, OptimizerStepProperty);
    }

    /// <summary>Writes the policy's weights and the checkpoint's moments (zero where it has none) as a run's checkpoint.</summary>
    internal static void SaveState(string folder, OrtCheckpoint source, Policy policy)
    {
        var zeros = new float[source.HasMoments && source.FirstMoments.Count == policy.Trainable.Count
            ? 0
            : policy.Trainable.Max(p => p.Buffer.Length)];
        var sizes = policy.Trainable.ToDictionary(p => p.Name, p => (int)p.Buffer.Length, StringComparer.Ordinal);
        WeightSource From(IReadOnlyDictionary<string, OrtTensorInfo> moments) =>
            name => moments.TryGetValue(name, out var moment) ? source.Floats(moment) : zeros.AsSpan(0, sizes[name]);
        TrainingState.Save(folder, policy, source.Step, From(source.FirstMoments), From(source.SecondMoments));
    }

    private static int UpdatesPerStep(RunConfig config) => config.Training.EpochsPerBatch * config.Training.MinibatchesPerBatch;

    private static long Property(OrtCheckpoint source, string name) => source.Properties.GetValueOrDefault(name) as long? ?? 0;

    private static string? DecayFault(AdamWSettings settings, IReadOnlyList<string> parameters)
    {
        var excluded = Excluded(settings, parameters);
        return settings.WeightDecay == 0 || excluded == 0 || excluded == parameters.Count
            ? null
            : $"training.optimizer.decayExclusions keeps {excluded} of {parameters.Count} parameters from decaying; "
                + "ONNX Runtime's training API decays every parameter or none. "
                + "Empty it, set training.optimizer.weightDecay to 0, or train with execution.gradients=graph.";
    }

    private static int Excluded(AdamWSettings settings, IEnumerable<string> parameters) =>
        parameters.Count(p => settings.DecayExclusions.Any(e => p.Contains(e, StringComparison.Ordinal)));

    private static void Check(OrtCheckpoint source, DecoderSpec spec)
    {
        var expected = spec.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var tensor in source.Trainable.Values.Concat(source.Frozen.Values))
        {
            if (!expected.TryGetValue(tensor.Name, out var parameter))
                throw new InputException($"{source.Path} holds '{tensor.Name}', which is no weight of {spec.Architecture} as its "
                    + "config.json describes it. The two do not belong together.");
            if (!tensor.Shape.AsSpan().SequenceEqual(parameter.Shape))
                throw new InputException($"{source.Path}: '{tensor.Name}' is [{string.Join(", ", tensor.Shape)}]; config.json implies "
                    + $"[{string.Join(", ", parameter.Shape)}] ({parameter.ShapeInWords}). The two do not belong together.");
        }
    }

    /// <summary>Moments in plain arrays, on their way from one format to the other.</summary>
    internal sealed class Moments
    {
        private readonly Dictionary<string, float[]> values;

        private Moments(Dictionary<string, float[]> values) => this.values = values;

        public static Moments Of(Policy policy) =>
            new(policy.Trainable.ToDictionary(p => p.Name, p => new float[p.Buffer.Length], StringComparer.Ordinal));

        public Span<float> Target(string name) => values[name];

        public OrtMoments With(long steps, Moments second, Policy policy) => new(
            steps,
            [.. policy.Trainable.Select(p => OrtTensor.Floats(p.Name, p.Shape, name => values[name]))],
            [.. policy.Trainable.Select(p => OrtTensor.Floats(p.Name, p.Shape, name => second.values[name]))]);
    }
}
