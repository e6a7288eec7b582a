using System.Text.Json;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Configuration;

/// <summary>Everything that decides a run. One JSON file; every property has a default, so <c>{}</c> is the main job.</summary>
public sealed record RunConfig
{
    /// <summary>Last part of the run folder's name: letters, digits, '-', '_', '.'.</summary>
    public string Name { get; init; } = "run";

    /// <summary>Hugging Face folder of the model to be trained.</summary>
    public string Model { get; init; } = "models/arithmetic-base";

    /// <summary>Folder that receives run folders.</summary>
    public string Output { get; init; } = "runs";

    /// <summary>Seed of everything random.</summary>
    public ulong Seed { get; init; }

    /// <summary>Batches of rollouts, >= 1.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>What to train on.</summary>
    public ProblemsConfig Problems { get; init; } = new();

    /// <summary>How rollouts are drawn.</summary>
    public SamplingConfig Sampling { get; init; } = new();

    /// <summary>How rewards become a loss.</summary>
    public AlgorithmConfig Algorithm { get; init; } = new();

    /// <summary>How the loss changes the weights.</summary>
    public TrainingConfig Training { get; init; } = new();

    /// <summary>How progress is judged.</summary>
    public EvaluationConfig Evaluation { get; init; } = new();

    /// <summary>Where it runs.</summary>
    public ExecutionConfig Execution { get; init; } = new();

    /// <summary>What is written down.</summary>
    public LoggingConfig Logging { get; init; } = new();
}

/// <summary>What to train on.</summary>
public sealed record ProblemsConfig
{
    /// <summary>A name in <c>ProblemSets</c>: arithmetic, jsonl, countdown.</summary>
    public string Set { get; init; } = "arithmetic";

    /// <summary>The set's own settings.</summary>
    public JsonElement? Settings { get; init; }

    /// <summary>Whether prompts go through the model's own chat template (Qwen3's where a Qwen3 model brings none) with the system prompt that asks for \boxed{}.</summary>
    public bool Chat { get; init; }
}

/// <summary>How rollouts are drawn.</summary>
public sealed record SamplingConfig
{
    /// <summary>Prompts of a step, >= 1.</summary>
    public int PromptsPerStep { get; init; } = 16;

    /// <summary>Rollouts of a prompt, >= 2.</summary>
    public int GroupSize { get; init; } = 16;

    /// <summary>Longest prompt, tokens, >= 1.</summary>
    public int MaxPromptTokens { get; init; } = 64;

    /// <summary>Tokens after which a rollout is cut off, >= 1.</summary>
    public int MaxNewTokens { get; init; } = 80;

    /// <summary>Divides the logits before a token is drawn, > 0.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the k most probable tokens; 0 is off.</summary>
    public int TopK { get; init; }

    /// <summary>Only the smallest set with this mass; 1 is off.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only tokens at least this share as probable as the best; 0 is off.</summary>
    public double MinP { get; init; }

    /// <summary>Texts that end a rollout.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Tokens (as text) that end a rollout beside the model's own end tokens.</summary>
    public IReadOnlyList<string> StopTokens { get; init; } = [];

    /// <summary>Rollouts in flight at once.</summary>
    public int MaxRows { get; init; } = 256;

    /// <summary>Memory of the key/value cache, MiB.</summary>
    public int CacheBudgetMiB { get; init; } = 256;

    /// <summary>Rounds in which groups that are all right or all wrong are drawn anew from other problems (dynamic sampling), 0 to 100; 0 is off.</summary>
    public int ResampleRounds { get; init; }
}

/// <summary>What novelty is measured for.</summary>
public enum ShapingKind
{
    /// <summary>r + lambda nu_bar for either class: the paper's printed equation.</summary>
    Literal,

    /// <summary>r (1 + lambda (2 nu_bar - 1)): the paper's description.</summary>
    Prose,

    /// <summary>Literal with the novelties of a group permuted at random: the control.</summary>
    Shuffled,
}

/// <summary>What becomes of something: kept or masked out of the loss.</summary>
public enum KeepOrMask
{
    /// <summary>Trained on.</summary>
    Keep,

    /// <summary>Left out.</summary>
    Mask,
}

/// <summary>Where gradient features are accumulated.</summary>
public enum FeatureSource
{
    /// <summary>While sampling, from the logits at hand.</summary>
    Sampling,

    /// <summary>In the pass that computes the old log-probs.</summary>
    Scoring,
}

/// <summary>Whose novelties are compared when they are scaled.</summary>
public enum NoveltyScope
{
    /// <summary>All of a group's.</summary>
    Group,

    /// <summary>Those of right answers among themselves, and the rest among themselves.</summary>
    Class,
}

/// <summary>How much each token of a response counts in its gradient feature.</summary>
public enum TokenWeightKind
{
    /// <summary>Every token alike.</summary>
    Uniform,

    /// <summary>By the entropy of the distribution that it was drawn from: decisions count, formalities do not.</summary>
    Entropy,

    /// <summary>The last tokens alone.</summary>
    LastK,
}

/// <summary>How rewards become a loss.</summary>
public sealed record AlgorithmConfig
{
    /// <summary>A name in <c>AlgorithmTable</c>: grpo, entropy, clip-higher, passk, embedding, g2rl, g2rl-prose, g2rl-shuffled, g2rl-masked, g2rl-hidden.</summary>
    public string Name { get; init; } = "g2rl";

    /// <summary>How novelty shapes rewards; only for g2rl and its kin.</summary>
    public ShapingKind Shaping { get; init; } = ShapingKind.Literal;

    /// <summary>Strength of the shaping, >= 0; 0 equals grpo bit for bit.</summary>
    public double Lambda { get; init; } = 0.5;

    /// <summary>Shaped rewards are clipped to +- this, > 0.</summary>
    public double RewardClip { get; init; } = 3;

    /// <summary>Groups that are all right or all wrong.</summary>
    public KeepOrMask HomogeneousGroups { get; init; } = KeepOrMask.Keep;

    /// <summary>Rollouts that the length limit cut off.</summary>
    public KeepOrMask Truncated { get; init; } = KeepOrMask.Keep;

    /// <summary>The ratio is clipped below at 1 - this, in [0, 1).</summary>
    public double ClipLow { get; init; } = 0.2;

    /// <summary>The ratio is clipped above at 1 + this, >= 0; null is the algorithm's: 0.28 of clip-higher, 0.2 of all others.</summary>
    public double? ClipHigh { get; init; }

    /// <summary>Weight of the divergence from the model as it came in, >= 0; 0 needs no reference model.</summary>
    public double KlCoefficient { get; init; } = 0.001;

    /// <summary>Weight of the entropy bonus, >= 0; null is the algorithm's: 0.003 of entropy, 0 of all others.</summary>
    public double? EntropyCoefficient { get; init; }

    /// <summary>Added to a group's reward variance, > 0.</summary>
    public double AdvantageEpsilon { get; init; } = 1e-6;

    /// <summary>Where gradient features are accumulated; token weights other than uniform ones always take the scoring pass.</summary>
    public FeatureSource Features { get; init; } = FeatureSource.Sampling;

    /// <summary>Whose conventions hold where the settings below say "profile": paper, verl, trl, openrlhf.</summary>
    public string Profile { get; init; } = "paper";

    /// <summary>Rewards to advantages: a name in <c>AdvantageTable</c>, or the profile's.</summary>
    public string Advantage { get; init; } = "profile";

    /// <summary>Loss of a token: a name in <c>LossTable</c>, or the profile's.</summary>
    public string Loss { get; init; } = "profile";

    /// <summary>Losses of tokens to one number: a name in <c>Aggregations</c>, or the profile's. Lengths that are constants are sampling.maxNewTokens.</summary>
    public string Aggregation { get; init; } = "profile";

    /// <summary>Estimator of the divergence from the model as it came in: a name in <c>KlEstimators</c>, or the profile's.</summary>
    public string Kl { get; init; } = "profile";

    /// <summary>Where the advantage is negative the loss is at most its size times this, above 1; 0 is off, null the profile's.</summary>
    public double? DualClip { get; init; }

    /// <summary>Among whom novelty is scaled to [0, 1]; only for g2rl and its kin.</summary>
    public NoveltyScope NoveltyWithin { get; init; } = NoveltyScope.Group;

    /// <summary>Weight of each token in a gradient feature.</summary>
    public TokenWeightKind TokenWeights { get; init; } = TokenWeightKind.Uniform;

    /// <summary>Tokens that count with tokenWeights lastK, >= 1.</summary>
    public int LastTokens { get; init; } = 16;

    /// <summary>ONNX file of a sentence model, its tokenizer.json beside it, for embedding; empty takes the policy's own mean hidden state.</summary>
    public string Embedder { get; init; } = "";

    /// <summary>Rollouts of a set that is right when one of them is, 1 to groupSize; only for passk.</summary>
    public int PassAtK { get; init; } = 4;

    /// <summary>What is made of a sampler whose log-probs are not the trainer's.</summary>
    public CorrectionConfig Correction { get; init; } = new();

    /// <summary>Overlong shaping.</summary>
    public OverlongConfig Overlong { get; init; } = new();

    /// <summary>The ratio is at most this before the clipped loss takes its minimum, above 1; 0 is off. Only for loss clipped, in place of the dual clip.</summary>
    public double RatioLimit { get; init; }

    /// <summary>Whether the divergence is multiplied by the ratio to the old policy, which makes its gradient unbiased off-policy.</summary>
    public bool KlOverRatio { get; init; }

    /// <summary>Temperature of the gate where the advantage is positive, > 0; only for loss sapo.</summary>
    public double TauPositive { get; init; } = 1;

    /// <summary>Temperature of the gate elsewhere, > 0; only for loss sapo.</summary>
    public double TauNegative { get; init; } = 1.05;

    /// <summary>Weight of the pull towards the old policy, >= 0; only for losses dro and kl-cov.</summary>
    public double Penalty { get; init; } = 0.1;
}

/// <summary>How the loss changes the weights.</summary>
public sealed record TrainingConfig
{
    /// <summary>Passes over a batch of rollouts, >= 1.</summary>
    public int EpochsPerBatch { get; init; } = 1;

    /// <summary>Optimizer steps of a pass, 1 to promptsPerStep; groups are never split.</summary>
    public int MinibatchesPerBatch { get; init; } = 1;

    /// <summary>Padded tokens that one run of the train graph holds; must not change results beyond rounding.</summary>
    public int TokensPerMicrobatch { get; init; } = 1024;

    /// <summary>Peak learning rate, > 0.</summary>
    public double LearningRate { get; init; } = 2e-4;

    /// <summary>AdamW.</summary>
    public AdamWSettings Optimizer { get; init; } = new();

    /// <summary>The course of the learning rate.</summary>
    public ScheduleSettings Schedule { get; init; } = new();

    /// <summary>Steps between checkpoints, >= 1; the last step always makes one.</summary>
    public int CheckpointEvery { get; init; } = 20;

    /// <summary>Checkpoints kept, >= 1.</summary>
    public int KeepCheckpoints { get; init; } = 2;
}

/// <summary>How progress is judged.</summary>
public sealed record EvaluationConfig
{
    /// <summary>Steps between evaluations; 0 evaluates before and after only.</summary>
    public int Every { get; init; }

    /// <summary>Held-out problems, >= 1.</summary>
    public int Problems { get; init; } = 500;

    /// <summary>Samples of each, >= 1.</summary>
    public int Samples { get; init; } = 8;

    /// <summary>Divides the logits before a token is drawn, > 0.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the smallest set with this mass; 1 is off.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Seed of the evaluation's samples; the same for every run, so that runs are compared on equal terms.</summary>
    public ulong Seed { get; init; } = 20240229;
}

/// <summary>Where it runs.</summary>
public sealed record ExecutionConfig
{
    /// <summary>Who computes: cpu, or cuda:N for the GPU of that index (needs the cuda flavour).</summary>
    public string Device { get; init; } = Onnx.Execution.CpuBackend.Device;

    /// <summary>Type of products on a GPU: float32, float16 or bfloat16; master weights, gradients and moments stay in float32.</summary>
    public string Precision { get; init; } = "float32";

    /// <summary>Threads; 0 means every core.</summary>
    public int Threads { get; init; }

    /// <summary>Who computes gradients and updates weights: graph (our train graph on stock ONNX Runtime) or ortTraining (its training API; needs the training flavour).</summary>
    public string Gradients { get; init; } = "graph";
}

/// <summary>What is written down.</summary>
public sealed record LoggingConfig
{
    /// <summary>Steps between logged batches of rollouts; 0 logs none.</summary>
    public int RolloutsEvery { get; init; } = 10;
}
