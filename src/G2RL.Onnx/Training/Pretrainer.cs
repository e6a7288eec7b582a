using System.Diagnostics;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Training;

/// <summary>One step of pretraining, for progress.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">Mean cross-entropy of the response tokens, nats.</param>
/// <param name="TokensPerSecond">Response tokens trained on per second.</param>
public readonly record struct PretrainProgress(int Step, double Loss, double TokensPerSecond);

/// <summary>Next-token training from scratch with the machinery of the main job: the same graphs, gradients and optimizer.</summary>
public static class Pretrainer
{
    /// <summary>Trains a model and writes it as a Hugging Face folder.</summary>
    /// <param name="config">The recipe.</param>
    /// <param name="output">Folder to be made; must not exist.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="progress">Called after every step.</param>
    /// <param name="cancel">Stops between steps; nothing is written.</param>
    /// <exception cref="InputException">The folder exists, or the recipe is impossible.</exception>
    /// <exception cref="NonFiniteException">Training diverged.</exception>
    public static void Run(PretrainConfig config, string output, int threads, Action<PretrainProgress>? progress = null, CancellationToken cancel = default)
    {
        if (Path.Exists(output))
            throw new InputException($"{output} exists; pretraining never overwrites a model. Choose another folder or remove it.");
        var problems = new Arithmetic(config.Arithmetic);
        var folder = Directory.CreateTempSubdirectory("g2rl-pretrain-").FullName;
        try
        {
            CharacterTokenizer.Write(folder, Arithmetic.Characters, contextLength: config.MaxPositions);
            var tokenizer = Tokenizer.Load(folder);
            var spec = config.Spec(tokenizer.VocabularySize, tokenizer.BosId!.Value, tokenizer.EosId!.Value, tokenizer.PadId!.Value);
            using var policy = Policy.Create(spec, config.MaxPositions, (parameter, weights) => Initialize(config, spec, parameter, weights));
            Train(config, problems, tokenizer, policy, threads, progress, cancel);
            var weights = policy.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
            HuggingFaceCheckpoint.Create(output, spec, name => weights[name].Buffer.Span, companions: Directory.EnumerateFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Train(PretrainConfig config, Arithmetic problems, Tokenizer tokenizer, Policy policy, int threads, Action<PretrainProgress>? progress, CancellationToken cancel)
    {
        using var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads);
        using var optimizer = new AdamW(policy.Parameters, gradients.Gradients, new AdamWSettings { Beta2 = 0.95, WeightDecay = config.WeightDecay, DecayExclusions = ["norm"] }, threads);
        var schedule = new ScheduleSettings { Kind = ScheduleKind.Cosine, WarmupSteps = config.WarmupSteps, FinalFraction = 0.1 };
        var corpus = Seeds.Derive(config.Seed, Seeds.Purpose.Examples);
        for (var step = 0; step < config.Steps; step++)
        {
            cancel.ThrowIfCancellationRequested();
            var started = Stopwatch.GetTimestamp();
            var sequences = new Sequence[config.ExamplesPerStep];
            for (var i = 0; i < sequences.Length; i++)
            {
                var (prompt, solution) = problems.Example(corpus, ((long)step * sequences.Length) + i);
                sequences[i] = new(tokenizer.Encode(prompt), [.. tokenizer.Encode(solution), tokenizer.EosId!.Value]);
                if (sequences[i].InputLength > config.MaxPositions)
                    throw new InputException($"An example has {sequences[i].InputLength} tokens; maxPositions is {config.MaxPositions}. Raise it, or make the expressions shorter.");
            }
            var tokens = sequences.Sum(s => s.Response.Length);
            gradients.Clear();
            var loss = 0d;
            foreach (var indices in SequenceBatch.Plan(sequences, config.TokensPerMicrobatch))
            {
                var micro = new Microbatch(new SequenceBatch([.. indices.Select(i => sequences[i])]));
                Array.Fill(micro.Weights, 1f / tokens);
                loss += gradients.Add(micro);
            }
            var norm = optimizer.GradientNorm();
            optimizer.Step(Schedules.LearningRate(schedule, config.LearningRate, step, config.Steps), norm);
            policy.Updates++;
            progress?.Invoke(new(step + 1, loss, tokens / Stopwatch.GetElapsedTime(started).TotalSeconds));
        }
    }

    // Norms 1; matrices normal with variance 1/in, those that write into the residual stream smaller by the square root of the number of writes.
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
        else if (parameter.Name.Contains("o_proj", StringComparison.Ordinal) || parameter.Name.Contains("down_proj", StringComparison.Ordinal))
            scale /= Math.Sqrt(2 * spec.Layers);
        foreach (ref var w in weights)
            w *= (float)scale;
    }
}
