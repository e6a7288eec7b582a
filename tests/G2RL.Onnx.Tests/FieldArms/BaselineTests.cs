using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Arms;
using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.FieldArms;

/// <summary>remax, otb and gar, by numbers worked out by hand and against plain references in double.</summary>
[TestClass]
public sealed class BaselineTests
{
    [TestMethod]
    // What the greedy response got is taken away: 1 - (-1) = 2, -1 - (-1) = 0.
    [DataRow(-1.0, new[] { 2.0, 0, 0 }, false)]
    [DataRow(1.0, new[] { 0.0, -2, -2 }, false)]
    // No baseline, no advantage.
    [DataRow(double.NaN, new[] { 0.0, 0, 0 }, true)]
    public void Remax_ByHand_SubtractsTheGreedyReward(double baseline, double[] expected, bool masked)
    {
        var group = ArmTests.Group([1, -1, -1]);
        group.Baseline = baseline;
        AlgorithmTable.All["remax"].Advantages(group, null, new() { Name = "remax" }, 0);
        CollectionAssert.AreEqual(expected, group.Advantages);
        Assert.AreEqual(masked, group.Masked);
    }

    [TestMethod]
    public void OptimalTokenBaseline_ByHand_WeighsByTheEnergySpent()
    {
        // First tokens: W = 0.5, 1.5, B = (0.5 - 1.5) / 2 = -0.5. Second: W = 1.5, 2, B = (1.5 - 2) / 3.5 = -1/7. The third token is the
        // first response's alone: B = its own reward.
        var advantages = OptimalTokenBaseline.Of([1, -1], [[0.5, 1, 0.25], [1.5, 0.5]]);
        Near([1.5, 8.0 / 7, 0], advantages[0]);
        Near([-0.5, -6.0 / 7], advantages[1]);
        Near([3, 3], OptimalTokenBaseline.Of([3], [[1, 2]])[0]);
        // p = 1/2 of 1/2, 1/4, 1/4: the gradient by the logits is (1/2, -1/4, -1/4), its square 3/8 = 1 - 1 + 3/8.
        Near([0.375], OptimalTokenBaseline.Energies([MathF.Log(0.5f)], [0.375f]));
    }

    [TestMethod]
    public void Gar_ByHand_PaysForAlignmentAboveTheMeanOfTheRight()
    {
        // Right answers at 0 and 60 degrees, a wrong one at 90; the expert at 90: b = 0, sin 60, 1; the mean of the right sin 60 / 2.
        var group = ArmTests.Group([1, 1, -1]);
        group.Expert = [0, 2];
        var s = Math.Sqrt(3) / 2;
        AlgorithmTable.All["gar"].Advantages(group, [[3, 0], [0.5f, (float)s], [0, 7]], new() { Name = "gar" }, 0);
        Near([1, 1 + (0.5 * s / 2), 0], group.Shaped, 1e-6);
        Near([1, 0.5, 0, 0.5, 1, s, 0, s, 1], group.Cosines, 1e-6);
        // GRPO on these rewards.
        var advantages = new double[3];
        GroupAdvantage.Compute(group.Shaped, 1e-6, advantages);
        CollectionAssert.AreEqual(advantages, group.Advantages);
    }

    [TestMethod]
    public void Scores_SquaresAndProducts_AreThoseOfAReferenceInDouble()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, positions: 32);
        var spec = policy.Spec;
        using var scorer = new Scorer(spec, threads: 1);
        using var alignment = new AlignmentFeatures(spec, threads: 1);
        int[] response = [5, 6, 7, 3, 4];
        const double Temperature = 0.7;
        var scores = scorer.Score(
            policy,
            [new([3, 4], response)],
            new ScoreRequest(Temperature, 64) { WithHidden = true, WithSquares = true })[0];
        var (hidden, width) = (scores.HiddenStates!, spec.HiddenSize);
        var head = policy.Parameters.Single(p => p.Name == DecoderGraph.HeadWeightName(spec)).Buffer.Span.ToArray();
        var (feature, perToken) = (new double[width], new double[hidden.Length]);
        GradientFeature.PerToken(hidden, response, head, Temperature, [], feature, perToken);
        var found = alignment.Of(policy, hidden, response, Temperature);
        for (var d = 0; d < width; d++)
            Assert.AreEqual(
                -Enumerable.Range(0, response.Length).Average(t => perToken[(t * width) + d] * hidden[(t * width) + d]),
                found[d],
                1e-5,
                $"v[{d}]");
        for (var t = 0; t < response.Length; t++)
        {
            double[] logits =
            [
                .. Enumerable.Range(0, spec.VocabularySize).Select(v =>
                    Enumerable.Range(0, width).Sum(d => (double)hidden[(t * width) + d] * head[(v * width) + d]) / Temperature),
            ];
            var (most, sum) = (logits.Max(), logits.Sum(z => Math.Exp(z - logits.Max())));
            Assert.AreEqual(logits.Sum(z => Math.Pow(Math.Exp(z - most) / sum, 2)), scores.Squares![t], 1e-5, $"squares[{t}]");
        }
    }

    [TestMethod]
    public void Run_Remax_HasTheGreedyRewardAsAMetric()
    {
        using var model = new TinyModel();
        var row = ArmRunTests.Row(ArmRunTests.Train(model.Config with { Steps = 1, Algorithm = new() { Name = "remax" } }).Metrics[0]);
        Assert.IsTrue(row["reward/greedy_mean"]!.GetValue<double>() is >= -1 and <= 1);
        Assert.IsTrue(row["time/greedy_s"]!.GetValue<double>() > 0);
    }

    [TestMethod]
    public void Trainer_GarWithoutSolutions_NamesTheProblemAndTheWayOut()
    {
        using var model = new TinyModel();
        Problem[] problems = [new("p0", "1+1=", ""), new("p1", "2+2=", "")];
        var set = new FunctionProblemSet("bare", problems, [new("h0", "3+3=", "")], (_, _) => Outcome.Judged(true));
        var message = Assert.ThrowsExactly<InputException>(() =>
        {
            using var trainer = new Trainer(model.Config with { Algorithm = new() { Name = "gar" } }, set);
        }).Message;
        StringAssert.Contains(message, "algorithm.name is gar, which compares with an expert's solution; p");
        StringAssert.Contains(message, "problems.settings.solutionField");
    }

    [TestMethod]
    [DataRow("otb")]
    [DataRow("gar")]
    public void Faults_HostAlgorithmOnADevice_AreRefusedByName(string name) =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => RunConfigFile.Load(null, [$"algorithm.name={name}", "execution.device=cuda:0"]))
                .Message,
            $"algorithm.name is {name}; it is computed on the host alone, so execution.device must be cpu, not cuda:0.");

    private static void Near(double[] expected, double[] actual, double tolerance = 1e-7)
    {
        Assert.HasCount(expected.Length, actual);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], tolerance, $"[{i}]");
    }
}
