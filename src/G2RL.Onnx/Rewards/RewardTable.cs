using G2RL.Onnx.Rewards.External;
using G2RL.Onnx.Rewards.Judge;

namespace G2RL.Onnx.Rewards;

/// <summary>What a reward may need from its run.</summary>
/// <param name="MaxNewTokens">Tokens after which a response is cut off.</param>
/// <param name="Functions">Rewards of one's own, by name.</param>
/// <param name="SecretVariables">Environment variables that hold a key; no other program is given them.</param>
internal sealed record RewardContext(
    int MaxNewTokens, IReadOnlyDictionary<string, RewardFunction> Functions, IReadOnlySet<string> SecretVariables);

/// <summary>A kind of reward.</summary>
/// <param name="Settings">Its settings, a <see cref="RewardConfig"/>.</param>
/// <param name="Create">Makes it from settings of that type.</param>
/// <param name="MaxFailedShare">Share of a step's completions that may fail, unless a configuration says otherwise.</param>
/// <param name="NeedsVerdict">Whether it reads the verdict of the problem set's checker.</param>
/// <param name="IsElsewhere">Whether other processes compute it.</param>
internal sealed record RewardKind(
    Type Settings,
    Func<RewardConfig, RewardContext, IReward> Create,
    double MaxFailedShare,
    bool NeedsVerdict,
    bool IsElsewhere = false);

/// <summary>The rewards: one line here and one function in a file.</summary>
internal static class RewardTable
{
    /// <summary>Rewards by name.</summary>
    public static IReadOnlyDictionary<string, RewardKind> All { get; } = new SortedDictionary<string, RewardKind>(StringComparer.Ordinal)
    {
        ["checker"] = Function<CheckerConfig>(_ => CheckerReward.Score, needsVerdict: true),
        ["cosine"] = Function<CosineConfig>(CosineReward.Create, needsVerdict: true),
        ["external"] = Line<ExternalConfig>((c, context) => new ExternalReward(c, context.SecretVariables), maxFailedShare: 0.1) with
        {
            IsElsewhere = true,
        },
        ["format"] = Function<FormatConfig>(FormatReward.Create, needsVerdict: true),
        ["function"] = Line<FunctionConfig>(FunctionReward.Create),
        ["judge"] = Line<JudgeConfig>((c, _) => new JudgeReward(c), maxFailedShare: 0.1) with { IsElsewhere = true },
        ["overlong"] = Line<OverlongRewardConfig>(OverlongReward.Create),
        ["repetition"] = Function<RepetitionConfig>(RepetitionReward.Create),
    };

    /// <summary>The name of a reward's kind.</summary>
    public static string NameOf(RewardConfig config) => All.Single(k => k.Value.Settings == config.GetType()).Key;

    private static RewardKind Line<T>(Func<T, RewardContext, IReward> create, double maxFailedShare = 1, bool needsVerdict = false)
        where T : RewardConfig => new(typeof(T), (config, context) => create((T)config, context), maxFailedShare, needsVerdict);

    private static RewardKind Function<T>(Func<T, RewardFunction> create, bool needsVerdict = false)
        where T : RewardConfig => Line<T>((config, _) => new CompletionReward(create(config)), needsVerdict: needsVerdict);
}
