namespace G2RL.Onnx.Algorithms;

/// <summary>What novelty is measured for.</summary>
public enum ShapingKind
{
    /// <summary>r + lambda nu_bar for either class: the paper's printed equation.</summary>
    Literal,

    /// <summary>r (1 + lambda (2 nu_bar - 1)): the paper's description.</summary>
    Prose,

    /// <summary>r (1 + lambda nu_bar): novel right answers gain, novel wrong ones lose.</summary>
    Multiplicative,

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

/// <summary>What becomes of groups without a difference between their members.</summary>
public enum HomogeneousKind
{
    /// <summary>Trained on: only novelty tells their members apart.</summary>
    Keep,

    /// <summary>Left out, whether all right or all wrong.</summary>
    Mask,

    /// <summary>Left out where all are wrong.</summary>
    MaskFailed,
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

    /// <summary>
    /// Right answers alone: they are each other's references, and only they are shaped, where there are two of them at least; the rest keep
    /// their rewards.
    /// </summary>
    Right,
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
