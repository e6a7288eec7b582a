using G2RL.Onnx.Algorithms.Advantages;

namespace G2RL.Onnx.Algorithms;

/// <summary>How what is added to the loss of a token is averaged.</summary>
internal enum PenaltyAverage
{
    /// <summary>As the loss is.</summary>
    AsTheLoss,

    /// <summary>As configured, whatever the loss has of its own.</summary>
    Configured,

    /// <summary>By tokens, always.</summary>
    Tokens,
}

/// <summary>A trainer's conventions: what a run has where its configuration does not say otherwise.</summary>
/// <param name="Advantage">A name in <see cref="AdvantageTable"/>.</param>
/// <param name="AdvantageSettings">Its constants.</param>
/// <param name="Loss">A name in <see cref="Losses.LossTable"/>.</param>
/// <param name="Aggregation">A name in <see cref="Losses.Aggregations"/>.</param>
/// <param name="Kl">A name in <see cref="Losses.KlEstimators"/>.</param>
/// <param name="LogRatioClamp">See <see cref="PolicyLossSettings"/>.</param>
/// <param name="DualClip">See <see cref="PolicyLossSettings"/>.</param>
/// <param name="KlInputClamp">See <see cref="PolicyLossSettings"/>.</param>
/// <param name="KlOutputClamp">See <see cref="PolicyLossSettings"/>.</param>
/// <param name="Gspo">The loss that <c>gspo</c> is there.</param>
/// <param name="SkipsMasked">Whether nothing in a masked position can reach a result, and an all-masked batch gives 0.</param>
internal sealed record Profile(
    string Advantage,
    AdvantageSettings AdvantageSettings,
    string Loss,
    string Aggregation,
    string Kl,
    double LogRatioClamp,
    double DualClip,
    double KlInputClamp,
    double KlOutputClamp,
    string Gspo,
    bool SkipsMasked)
{
    /// <summary>
    /// The aggregation that a loss always has in this trainer, whatever is configured, by the loss's name; docs/profiles.md tells where
    /// that stands.
    /// </summary>
    public IReadOnlyDictionary<string, string> FixedAggregations { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>How the divergences are averaged in this trainer.</summary>
    public PenaltyAverage KlAverage { get; init; }

    /// <summary>How the entropies are averaged in this trainer.</summary>
    public PenaltyAverage EntropyAverage { get; init; }

    /// <summary>The name of the default.</summary>
    public const string Default = "paper";

    /// <summary>METHOD.md: population variance, no clamps, token-mean; masked positions never change a result.</summary>
    public static Profile Paper { get; } =
        new("group-normal", new(1e-6, LoneKeepsReward: false), "clipped", "token-mean", "k3", 0, 0, 0, 0, "gspo", SkipsMasked: true);

    /// <summary>verl: log-ratio within +-20, dual clip 3, k3 within +-20 and +-10.</summary>
    public static Profile Verl { get; } = new("group-std", new(1e-6, LoneKeepsReward: true) { WhitensTokens = true }, "clipped",
        "token-mean", "k3", 20, 3, 20, 10, "gspo-token", SkipsMasked: false)
    {
        KlAverage = PenaltyAverage.Configured,
        EntropyAverage = PenaltyAverage.Configured,
        FixedAggregations = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["gspo-token"] = "seq-mean-token-mean",
            ["sapo"] = "seq-mean-token-mean",
        },
    };

    /// <summary>TRL: no clamps, epsilon 1e-4, the mean of every row's mean.</summary>
    public static Profile Trl { get; } =
        new("group-std", new(1e-4, LoneKeepsReward: false), "clipped", "row-mean-token-mean", "k3", 0, 0, 0, 0, "gspo", SkipsMasked: false)
        {
            EntropyAverage = PenaltyAverage.Tokens,
            FixedAggregations = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["cispo"] = "token-mean",
                ["sapo"] = "row-mean-token-mean",
                ["vespo"] = "token-mean",
            },
        };

    /// <summary>OpenRLHF: log-ratio within +-20, no dual clip, divergences within +-10, epsilon 1e-9.</summary>
    public static Profile OpenRlhf { get; } =
        new("group-std", new(1e-9, LoneKeepsReward: false), "clipped", "token-mean", "k1", 20, 0, 0, 10, "gspo", SkipsMasked: false)
        {
            KlAverage = PenaltyAverage.Tokens,
            EntropyAverage = PenaltyAverage.Tokens,
            FixedAggregations = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["gspo"] = "seq-mean-token-mean",
            },
        };

    /// <summary>Profiles by name.</summary>
    public static IReadOnlyDictionary<string, Profile> All { get; } = new SortedDictionary<string, Profile>(StringComparer.Ordinal)
    {
        ["paper"] = Paper,
        ["verl"] = Verl,
        ["trl"] = Trl,
        ["openrlhf"] = OpenRlhf,
    };

    /// <summary>The profile of a name.</summary>
    /// <exception cref="InputException">No such profile; the message lists them.</exception>
    public static Profile Named(string name) => All.TryGetValue(name, out var profile)
        ? profile
        : throw new InputException($"There is no profile '{name}'. There are: {string.Join(", ", All.Keys)}.");
}
