using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Configuration;

/// <summary>Everything that decides a run. One JSON file; every property has a default, so <c>{}</c> is the main job.</summary>
public sealed record RunConfig
{
    /// <summary>Last part of the run folder's name: letters, digits, '-', '_', '.'.</summary>
    public string Name { get; init; } = "run";

    /// <summary>
    /// Hugging Face folder of the model to be trained, or a .gguf file, which is written as a folder once, into G2RL_CACHE or the user's
    /// cache.
    /// </summary>
    public string Model { get; init; } = "models/arithmetic-base";

    /// <summary>
    /// Whether keys of the model's config.json that nobody here knows are passed over instead of refused: the user's word that they change
    /// nothing.
    /// </summary>
    public bool AllowUnknownConfig { get; init; }

    /// <summary>Folder that receives run folders.</summary>
    public string Output { get; init; } = "runs";

    /// <summary>Seed of everything random.</summary>
    public ulong Seed { get; init; }

    /// <summary>Batches of rollouts, >= 1.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>What to train on.</summary>
    public ProblemsConfig Problems { get; init; } = new();

    /// <summary>What responses are worth: a list of rewards, each an object with its name in <c>RewardTable</c> and settings of its own;
    /// docs/rewards.md has them.</summary>
    public IReadOnlyList<RewardConfig> Rewards { get; init; } = [new CheckerConfig()];

    /// <summary>How rollouts are drawn.</summary>
    public SamplingConfig Sampling { get; init; } = new();

    /// <summary>How rewards become a loss.</summary>
    public AlgorithmConfig Algorithm { get; init; } = new();

    /// <summary>What learns: the weights, or adapters beside them.</summary>
    public AdapterConfig Adapter { get; init; } = new();

    /// <summary>How the loss changes the weights.</summary>
    public TrainingConfig Training { get; init; } = new();

    /// <summary>How progress is judged.</summary>
    public EvaluationConfig Evaluation { get; init; } = new();

    /// <summary>Where it runs.</summary>
    public ExecutionConfig Execution { get; init; } = new();

    /// <summary>Who else computes.</summary>
    public DistributionConfig Distribution { get; init; } = new();

    /// <summary>What is written down.</summary>
    public LoggingConfig Logging { get; init; } = new();
}
