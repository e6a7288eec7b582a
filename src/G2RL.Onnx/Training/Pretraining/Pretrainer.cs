using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Checkpointing;

namespace G2RL.Onnx.Training.Pretraining;

/// <summary>One step of pretraining, for progress.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">Mean cross-entropy of the response tokens, nats.</param>
/// <param name="TokensPerSecond">Response tokens trained on per second.</param>
/// <param name="HeldOutLoss">Mean cross-entropy of the held-out response tokens, nats; null where it was not measured.</param>
public readonly record struct PretrainProgress(int Step, double Loss, double TokensPerSecond, double? HeldOutLoss = null);

/// <summary>
/// Next-token training from scratch with the machinery of the main job: the same graphs, gradients, optimizer and checkpoints. While at
/// work it keeps its checkpoints in a folder beside the output; it goes on from there bit for bit, and removes the folder when the model is
/// written.
/// </summary>
public static class Pretrainer
{
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
        using (var held = Open(work, config.ToJson(), resume))
            Run(config, output, new CheckpointStore(Path.Combine(work, "checkpoints"), keep: 1), threads, progress, cancel);
        Directory.Delete(work, recursive: true);
    }

    /// <summary>Where an unfinished run keeps its checkpoints.</summary>
    public static string WorkFolder(string output) => Path.TrimEndingDirectorySeparator(output) + ".pretraining";

    /// <summary>Holds the folder of an unfinished training, which is of one recipe.</summary>
    /// <exception cref="InputException">There is one already (or, to resume, none), it is of another recipe, or it cannot be
    /// written.</exception>
    internal static FolderLock Open(string work, string recipeText, bool resume)
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
                DurableFile.Write(recipe, recipeText);
            else if (File.ReadAllText(recipe) != recipeText)
            {
                held.Dispose();
                throw new InputException($"{work} was begun with another recipe or other data ({recipe}). "
                    + "Resume with that one, or remove the folder.");
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
        var corpus = Seeds.Derive(config.Seed, Seeds.Purpose.Examples);
        using var training = new NextTokenTraining(policy, checkpoints, threads, new()
        {
            Steps = config.Steps,
            LearningRate = config.LearningRate,
            WarmupSteps = config.WarmupSteps,
            WeightDecay = config.WeightDecay,
            TokensPerMicrobatch = config.TokensPerMicrobatch,
        });
        training.Run(Examples, progress, cancel);

        Sequence[] Examples(int step)
        {
            var sequences = new Sequence[config.ExamplesPerStep];
            for (var i = 0; i < sequences.Length; i++)
            {
                var (prompt, solution) = problems.Example(corpus, ((long)step * sequences.Length) + i);
                sequences[i] = new(tokenizer.Encode(prompt), [.. tokenizer.Encode(solution), tokenizer.EosId!.Value]);
                if (sequences[i].InputLength > config.MaxPositions)
                    throw new InputException($"An example has {sequences[i].InputLength} tokens; maxPositions is {config.MaxPositions}. "
                        + "Raise it, or make the problems smaller.");
            }
            return sequences;
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
