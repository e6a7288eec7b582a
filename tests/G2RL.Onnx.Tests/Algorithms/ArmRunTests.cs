using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

/// <summary>Arms and settings of the algorithm in whole runs.</summary>
[TestClass]
public sealed class ArmRunTests
{
    [TestMethod]
    public void Run_EveryArm_TrainsAndIsRepeatable()
    {
        using var model = new TinyModel();
        // Every fourth problem takes any answer, so that some groups are all right.
        var noisy = TinyModel.Problems();
        var problems = new FunctionProblemSet(
            "some",
            [.. noisy.Batch(0, 16, 0)],
            [.. noisy.HeldOut(8)],
            (p, text) => p.Prompt[0] % 4 == 0 ? Outcome.Judged(true) : noisy.Judge(p, text, true));
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in AlgorithmTable.All.Keys)
        {
            // Several updates a batch, or clipping never acts.
            var config = model.Config with
            {
                Steps = 2,
                Algorithm = new() { Name = name, PassAtK = 2 },
                Training = model.Config.Training with { LearningRate = 2e-2, MinibatchesPerBatch = 4, CheckpointEvery = 100 },
            };
            hashes[name] = Train(config, problems).Hash;
            Assert.AreEqual(hashes[name], Train(config, problems).Hash, name);
        }
        Assert.AreEqual(hashes.Count, hashes.Values.Distinct().Count(), string.Join(' ', hashes));
    }

    [TestMethod]
    public void Run_EntropyAndClipHigher_AreGrpoWithThatSetting()
    {
        using var model = new TinyModel();
        var config = model.Config with
        {
            Steps = 2,
            Training = model.Config.Training with { LearningRate = 2e-2, MinibatchesPerBatch = 4, CheckpointEvery = 100 },
        };
        foreach (var (name, same) in new (string, AlgorithmConfig)[]
        {
            ("entropy", new() { EntropyCoefficient = 0.003 }),
            ("clip-higher", new() { ClipHigh = 0.28 }),
        })
            Assert.AreEqual(
                Train(config with { Algorithm = same with { Name = "grpo" } }).Hash,
                Train(config with { Algorithm = new() { Name = name } }).Hash,
                name);
    }

    [TestMethod]
    public void Run_LambdaZero_EqualsGrpoForEveryArmThatShapes()
    {
        using var model = new TinyModel();
        var config = model.Config with { Steps = 3, Training = model.Config.Training with { CheckpointEvery = 100 } };
        var grpo = Train(config with { Algorithm = new() { Name = "grpo" } }).Hash;
        foreach (var (name, _) in AlgorithmTable.All.Where(a => a.Value.Shapes && a.Key != "g2rl-masked"))
            Assert.AreEqual(grpo, Train(config with { Algorithm = new() { Name = name, Lambda = 0 } }).Hash, name);
    }

    [TestMethod]
    public void Run_TokenWeights_ChangeTheNoveltyAndTakeTheScoringPass()
    {
        using var model = new TinyModel();
        double Novelty(TokenWeightKind kind) => Row(Train(model.Config with
        {
            Steps = 1,
            Algorithm = new() { TokenWeights = kind, LastTokens = 2 },
        }).Metrics[0])["g2rl/nu_mean"]!.GetValue<double>();
        Assert.AreEqual(3, new[] { Novelty(TokenWeightKind.Uniform), Novelty(TokenWeightKind.Entropy), Novelty(TokenWeightKind.LastK) }
            .Distinct()
            .Count());
    }

    [TestMethod]
    [DataRow("name", "ppo", "algorithm.name is 'ppo'; there are: clip-higher, embedding, entropy, g2rl, g2rl-hidden, g2rl-masked, "
        + "g2rl-prose, g2rl-shuffled, gar, grpo, maxrl, otb, passk, remax.")]
    [DataRow("noveltyWithin", "batch", "it must be one of: group, class, right.")]
    [DataRow("tokenWeights", "first", "it must be one of: uniform, entropy, lastK.")]
    [DataRow("lastTokens", "0", "algorithm.lastTokens is 0; it must be at least 1.")]
    [DataRow("passAtK", "0", "algorithm.passAtK is 0; it must be 1 to sampling.groupSize (16).")]
    [DataRow("clipHigh", "-1", "algorithm.clipHigh is -1; it must be 0 or more")]
    public void Faults_BadArmSettings_SayWhatThereIs(string setting, string value, string message) =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => RunConfigFile.Load(null, [$"algorithm.{setting}={value}"])).Message,
            message);

    [TestMethod]
    [DataRow("name=passk advantage=rloo", "algorithm.advantage is rloo with algorithm.name passk")]
    [DataRow("name=entropy entropyCoefficient=0", "algorithm.entropyCoefficient is 0 with algorithm.name entropy")]
    [DataRow("name=g2rl-prose shaping=shuffled", "algorithm.shaping is Shuffled with algorithm.name g2rl-prose")]
    [DataRow("name=g2rl-shuffled shaping=prose", "algorithm.shaping is Prose with algorithm.name g2rl-shuffled")]
    public void Faults_ContradictoryOptions_AreRefusedByName(string settings, string message) =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => RunConfigFile.Load(null, settings.Split(' ').Select(s => $"algorithm.{s}"))).Message,
            message);

    [TestMethod]
    public void Warnings_SettingsThatAnArmIgnores_AreNamed()
    {
        var warnings = string.Join('\n', RunConfigRules.Warnings(new()
        {
            Algorithm = new()
            {
                Name = "grpo",
                Shaping = ShapingKind.Prose,
                TokenWeights = TokenWeightKind.Entropy,
                NoveltyWithin = NoveltyScope.Class,
                Embedder = "x.onnx",
            }
        }));
        foreach (var name in new[] { "shaping", "tokenWeights", "noveltyWithin", "embedder" })
            StringAssert.Contains(warnings, $"algorithm.{name} is");
        Assert.HasCount(0, RunConfigRules.Warnings(new() { Algorithm = new() { Name = "g2rl-hidden", Shaping = ShapingKind.Prose } }));
    }

    internal static JsonObject Row(string line) => (JsonObject)JsonNode.Parse(line)!;

    internal static (string[] Metrics, string Hash) Train(RunConfig config, IProblemSet? problems = null, List<string>? warnings = null)
    {
        using var trainer = new Trainer(config, problems ?? TinyModel.Problems(), new() { Warning = w => warnings?.Add(w) });
        using var run = RunDirectory.Create(config, TimeProvider.System);
        Assert.IsTrue(trainer.Run(run).Completed);
        string[] metrics = [.. File.ReadLines(Path.Combine(run.Folder, "metrics.jsonl"))];
        return (metrics, trainer.Policy.Hash());
    }
}
