using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Training.Logging;

/// <summary>Rollouts as rows of rollouts/step-N.jsonl.</summary>
internal static class RolloutLog
{
    private const int Decimals = 4;

    /// <summary>The rows of a group.</summary>
    /// <param name="step">The step.</param>
    /// <param name="prompt">Index of the group in the step.</param>
    /// <param name="group">The group.</param>
    /// <param name="tokenizer">Gives the pieces of the tokens; null leaves the tokens out.</param>
    public static IEnumerable<JsonObject> Rows(int step, int prompt, ScoredGroup group, Tokenizer? tokenizer = null)
    {
        for (var i = 0; i < group.Outcomes.Count; i++)
        {
            var (rollout, outcome, member) = (group.Group.Rollouts[i], group.Outcomes[i], Array.IndexOf(group.Members, i));
            var row = new JsonObject
            {
                ["step"] = step,
                ["problem"] = group.Group.Problem.Id,
                ["prompt_index"] = prompt,
                ["sample"] = i,
                ["prompt"] = group.Group.Problem.Prompt,
                ["text"] = rollout.Text,
                ["answer"] = group.Group.Problem.Answer,
                ["outcome"] = outcome.Kind.ToString(),
                ["reward"] = outcome.Kind == OutcomeKind.Score ? outcome.Score : null,
                ["finish"] = rollout.Finish.ToString(),
                ["tokens"] = rollout.Tokens.Length,
                ["policy"] = rollout.Version.ToString(),
            };
            if (group.Parts is { } parts)
                row["rewards"] = new JsonObject(parts.Labels.Select((label, k) =>
                    KeyValuePair.Create<string, JsonNode?>(label, double.IsNaN(parts.Scores[i][k]) ? null : parts.Scores[i][k])));
            if (member >= 0)
            {
                row["shaped"] = group.Shaped[member];
                row["nu"] = group.Cosines.Length > 0 ? group.Novelty[member] : null;
                row["advantage"] = group.Masked ? 0 : group.Advantages[member];
            }
            if (tokenizer is not null)
                AddTokens(row, rollout, group, member, tokenizer);
            if (outcome.Message is not null)
                row["message"] = outcome.Message;
            yield return row;
        }
    }

    // What the report shades, and the member's row of the group's cosines.
    private static void AddTokens(JsonObject row, Rollout rollout, ScoredGroup group, int member, Tokenizer tokenizer)
    {
        var text = tokenizer.Decode(rollout.Tokens, skipSpecial: false);
        row["pieces"] = new JsonArray([.. tokenizer.Offsets(rollout.Tokens).Select(o => JsonValue.Create(text[o.Start..o.End]))]);
        row["log_probs"] = Rounded(rollout.LogProbs.Select(p => (double)p));
        row["entropies"] = Rounded(rollout.Entropies.Select(e => (double)e));
        if (member < 0)
            return;
        if (group.TokenWeights is { } weights)
            row["weights"] = Rounded(weights[member]);
        if (group.Cosines.Length > 0)
            row["cosines"] = Rounded(group.Cosines.AsSpan(member * group.Members.Length, group.Members.Length).ToArray());
    }

    private static JsonArray Rounded(IEnumerable<double> values) =>
        new([.. values.Select(v => double.IsFinite(v) ? JsonValue.Create(Math.Round(v, Decimals)) : null)]);
}
