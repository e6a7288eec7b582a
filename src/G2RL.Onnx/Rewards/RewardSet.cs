using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards.Judge;
using G2RL.Onnx.Rewards.Passes;

namespace G2RL.Onnx.Rewards;

/// <summary>What a run's rewards make of a completion.</summary>
/// <param name="Outcome">The reward: the weighted sum of those that gave a score; no score where one failed, or where none applies.</param>
/// <param name="Parts">The score of each reward before its weight, NaN where it gave none [K].</param>
/// <param name="Outcomes">The outcome of each reward [K].</param>
/// <param name="Verdict">The checker's score, or the reward itself where the checker was not asked: above 0 is right.</param>
internal sealed record RewardResult(Outcome Outcome, double[] Parts, Outcome[] Outcomes, double Verdict);

/// <summary>The rewards of a run, made from its configuration.</summary>
/// <remarks>
/// What failed (an error or a timeout of any reward) has no reward: the rollout leaves its group, as if it had not been drawn. What a
/// reward abstains from is left out of the sum, as where several tasks have a reward each.
/// </remarks>
internal sealed class RewardSet : IDisposable
{
    private readonly IReadOnlyList<RewardConfig> configs;
    private readonly IProblemSet problems;
    private readonly RewardKind[] kinds;
    private readonly IReward[] rewards;
    private readonly int checker;

    /// <summary>Makes all rewards; programs are started, nothing is sent.</summary>
    /// <param name="configs">The run's <c>rewards</c>, sound.</param>
    /// <param name="problems">Whose checker gives verdicts.</param>
    /// <param name="maxNewTokens">Tokens after which a response is cut off.</param>
    /// <param name="functions">Rewards of one's own, by name.</param>
    /// <exception cref="InputException">A program that cannot be started, a key that is not set, a function that is not there.</exception>
    public RewardSet(
        IReadOnlyList<RewardConfig> configs, IProblemSet problems, int maxNewTokens,
            IReadOnlyDictionary<string, RewardFunction>? functions = null)
    {
        (this.configs, this.problems) = (configs, problems);
        var secrets = configs.OfType<JudgeConfig>().Select(j => j.KeyVariable).Where(v => v.Length > 0).ToHashSet(StringComparer.Ordinal);
        var context = new RewardContext(maxNewTokens, functions ?? new Dictionary<string, RewardFunction>(StringComparer.Ordinal), secrets);
        kinds = [.. configs.Select(c => RewardTable.All[RewardTable.NameOf(c)])];
        checker = configs.ToList().FindIndex(c => c is CheckerConfig);
        rewards = new IReward[configs.Count];
        try
        {
            for (var k = 0; k < rewards.Length; k++)
                rewards[k] = kinds[k].Create(configs[k], context);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Labels, in the order of the configuration.</summary>
    public IReadOnlyList<string> Labels => [.. configs.Select(LabelOf)];

    /// <summary>Weights, in the order of the configuration.</summary>
    public IReadOnlyList<double> Weights => [.. configs.Select(c => c.Weight)];

    /// <summary>Whether it is the problem set's checker alone, as it stands.</summary>
    public bool IsCheckerAlone => configs is [CheckerConfig { Weight: 1, Scale: null }];

    /// <summary>Whether others than this process compute one of them, so that waiting for it is no work.</summary>
    internal bool AreElsewhere => kinds.Any(k => k.IsElsewhere);

    /// <summary>A reward's name in metrics, logs and messages.</summary>
    public static string LabelOf(RewardConfig config) => config.Label.Length > 0 ? config.Label : RewardTable.NameOf(config);

    /// <summary>Scores a step's completions.</summary>
    /// <param name="completions">All of them, without verdicts.</param>
    /// <param name="progress">Told of a reward and how many completions it has done, from any thread.</param>
    /// <param name="cancel">Stops between completions.</param>
    /// <exception cref="InputException">More completions failed than a reward allows.</exception>
    public RewardResult[] Score(IReadOnlyList<Completion> completions, Action<string, int>? progress = null,
        CancellationToken cancel = default)
    {
        var pass = Begin(completions.Count);
        pass.Progress = progress;
        return pass.Score(completions, cancel);
    }

    /// <summary>Begins to score a step's completions, of which there will be so many, part by part.</summary>
    internal RewardPass Begin(int total) => new(Score, pass =>
    [
        .. configs.Select((c, k) =>
        {
            var label = LabelOf(c);
            return new RewardTally(label, total, c.MaxFailedShare ?? kinds[k].MaxFailedShare, done => pass.Progress?.Invoke(label, done));
        }),
    ]);

    private RewardResult[] Score(IReadOnlyList<Completion> completions, RewardTally[] tallies, CancellationToken cancel)
    {
        if (kinds.Any(k => k.NeedsVerdict))
            completions = [.. completions.Select(c => c with { Verdict = problems.Judge(c.Problem, c.Text, c.Finished) })];
        var outcomes = new Outcome[rewards.Length][];
        for (var k = 0; k < rewards.Length; k++)
        {
            outcomes[k] = rewards[k].Score(completions, tallies[k], cancel);
            if (configs[k].Scale is { } scale)
                outcomes[k] = [.. outcomes[k].Select(o => o.Kind == OutcomeKind.Score ? o with { Score = scale.Apply(o.Score) } : o)];
        }
        return [.. Enumerable.Range(0, completions.Count).Select(i => Combine([.. outcomes.Select(o => o[i])], completions[i].Verdict))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var reward in rewards)
            reward?.Dispose();
    }

    private RewardResult Combine(Outcome[] outcomes, Outcome? verdict)
    {
        double[] parts = [.. outcomes.Select(o => o.Kind == OutcomeKind.Score ? o.Score : double.NaN)];
        var total = Total(outcomes, parts, verdict);
        var right = checker >= 0 && verdict is { Kind: OutcomeKind.Score } v ? v.Score : total.Score;
        return new(total, parts, outcomes, right);
    }

    private Outcome Total(Outcome[] outcomes, double[] parts, Outcome? verdict)
    {
        // The checker alone is what it says, message and all.
        if (IsCheckerAlone)
            return outcomes[0];
        for (var k = 0; k < outcomes.Length; k++)
            if (outcomes[k].Kind is OutcomeKind.Error or OutcomeKind.Timeout)
                return outcomes[k] with { Message = $"reward {LabelOf(configs[k])}: {outcomes[k].Message}" };
        var sum = Algorithms.Advantages.RewardSum.Weighted([parts], Weights)[0];
        if (double.IsNaN(sum))
            return Outcome.Abstained(outcomes[0].Message ?? "no reward applies");
        return Outcome.Scored(sum, verdict?.WellFormed ?? outcomes.All(o => o.Kind != OutcomeKind.Score || o.WellFormed));
    }
}
