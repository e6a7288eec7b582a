using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;

namespace G2RL.Onnx.Tests.Rewards;

/// <summary>What tests of rewards share.</summary>
internal static class RewardCase
{
    public static Completion Of(string text, string answer = "42", int tokens = 3, bool finished = true, Outcome? verdict = null) =>
        new(new("p/1", "What is 6 x 7?", answer), text, [.. Enumerable.Range(0, tokens)], finished, verdict);

    public static Completion[] All(params ReadOnlySpan<string> texts)
    {
        var completions = new Completion[texts.Length];
        for (var i = 0; i < texts.Length; i++)
            completions[i] = Of(texts[i]);
        return completions;
    }

    /// <summary>The outcomes of a reward whose completions may all fail.</summary>
    public static Outcome[] Score(IReward reward, Completion[] completions, double maxFailedShare = 1) =>
        reward.Score(completions, new RewardTally("test", completions.Length, maxFailedShare), CancellationToken.None);

    /// <summary>Scores as text, the kind where there is none.</summary>
    public static string Show(IEnumerable<Outcome> outcomes) => string.Join(' ', outcomes.Select(o =>
        o.Kind == OutcomeKind.Score ? o.Score.ToString(System.Globalization.CultureInfo.InvariantCulture) : o.Kind.ToString()));
}
