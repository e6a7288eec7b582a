using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Training.Logging;

/// <summary>Rollouts as rows of rollouts/step-N.jsonl.</summary>
internal static class RolloutLog
{
    public static IEnumerable<JsonObject> Rows(int step, int prompt, ScoredGroup group)
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
            if (outcome.Message is not null)
                row["message"] = outcome.Message;
            yield return row;
        }
    }
}
