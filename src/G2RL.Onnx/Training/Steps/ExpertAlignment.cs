using G2RL.Onnx.Algorithms.Arms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Training.Steps;

/// <summary>Features of rollouts and of the solutions that an expert wrote to the same problems, for <see cref="Gar"/>.</summary>
/// <param name="scorer">Who runs the model.</param>
/// <param name="inputs">Prompts, tokenizer, threads.</param>
/// <param name="config">Temperature and tokens of a batch.</param>
internal sealed class ExpertAlignment(IScorer scorer, RunInputs inputs, RunConfig config) : IDisposable
{
    private readonly AlignmentFeatures features = new(inputs.Policy.Spec, inputs.Threads);
    private readonly Tokenizer tokenizer = inputs.Tokenizer;

    /// <summary>Refuses problems without a solution.</summary>
    /// <exception cref="InputException">A problem has none; the message names the first.</exception>
    public void Require(IEnumerable<Problem> problems)
    {
        if (problems.FirstOrDefault(p => Solution(p).Length == 0) is { } without)
            throw new InputException($"algorithm.name is {config.Algorithm.Name}, which compares with an expert's solution; "
                + $"{without.Id} has none. Name the field that holds it by problems.settings.solutionField, or take another algorithm.");
    }

    /// <summary>A feature of each rollout; that of its problem's solution goes to its group.</summary>
    public float[][] Of(Policy policy, IReadOnlyList<Sample> samples)
    {
        var found = new float[samples.Count][];
        // A group at a time, since hidden states are large.
        foreach (var group in Enumerable.Range(0, samples.Count).GroupBy(i => samples[i].Scored))
        {
            int[] own = [.. group];
            var problem = group.Key.Group.Problem;
            Require([problem]);
            Sequence[] sequences =
            [
                .. own.Select(i => samples[i].Sequence with { Response = Cut(samples[i].Rollout.Tokens) }),
                new(inputs.Encode(problem), Cut(Solution(problem))),
            ];
            var scores = scorer.Score(
                policy,
                sequences,
                config.Sampling.Temperature,
                config.Training.MicrobatchTokens,
                withHidden: true);
            var each = sequences.Zip(scores, (s, score) =>
                features.Of(policy, score.HiddenStates!, s.Response, config.Sampling.Temperature)).ToArray();
            for (var i = 0; i < own.Length; i++)
                found[own[i]] = each[i];
            group.Key.Expert = each[^1];
        }
        return found;
    }

    public void Dispose() => features.Dispose();

    private static int[] Cut(int[] tokens) => tokens.Length > Gar.Tokens ? tokens[..Gar.Tokens] : tokens;

    private int[] Solution(Problem problem) => problem.Solution is { Length: > 0 } text ? tokenizer.Encode(text) : [];
}
