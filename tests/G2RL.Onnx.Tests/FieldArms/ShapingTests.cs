using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Updates;

namespace G2RL.Onnx.Tests.FieldArms;

/// <summary>Success-only novelty, groups without a right answer, an end to shaping, and an entropy bonus that adapts.</summary>
[TestClass]
public sealed class ShapingTests
{
    private static readonly float[][] Angles =
        [.. new[] { 0, 60, 90, 180 }.Select(a => new[] { MathF.Cos(a * MathF.PI / 180), MathF.Sin(a * MathF.PI / 180) })];

    [TestMethod]
    public void NoveltyOfTheRight_ByHand_LeavesWrongAnswersAlone()
    {
        // Right at 0, 60, 90 degrees; S^2 = 1/4, 0, 3/4; each of the others weighs 1/2:
        // nu = sqrt(1 - 1/8), sqrt(1 - 1/2), sqrt(1 - 3/8); scaled 1, 0, (sqrt(5/8) - sqrt(1/2)) / (sqrt(7/8) - sqrt(1/2)).
        var group = ArmTests.Group([1, 1, 1, -1]);
        Run(group, new() { NoveltyWithin = NoveltyScope.Right });
        var third = (Math.Sqrt(0.625) - Math.Sqrt(0.5)) / (Math.Sqrt(0.875) - Math.Sqrt(0.5));
        Near([Math.Sqrt(0.875), Math.Sqrt(0.5), Math.Sqrt(0.625), 0], group.Novelty);
        Near([1.5, 1, 1 + (0.5 * third), -1], group.Shaped);
    }

    [TestMethod]
    [DataRow(new[] { 1.0, -1, -1, -1 })]
    [DataRow(new[] { -1.0, -1, -1, -1 })]
    public void NoveltyOfTheRight_FewerThanTwo_LeavesRewardsAlone(double[] rewards)
    {
        var group = ArmTests.Group(rewards);
        Run(group, new() { NoveltyWithin = NoveltyScope.Right });
        CollectionAssert.AreEqual(rewards, group.Shaped);
    }

    [TestMethod]
    [DataRow(HomogeneousKind.Keep, new[] { -1.0, -1, -1, -1 }, false)]
    [DataRow(HomogeneousKind.MaskFailed, new[] { -1.0, -1, -1, -1 }, true)]
    [DataRow(HomogeneousKind.MaskFailed, new[] { 1.0, 1, 1, 1 }, false)]
    [DataRow(HomogeneousKind.MaskFailed, new[] { -1.0, 1, -1, -1 }, false)]
    [DataRow(HomogeneousKind.Mask, new[] { 1.0, 1, 1, 1 }, true)]
    public void HomogeneousGroups_EachKind_LeavesOutWhatItNames(HomogeneousKind kind, double[] rewards, bool masked)
    {
        var group = ArmTests.Group(rewards);
        Run(group, new() { HomogeneousGroups = kind });
        Assert.AreEqual(masked, group.Masked);
    }

    [TestMethod]
    public void StopAfter_StepByStep_ShapesUntilThen()
    {
        AlgorithmConfig config = new() { StopAfter = 2 };
        CollectionAssert.AreEqual(new[] { 0.5, 0.5, 0, 0 }, Enumerable.Range(0, 4).Select(s => config.At(s).Lambda).ToArray());
        Assert.AreEqual(0.5, new AlgorithmConfig().At(1_000_000).Lambda);
        using var model = new TinyModel();
        var run = model.Config with { Steps = 3, Training = model.Config.Training with { CheckpointEvery = 100 } };
        string Hash(AlgorithmConfig algorithm) => ArmRunTests.Train(run with { Algorithm = algorithm }).Hash;
        var (grpo, always) = (Hash(new() { Name = "grpo" }), Hash(new()));
        Assert.AreEqual(grpo, Hash(new() { StopAfter = 0 }));
        Assert.AreEqual(always, Hash(new() { StopAfter = 3 }));
        Assert.IsFalse(new[] { grpo, always }.Contains(Hash(new() { StopAfter = 1 })));
    }

    [TestMethod]
    public void AdaptiveEntropy_ByHand_FollowsTheEntropy()
    {
        var bonus = new AdaptiveEntropy(new() { Target = 0.2, Delta = 0.005 });
        // Below the target the weight grows for the step to come, above it shrinks, down to 0, and does not count meanwhile.
        foreach (var (entropy, weighs, next) in new[]
        {
            (0.1, 0.0, 0.005), (0.1, 0.005, 0.01), (0.2, 0.01, 0.01), (0.3, 0, 0.005), (0.3, 0, 0), (0.3, 0, 0), (0.19, 0, 0.005),
        })
        {
            Assert.AreEqual(weighs, bonus.Of(entropy), 1e-15);
            bonus.Adapt(entropy, new StepMetrics(0));
            Assert.AreEqual(next, bonus.Weight, 1e-15);
        }
    }

    [TestMethod]
    public void AdaptiveEntropy_CancelledThenResumed_EqualsTheUninterruptedRun()
    {
        using var model = new TinyModel();
        // Far above what the model has, so that the weight grows at every step; no shaping after the second.
        var config = model.Config with
        {
            Steps = 4,
            Algorithm = new() { AdaptiveEntropy = new() { Target = 50, Delta = 0.1 }, StopAfter = 2 },
        };
        var (metrics, whole) = ArmRunTests.Train(config);
        CollectionAssert.AreEqual(
            new[] { 0, 0.1, 0.2, 0.3 },
            metrics.Select(m => Math.Round(ArmRunTests.Row(m)["policy/entropy_coefficient"]!.GetValue<double>(), 12)).ToArray());
        Assert.AreNotEqual(whole, ArmRunTests.Train(config with { Algorithm = new() { StopAfter = 2 } }).Hash);
        string folder;
        using (var stop = new CancellationTokenSource())
        using (var trainer = new Trainer(config, TinyModel.Problems(), new() { Step = m => { if (m.Step == 2) stop.Cancel(); } }))
        using (var run = RunDirectory.Create(config, TimeProvider.System))
        {
            folder = run.Folder;
            Assert.IsFalse(trainer.Run(run, stop.Token).Completed);
        }
        using (var trainer = new Trainer(config, TinyModel.Problems()))
        using (var run = RunDirectory.Resume(folder, config))
        {
            Assert.IsTrue(trainer.Run(run).Completed);
            Assert.AreEqual(whole, trainer.Policy.Hash());
        }
    }

    [TestMethod]
    [DataRow("stopAfter=3 name=grpo", "algorithm.stopAfter is 3 with algorithm.name grpo, which shapes no rewards")]
    [DataRow("stopAfter=-1", "algorithm.stopAfter is -1; it must be at least 0.")]
    [DataRow("adaptiveEntropy.target=0.2 name=entropy", "algorithm.adaptiveEntropy.target is 0.2 with an entropyCoefficient of 0.003")]
    [DataRow("adaptiveEntropy.delta=0.1", "algorithm.adaptiveEntropy.delta is 0.1 with algorithm.adaptiveEntropy.target 0, which is off")]
    [DataRow("adaptiveEntropy.delta=0 adaptiveEntropy.target=1", "algorithm.adaptiveEntropy.delta is 0; it must be above 0")]
    [DataRow("covarianceShare=0.1", "algorithm.covarianceShare is 0.1 with algorithm.loss clipped; only clip-cov and kl-cov have it")]
    [DataRow("covarianceLow=2 loss=kl-cov", "algorithm.covarianceLow is 2 with algorithm.loss kl-cov; only clip-cov have it")]
    [DataRow("covarianceHigh=1 loss=clip-cov", "algorithm.covarianceHigh is 1; it must be above algorithm.covarianceLow (1)")]
    [DataRow("alignmentWeight=1", "algorithm.alignmentWeight is 1 with algorithm.name g2rl; only gar has it")]
    public void Faults_ContradictoryOptions_AreRefusedByName(string settings, string message) =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => RunConfigFile.Load(null, settings.Split(' ').Select(s => $"algorithm.{s}"))).Message,
            message);

    private static void Run(ScoredGroup group, AlgorithmConfig config) =>
        AlgorithmTable.All["g2rl"].Advantages(group, Angles, config, 0);

    private static void Near(double[] expected, double[] actual)
    {
        // Cosines come from float32 vectors.
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], 1e-6, $"[{i}]");
    }
}
