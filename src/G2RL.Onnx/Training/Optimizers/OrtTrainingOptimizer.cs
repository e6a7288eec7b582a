using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>
/// The update by ONNX Runtime's training API: our artifacts, its accumulators, its AdamW. Weights live in its session; after each update
/// they are copied back for the sampler. Needs the training flavour of this project.
/// </summary>
/// <remarks>
/// Compiled in every flavour. Its artifacts and its order of calls are proven in the training runtime for JavaScript; this class itself has
/// not run, for want of the native package.
/// </remarks>
internal sealed class OrtTrainingOptimizer : IPolicyOptimizer
{
    private readonly Policy policy;
    private readonly OrtTrainingOptions options;
    private readonly SessionOptions sessionOptions;
    private readonly string work;
    private readonly float[] inverseTemperature;
    private readonly RunOptions runOptions = new();
    private CheckpointState? state;
    private TrainingSession? session;
    private double norm;
    private int added;
    private int opened;

    /// <summary>Writes the artifacts into a temporary folder and opens a training session on them.</summary>
    /// <exception cref="InputException">A setting that the training API cannot express.</exception>
    public OrtTrainingOptimizer(Policy policy, RunConfig config, int threads)
    {
        this.policy = policy;
        inverseTemperature = [(float)(1 / config.Sampling.Temperature)];
        // The learning rate comes from the caller: mini-batches without tokens are no steps of the runtime, yet count in the schedule.
        options = OrtTraining.Options(policy, config, scheduled: false);
        sessionOptions = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        sessionOptions.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        // Weights change under the session.
        sessionOptions.AddSessionConfigEntry("session.disable_prepacking", "1");
        work = Directory.CreateTempSubdirectory("g2rl-ort-training-").FullName;
        OrtTraining.Write(work, policy, options, moments: null);
        Open(Path.Combine(work, OrtTrainingArtifacts.Checkpoint));
    }

    public bool Packs => false;

    public void Clear()
    {
        Session.LazyResetGrad();
        (norm, added) = (0, 0);
    }

    public double Add(Microbatch micro)
    {
        var (batch, count) = (micro.Batch, (long)micro.Batch.Targets.Length);
        long[] rows = [batch.Rows, batch.Width];
        var names = Session.InputNames(true);
        var inputs = names.Select(name => name switch
        {
            "input_ids" => OrtValue.CreateTensorValueFromMemory(batch.InputIds, rows),
            "attention_mask" => OrtValue.CreateTensorValueFromMemory(batch.Mask, rows),
            "position_ids" => OrtValue.CreateTensorValueFromMemory(batch.Positions, rows),
            "rows" => OrtValue.CreateTensorValueFromMemory(batch.Scored, [count]),
            "targets" => OrtValue.CreateTensorValueFromMemory(batch.Targets, [count]),
            "inverse_temperature" => OrtValue.CreateTensorValueFromMemory(inverseTemperature, []),
            _ when micro.Inputs.FirstOrDefault(i => i.Name == name).Values is { } values =>
                OrtValue.CreateTensorValueFromMemory(values, [count]),
            _ => throw new InvalidOperationException($"The training model asks for '{name}'."),
        }).ToArray();
        try
        {
            using var outputs = Session.TrainStep(inputs);
            var order = Session.OutputNames(true);
            ReadOnlySpan<float> Output(string name) => outputs[order.IndexOf(name)].GetTensorDataAsSpan<float>();
            Output("log_probs").CopyTo(micro.LogProbs);
            Output("entropy").CopyTo(micro.Entropies);
            norm += Output(OrtTrainingArtifacts.GradientNorm)[0];
            added++;
            return Output("loss")[0];
        }
        finally
        {
            foreach (var input in inputs)
                input.Dispose();
        }
    }

    // Of several micro-batches only the sum of the norms is known: a bound that is finite exactly when every gradient is.
    public double? GradientNorm() => double.IsFinite(norm)
        ? added == 1 ? norm : null
        : throw new NonFiniteException("The gradient of a micro-batch is not finite.");

    public void Step(double learningRate)
    {
        Session.SetLearningRate((float)learningRate);
        Session.OptimizerStep(runOptions);
        // In the order of the training model's inputs, which is the policy's.
        using var buffer = Session.ToBuffer(true);
        var all = buffer.GetTensorDataAsSpan<float>();
        foreach (var parameter in policy.Trainable)
        {
            all[..(int)parameter.Buffer.Length].CopyTo(parameter.Buffer.Span);
            all = all[(int)parameter.Buffer.Length..];
        }
    }

    public void Save(string folder)
    {
        var path = Path.Combine(work, $"saved-{opened++}");
        CheckpointState.SaveCheckpoint(state!, path, includeOptimizerState: true);
        using (var saved = OrtCheckpoint.Open(path))
            OrtTraining.SaveState(folder, saved, policy);
        File.Delete(path);
        File.Delete(OrtCheckpointWriter.DataFile(path));
    }

    public void Load(string folder)
    {
        var (first, second) = (OrtTraining.Moments.Of(policy), OrtTraining.Moments.Of(policy));
        var steps = TrainingState.Load(folder, policy, first.Target, second.Target);
        var path = Path.Combine(work, $"resumed-{opened++}");
        OrtCheckpointWriter.Write(path, OrtTraining.Content(policy, options, first.With(steps, second, policy)));
        Open(path);
    }

    public void Dispose()
    {
        Close();
        sessionOptions.Dispose();
        runOptions.Dispose();
        Directory.Delete(work, recursive: true);
    }

    private TrainingSession Session => session ?? throw new ObjectDisposedException(nameof(OrtTrainingOptimizer));

    private void Open(string checkpoint)
    {
        Close();
        state = CheckpointState.LoadCheckpoint(checkpoint);
        session = new TrainingSession(
            sessionOptions,
            state,
            Path.Combine(work, OrtTrainingArtifacts.TrainingModel),
            Path.Combine(work, OrtTrainingArtifacts.EvaluationModel),
            Path.Combine(work, OrtTrainingArtifacts.OptimizerModel));
    }

    private void Close()
    {
        session?.Dispose();
        state?.Dispose();
        (session, state) = (null, null);
    }
}
