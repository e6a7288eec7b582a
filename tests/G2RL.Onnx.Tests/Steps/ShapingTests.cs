using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tests.Runs;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>Phase 4: rewards to advantages, penalties of length, and which tokens are trained on.</summary>
[TestClass]
public sealed class ShapingTests : IDisposable
{
    private readonly TinyModel model = new();

    public void Dispose() => model.Dispose();

    // Of each the mean of the others is taken: 3 - 3/2, 1 - 5/2, 2 - 4/2.
    [TestMethod]
    public void Run_LeaveOneOut_IsTheStepsAdvantage()
    {
        var group = Run(new() { Algorithm = new() { Name = "grpo", Advantage = "rloo" } }, [3, 1, 2], [2, 2, 2])[0].Scored;
        CollectionAssert.AreEqual(new[] { 1.5, -1.5, 0 }, group.Advantages.Select(a => Math.Round(a, 9)).ToArray());
    }

    // A response at the limit loses the factor, one that the buffer does not reach nothing.
    [TestMethod]
    public void Run_OverlongResponses_ArePenalised()
    {
        var config = new RunConfig
        {
            Algorithm = new() { Name = "grpo", Overlong = new() { Kind = OverlongKind.Linear, Buffer = 4, Factor = 2 } },
            Sampling = new() { MaxNewTokens = 10 },
        };
        CollectionAssert.AreEqual(new double[] { -2, 0 }, Run(config, [1, 1], [10, 6])[0].Scored.Penalties!);
    }

    // Entropies 1 to 4 as the trainer has them: half of the tokens lies above 2.5.
    [TestMethod]
    public void Run_TokensOfHighEntropy_AreKept()
    {
        var config = new RunConfig { Algorithm = new() { Name = "grpo", Correction = new() { EntropyQuantile = 0.5 } } };
        var samples = Run(config, [1, -1], [2, 2]);
        Assert.AreEqual("00 11", string.Join(' ', samples.Select(s => string.Concat(s.Kept!.Select(k => k ? '1' : '0')))));
    }

    private Sample[] Run(RunConfig config, double[] rewards, int[] lengths)
    {
        using var policy = Policy.Load(model.Folder, 24);
        Rollout[] rollouts = [.. lengths.Select(n => new Rollout
        {
            PromptTokens = [1],
            Tokens = new int[n],
            LogProbs = new float[n],
            Entropies = new float[n],
            Finish = FinishReason.StopToken,
            Version = policy.Version,
            Text = "",
        })];
        var group = new ScoredGroup(new(new Problem("p", "", ""), rollouts), [.. rewards.Select(r => Outcome.Scored(r))]);
        Sample[] samples = [.. rollouts.Select((r, i) => new Sample(0, i, group, r) { OldLogProbs = r.LogProbs })];
        var next = 0f;
        Scores[] scores = [.. lengths.Select(n => new Scores(new float[n], [.. Enumerable.Range(0, n).Select(_ => ++next)], null, null))];
        using var features = new RolloutFeatures(config.Algorithm, policy.Spec, new FakeBackend(), threads: 1);
        new Shaping(features, config).Run(new Step(4), new([group], samples, scores, null), policy);
        return samples;
    }
}
