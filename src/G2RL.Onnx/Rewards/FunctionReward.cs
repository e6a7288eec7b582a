using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards;

/// <summary>A function of a program of one's own, handed to the trainer by name.</summary>
public sealed record FunctionConfig : RewardConfig
{
    /// <summary>Its name among the trainer's functions.</summary>
    public string Function { get; init; } = "";

    /// <inheritdoc/>
    public override IEnumerable<string> Faults(string at, int maxNewTokens)
    {
        if (Function.Length == 0)
            yield return $"{at}.function is empty; name a function that the program hands to the trainer.";
    }
}

/// <summary>See <see cref="FunctionConfig"/>.</summary>
internal static class FunctionReward
{
    /// <exception cref="InputException">The program has no function of that name.</exception>
    public static IReward Create(FunctionConfig config, RewardContext context)
    {
        if (!context.Functions.TryGetValue(config.Function, out var function))
            throw new InputException(
                $"rewards name the function '{config.Function}', and this program has " +
                    $"{(context.Functions.Count == 0 ? "none" : $"only {string.Join(", ", context.Functions.Keys)}")}. " +
                "Functions come from a program of one's own, as an argument of its Trainer; g2rl itself runs programs: take the reward " +
                    "external.");
        return new CompletionReward(completion =>
        {
            try
            {
                var outcome = function(completion);
                return outcome.Kind == OutcomeKind.Score ? Outcome.Scored(outcome.Score, outcome.WellFormed) : outcome;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                return Outcome.Failed($"function '{config.Function}' failed on {completion.Problem.Id}: {e.GetType().Name}: {e.Message}");
            }
        });
    }
}
