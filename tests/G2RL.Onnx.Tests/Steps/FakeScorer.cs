using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>Gives every token of a policy's responses the same log-prob, and remembers what it was asked.</summary>
internal sealed class FakeScorer(Func<Policy, float> logProb) : IScorer
{
    public List<(Policy Policy, int Sequences, double Temperature)> Calls { get; } = [];

    public Scores[] Score(Policy policy, IReadOnlyList<Sequence> sequences, ScoreRequest request, CancellationToken cancel = default)
    {
        Calls.Add((policy, sequences.Count, request.Temperature));
        return
        [
            .. sequences.Select(s => new Scores(
                [.. s.Response.ToArray().Select(_ => logProb(policy))],
                [.. s.Response.ToArray().Select(_ => 0.5f)],
                null,
                request.WithFeatures ? [1] : null)),
        ];
    }

    public void Dispose()
    {
    }
}
