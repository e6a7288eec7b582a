using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Training;

/// <summary>
/// What a configuration says of the model: its checkpoint, tokenizer, weights with their adapters, and how rollouts are drawn from it.
/// Enough to draw, score and compute gradients; problems and rewards are <see cref="RunInputs"/>'s.
/// </summary>
internal sealed class RunModel : IDisposable
{
    private readonly RunConfig config;
    private readonly List<string> notes = [];
    private Policy? policy;

    /// <summary>Opens it; the weights are read when they are first asked for.</summary>
    /// <param name="config">The configuration; its ranges are taken for checked.</param>
    /// <exception cref="InputException">A fault in the checkpoint, the tokenizer or the adapters, more positions than the model has, or a
    /// stop token that the tokenizer lacks.</exception>
    public RunModel(RunConfig config)
    {
        this.config = config;
        Threads = config.Execution.Threads > 0 ? config.Execution.Threads : Environment.ProcessorCount;
        Checkpoint = HuggingFaceCheckpoint.Open(config.Model, config.AllowUnknownConfig);
        try
        {
            var (limit, positions) = (Checkpoint.Spec.MaxPositions, config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens);
            if (positions > limit)
                throw new InputException($"sampling.maxPromptTokens {config.Sampling.MaxPromptTokens} + sampling.maxNewTokens "
                    + $"{config.Sampling.MaxNewTokens} = {positions}; {config.Model} has {limit} positions (max_position_embeddings). "
                    + "Lower one of them.");
            DeviceKernels.Require(config.Execution, Checkpoint.Spec);
            Tokenizer = Tokenizer.Load(config.Model);
            if (GgufCache.Note(config.Model) is { } quantised)
                notes.Add(quantised);
            TokenizerFit.Require(Tokenizer, Checkpoint.Spec.VocabularySize, config.Model, notes.Add);
            StopTokens = [.. Checkpoint.GenerationEosTokens(), .. config.Sampling.StopTokens.Select(StopToken)];
        }
        catch
        {
            Checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Threads, >= 1.</summary>
    public int Threads { get; }

    /// <summary>The Hugging Face folder.</summary>
    public HuggingFaceCheckpoint Checkpoint { get; }

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>What is odd about model and tokenizer, and not impossible.</summary>
    public IReadOnlyList<string> Notes => notes;

    /// <summary>Ids that end a rollout.</summary>
    public IReadOnlyList<int> StopTokens { get; }

    /// <summary>The weights, adapters included.</summary>
    /// <exception cref="InputException">Weights or adapters that cannot be read or do not fit the model.</exception>
    public Policy Policy => policy ??=
        RunAdapter.Load(config, Checkpoint.Spec, config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens);

    /// <summary>How training draws.</summary>
    public SamplerSettings TrainingSampler() =>
        Settings(config.Sampling.Temperature, config.Sampling.TopK, config.Sampling.TopP, config.Sampling.MinP) with
        {
            // A step draws no more, so no cache is kept for more.
            MaxRows = Math.Min(config.Sampling.MaxRows, config.Sampling.PromptsPerStep * config.Sampling.GroupSize),
            CacheType = config.Sampling.CacheType,
        };

    /// <summary>How the greedy responses of training are drawn.</summary>
    public SamplerSettings GreedySampler() => Settings(config.Sampling.Temperature, topK: 0, topP: 1, minP: 0, greedy: true) with
    {
        MaxRows = Math.Min(config.Sampling.MaxRows, config.Sampling.PromptsPerStep),
        CacheType = config.Sampling.CacheType,
    };

    /// <summary>How evaluations draw.</summary>
    public SamplerSettings EvaluationSampler() => config.Evaluation.TakesTheBest
        ? Settings(temperature: 1, topK: 0, topP: 1, minP: 0, greedy: true)
        : Settings(config.Evaluation.Temperature, topK: 0, config.Evaluation.TopP, minP: 0);

    /// <inheritdoc/>
    public void Dispose()
    {
        policy?.Dispose();
        Checkpoint.Dispose();
    }

    private SamplerSettings Settings(double temperature, int topK, double topP, double minP, bool greedy = false) => new()
    {
        Sampling = new SamplingSettings { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Greedy = greedy },
        MaxNewTokens = config.Sampling.MaxNewTokens,
        StopTokens = StopTokens,
        StopStrings = config.Sampling.StopStrings,
        MaxRows = config.Sampling.MaxRows,
        CacheBudgetBytes = (long)config.Sampling.CacheBudgetMiB << 20,
        Threads = Threads,
        Kernels = config.Execution.Kernels,
    };

    private int StopToken(string text) => Tokenizer.IdOf(text)
        ?? throw new InputException($"sampling.stopTokens names '{text}', which the tokenizer of {config.Model} does not have. "
            + "Use a token's exact text, or sampling.stopStrings.");
}
