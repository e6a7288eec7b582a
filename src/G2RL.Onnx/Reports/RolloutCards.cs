using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports;

/// <summary>A few rollouts of a logged step: of two groups, those with the highest and the lowest advantage.</summary>
internal static class RolloutCards
{
    private const int Groups = 2;
    private const int OfEachEnd = 2;
    private const int LongestText = 1500;
    private const int LongestPrompt = 600;

    /// <summary>Writes the cards of one step. Prompts and completions are hostile text.</summary>
    public static void Write(HtmlWriter html, IReadOnlyList<JsonObject> rollouts)
    {
        // Groups with both outcomes teach the most; where there are none, the first ones.
        var groups = rollouts.GroupBy(r => RunLogs.Number(r, "prompt_index") ?? -1)
            .OrderByDescending(g => g.Select(r => RunLogs.Number(r, "reward")).Distinct().Count() > 1)
            .ThenBy(g => g.Key)
            .Take(Groups)
            .ToArray();
        if (groups.Length == 0)
            return;
        html.Leaf("h3", $"Step {Format.Count(RunLogs.Number(rollouts[0], "step") ?? 0)}");
        foreach (var group in groups)
        {
            using var section = html.Open("div", "group");
            var first = group.First();
            using (html.Open("p", "prompt"))
            {
                html.Leaf("small", "prompt ");
                using (html.Open("bdi", "text"))
                    html.Foreign(RunLogs.Text(first, "prompt"), LongestPrompt);
            }
            if (RunLogs.Text(first, "answer") is { Length: > 0 } answer)
                using (html.Open("p", "prompt"))
                {
                    html.Leaf("small", "answer ");
                    using (html.Open("bdi", "text"))
                        html.Foreign(answer, LongestPrompt);
                }
            // The same text drawn again says nothing new: one card, and how often.
            var drawn = group.CountBy(r => RunLogs.Text(r, "text")).ToDictionary();
            var members = group.OrderByDescending(r => RunLogs.Number(r, "advantage") ?? double.NegativeInfinity)
                .ThenBy(r => RunLogs.Number(r, "sample") ?? 0)
                .DistinctBy(r => RunLogs.Text(r, "text"))
                .ToArray();
            using var cards = html.Open("div", "rollouts");
            foreach (var rollout in members.Length <= 2 * OfEachEnd ? members : [.. members[..OfEachEnd], .. members[^OfEachEnd..]])
                WriteCard(html, rollout, drawn[RunLogs.Text(rollout, "text")]);
        }
    }

    private static void WriteCard(HtmlWriter html, JsonObject rollout, int drawn)
    {
        var reward = RunLogs.Number(rollout, "reward");
        using var card = html.Open("div", "rollout");
        using (html.Open("pre"))
            html.Foreign(RunLogs.Text(rollout, "text"), LongestText);
        if (RunLogs.Text(rollout, "message") is { Length: > 0 } message)
            using (html.Open("p", "note"))
                html.Foreign(message, LongestPrompt);
        using var facts = html.Open("div", "facts");
        if (reward is null)
            Fact(html, "outcome", RunLogs.Text(rollout, "outcome"), "wrong");
        else
            Fact(html, "reward", Format.Signed(reward.Value, "0.##"), reward > 0 ? "right" : "wrong");
        Fact(html, "shaped", rollout, "shaped", signed: true);
        Fact(html, "advantage", rollout, "advantage", signed: true);
        Fact(html, "novelty", rollout, "nu", signed: false);
        Fact(html, "tokens", Format.Count(RunLogs.Number(rollout, "tokens") ?? 0));
        if (drawn > 1)
            Fact(html, "drawn", $"{drawn} times");
        if (RunLogs.Text(rollout, "finish") is "Length")
            Fact(html, "finish", "cut off");
    }

    private static void Fact(HtmlWriter html, string label, JsonObject rollout, string name, bool signed)
    {
        if (RunLogs.Number(rollout, name) is { } value)
            Fact(html, label, signed ? Format.Signed(value, "0.000") : value.ToString("0.000", CultureInfo.InvariantCulture));
    }

    private static void Fact(HtmlWriter html, string label, string value, string? css = null)
    {
        using var fact = html.Open("span", css);
        html.Leaf("small", label);
        html.Text(" ");
        html.Foreign(value, 80);
    }
}
