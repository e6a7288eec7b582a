using System.Diagnostics;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Training.Pretraining;

/// <summary>One step of pretraining, for progress.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">Mean cross-entropy of the response tokens, nats.</param>
/// <param name="TokensPerSecond">Response tokens trained on per second.</param>
public readonly record struct PretrainProgress(int Step, double Loss, double TokensPerSecond);

/// <summary>
/// Next-token training from scratch with the machinery of the main job: the same graphs, gradients, optimizer and checkpoints. While at
/// work it keeps its checkpoints in a folder beside the output; it goes on from there bit for bit, and removes the folder when the model is
/// written.
/// </summary>
public static class Pretrainer
{
    private const int CheckpointEvery = 200;

    /// <summary>Trains a model and writes it as a Hugging Face folder.</summary>
    /// <param name="config">The recipe.</param>
    /// <param name="output">Folder to be made; must not exist.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="progress">Called after every step.</param>
    /// <param name="resume">Goes on with an interrupted run of the same recipe and output.</param>
    /// <param name="cancel">Stops between steps, saves, and throws <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InputException">The folder exists, there is an interrupted run (or, to resume, none), the recipe is impossible, or
    /// the disk is full.</exception>
    /// <exception cref="NonFiniteException">Training diverged.</exception>
    public static void Run(
        PretrainConfig config,
        string output,
        int threads,
        Action<PretrainProgress>? progress = null,
        bool resume = false,
        CancellationToken cancel = default)
    {
        if (Path.Exists(output))
            throw new InputException($"{output} exists; pretraining never overwrites a model. Choose another folder or remove it.");
        var work = WorkFolder(output);
        using (var held = Open(work, config, resume))
            Run(config, output, new CheckpointStore(Path.Combine(work, "checkpoints"), keep: 1), threads, progress, cancel);
        Directory.Delete(work, recursive: true);
    }

    /// <summary>Where an unfinished run keeps its checkpoints.</summary>
    public static string WorkFolder(string output) => Path.TrimEndingDirectorySeparator(output) + ".pretraining";

    private static FolderLock Open(string work, PretrainConfig config, bool resume)
    {
        var recipe = Path.Combine(work, "recipe.json");
        try
        {
            if (!resume && File.Exists(recipe))
                throw new InputException($"{work} holds an interrupted pretraining. Go on with it by --resume, or remove the folder.");
            if (resume && !File.Exists(recipe))
                throw new InputException($"{work} does not exist: there is no interrupted pretraining to resume. Leave out --resume.");
            Directory.CreateDirectory(work);
            var held = FolderLock.Take(work);
            if (!resume)
                DurableFile.Write(recipe, config.ToJson());
            else if (File.ReadAllText(recipe) != config.ToJson())
            {
                held.Dispose();
                throw new InputException($"{work} was begun with another recipe ({recipe}). Resume with that one, or remove the folder.");
            }
            return held;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{work} cannot be written: {e.Message} Choose another --output.", e);
        }
    }

    private static void Run(
        PretrainConfig config,
        string output,
        CheckpointStore checkpoints,
        int threads,
        Action<PretrainProgress>? progress,
        CancellationToken cancel)
    {
        var problems = config.Problems();
        var folder = Directory.CreateTempSubdirectory("g2rl-pretrain-").FullName;
        try
        {
            CharacterTokenizer.Write(folder, problems.Characters, contextLength: config.MaxPositions);
            var tokenizer = Tokenizer.Load(folder);
            var spec = config.Spec(tokenizer.VocabularySize, tokenizer.BosId!.Value, tokenizer.EosId!.Value, tokenizer.PadId!.Value);
            spec.Validate("the recipe");
            using var policy = Policy.Create(
                spec,
                config.MaxPositions,
                (parameter, weights) => Initialize(config, spec, parameter, weights));
            Train(config, problems, tokenizer, policy, checkpoints, threads, progress, cancel);
            var weights = policy.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
            HuggingFaceCheckpoint.Create(output, spec, name => weights[name].Buffer.Span, companions: Directory.EnumerateFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Train(
        PretrainConfig config,
        ICorpus problems,
        Tokenizer tokenizer,
        Policy policy,
        CheckpointStore checkpoints,
        int threads,
        Action<PretrainProgress>? progress,
        CancellationToken cancel)
    {
        var memory = MemoryChoice.Training(policy.Spec, config.TokensPerMicrobatch, policy.Positions, recompute: false);
        using var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads, memory);
        using var optimizer = new AdamW(
            policy.Trainable,
            gradients.Gradients,
            new AdamWSettings { Beta2 = 0.95, WeightDecay = config.WeightDecay, DecayExclusions = ["norm"] },
            threads);
        var schedule = new ScheduleSettings { Kind = ScheduleKind.Cosine, WarmupSteps = config.WarmupSteps, FinalFraction = 0.1 };
        var corpus = Seeds.Derive(config.Seed, Seeds.Purpose.Examples);
        void Save(int steps) =>
            checkpoints.Save(steps, TrainingState.Bytes(policy), folder => TrainingState.Save(folder, policy, optimizer));
        checkpoints.RemoveLeftovers();
        var (first, saved) = (0, 0);
        if (checkpoints.Latest() is { } latest)
        {
            TrainingState.Load(latest.Folder, policy, optimizer);
            first = saved = latest.Step;
        }
        for (var step = first; step < config.Steps; step++)
        {
            if (cancel.IsCancellationRequested)
            {
                if (step > saved)
                    Save(step);
                cancel.ThrowIfCancellationRequested();
            }
            var started = Stopwatch.GetTimestamp();
            var sequences = new Sequence[config.ExamplesPerStep];
            for (var i = 0; i < sequences.Length; i++)
            {
                var (prompt, solution) = problems.Example(corpus, ((long)step * sequences.Length) + i);
                sequences[i] = new(tokenizer.Encode(prompt), [.. tokenizer.Encode(solution), tokenizer.EosId!.Value]);
                if (sequences[i].InputLength > config.MaxPositions)
                    throw new InputException($"An example has {sequences[i].InputLength} tokens; maxPositions is {config.MaxPositions}. "
                        + "Raise it, or make the problems smaller.");
            }
            var tokens = sequences.Sum(s => s.Response.Length);
            gradients.Clear();
            Microbatch[] micros = [.. SequenceBatch.Plan(sequences, config.TokensPerMicrobatch)
                .Select(indices => new Microbatch(new SequenceBatch([.. indices.Select(i => sequences[i])])))];
            foreach (var micro in micros)
                Array.Fill(micro.Weights, 1f / tokens);
            var loss = gradients.Add(micros);
            optimizer.Step(Schedules.LearningRate(schedule, config.LearningRate, step, config.Steps), Norm(optimizer, step));
            policy.Updates++;
            if ((step + 1) % CheckpointEvery == 0)
                Save(saved = step + 1);
            progress?.Invoke(new(step + 1, loss, tokens / Stopwatch.GetElapsedTime(started).TotalSeconds));
        }
    }

    private static double Norm(AdamW optimizer, int step)
    {
        try
        {
            return optimizer.GradientNorm();
        }
        catch (NonFiniteException e)
        {
            throw new NonFiniteException($"Step {step}: {e.Message} Lower learningRate, or lengthen warmupSteps.", e);
        }
    }

    // Norms 1; matrices normal with variance 1/in, those that write into the residual stream smaller by the square root of the number of
    // writes.
    private static void Initialize(PretrainConfig config, DecoderSpec spec, ParameterSpec parameter, Span<float> weights)
    {
        if (parameter.Shape.Length == 1)
        {
            weights.Fill(1);
            return;
        }
        var index = spec.Parameters.Select(p => p.Name).ToList().IndexOf(parameter.Name);
        Seeds.Normal(Seeds.Derive(config.Seed, Seeds.Purpose.Weights), index, weights);
        var scale = Math.Sqrt(1.0 / parameter.Shape[1]);
        if (parameter.Name.Contains("embed_tokens", StringComparison.Ordinal))
            scale = 0.05;
        else if (parameter.Name.Contains("o_proj", StringComparison.Ordinal)
            || parameter.Name.Contains("down_proj", StringComparison.Ordinal))
            scale /= Math.Sqrt(2 * spec.Layers);
        foreach (ref var w in weights)
            w *= (float)scale;
    }
}
