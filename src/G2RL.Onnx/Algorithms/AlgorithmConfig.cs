using G2RL.Onnx.Algorithms.Corrections;

namespace G2RL.Onnx.Algorithms;

/// <summary>How rewards become a loss.</summary>
public sealed record AlgorithmConfig
{
    /// <summary>
    /// A name in <c>AlgorithmTable</c>: grpo, entropy, clip-higher, maxrl, passk, remax, otb, gar, embedding, g2rl, g2rl-prose,
    /// g2rl-shuffled, g2rl-masked, g2rl-hidden.
    /// </summary>
    public string Name { get; init; } = "g2rl";

    /// <summary>How novelty shapes rewards; only for g2rl and its kin.</summary>
    public ShapingKind Shaping { get; init; } = ShapingKind.Literal;

    /// <summary>Strength of the shaping, >= 0; 0 equals grpo bit for bit.</summary>
    public double Lambda { get; init; } = 0.5;

    /// <summary>
    /// Steps that shape rewards, >= 0; from then on lambda is 0. Null shapes to the end; only for g2rl and its kin.
    /// </summary>
    public int? StopAfter { get; init; }

    /// <summary>Shaped rewards are clipped to +- this, > 0.</summary>
    public double RewardClip { get; init; } = 3;

    /// <summary>Groups that are all right or all wrong: kept, left out of the loss, or left out where all are wrong.</summary>
    public HomogeneousKind HomogeneousGroups { get; init; } = HomogeneousKind.Keep;

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

    /// <summary>
    /// Losses of tokens to one number: a name in <c>Aggregations</c>, or the profile's. Lengths that are constants are
    /// sampling.maxNewTokens.
    /// </summary>
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

    /// <summary>
    /// ONNX file of a sentence model, its tokenizer.json beside it, for embedding; empty takes the policy's own mean hidden state.
    /// </summary>
    public string Embedder { get; init; } = "";

    /// <summary>Rollouts of a set that is right when one of them is, 1 to groupSize; only for passk.</summary>
    public int PassAtK { get; init; } = 4;

    /// <summary>What is made of a sampler whose log-probs are not the trainer's.</summary>
    public CorrectionConfig Correction { get; init; } = new();

    /// <summary>Overlong shaping.</summary>
    public OverlongConfig Overlong { get; init; } = new();

    /// <summary>
    /// The ratio is at most this before the clipped loss takes its minimum, above 1; 0 is off. Only for loss clipped, in place of the dual
    /// clip.
    /// </summary>
    public double RatioLimit { get; init; }

    /// <summary>
    /// Whether the divergence is multiplied by the ratio to the old policy, which makes its gradient unbiased off-policy.
    /// </summary>
    public bool KlOverRatio { get; init; }

    /// <summary>Temperature of the gate where the advantage is positive, > 0; only for loss sapo.</summary>
    public double TauPositive { get; init; } = 1;

    /// <summary>Temperature of the gate elsewhere, > 0; only for loss sapo.</summary>
    public double TauNegative { get; init; } = 1.05;

    /// <summary>Weight of the pull towards the old policy, >= 0; only for losses dro and kl-cov.</summary>
    public double Penalty { get; init; } = 0.1;

    /// <summary>
    /// Share of a mini-batch's tokens that is chosen by the covariance of log-prob and advantage, at least one, in (0, 1]; only for losses
    /// clip-cov and kl-cov.
    /// </summary>
    public double CovarianceShare { get; init; } = 0.0002;

    /// <summary>Tokens with a covariance above this may be chosen; only for loss clip-cov.</summary>
    public double CovarianceLow { get; init; } = 1;

    /// <summary>Tokens with a covariance below this may be chosen; only for loss clip-cov.</summary>
    public double CovarianceHigh { get; init; } = 5;

    /// <summary>Weight of the alignment with the expert's solution, >= 0; only for gar.</summary>
    public double AlignmentWeight { get; init; } = 0.5;

    /// <summary>An entropy bonus that keeps the entropy near a target.</summary>
    public AdaptiveEntropyConfig AdaptiveEntropy { get; init; } = new();

    /// <summary>The settings that hold at a step: without shaping from <see cref="StopAfter"/> on.</summary>
    internal AlgorithmConfig At(int step) => step >= StopAfter ? this with { Lambda = 0 } : this;
}
