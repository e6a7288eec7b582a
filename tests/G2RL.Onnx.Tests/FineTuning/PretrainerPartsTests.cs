using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests.FineTuning;

/// <summary>A model from scratch at a learning rate that changes nothing: its first weights and the loss of its examples.</summary>
[TestClass]
public sealed class PretrainerPartsTests : IDisposable
{
    private const int Layers = 3, Steps = 3, Each = 2;

    private readonly Scratch scratch = new();

    public void Dispose() => scratch.Dispose();

    private static PretrainConfig Config => new()
    {
        Seed = 5,
        HiddenSize = 16,
        IntermediateSize = 24,
        Layers = Layers,
        Heads = 2,
        KeyValueHeads = 1,
        HeadDimension = 8,
        MaxPositions = Longest,
        Steps = Steps,
        ExamplesPerStep = Each,
        LearningRate = 1e-30,
        WarmupSteps = 0,
        TokensPerMicrobatch = Longest,
    };

    private static (string Prompt, string Solution)[] Examples
    {
        get
        {
            var (corpus, seed) = (new PretrainConfig().Problems(), Seeds.Derive(5, Seeds.Purpose.Examples));
            return [.. Enumerable.Range(0, Steps * Each).Select(i => corpus.Example(seed, i))];
        }
    }

    // A character is a token; all but the last token, which ends the text, are read.
    private static int Longest => Examples.Max(e => e.Prompt.Length + e.Solution.Length);

    [TestMethod]
    public void Run_StepsThatChangeNothing_WriteTheFirstWeightsAndTheLossesOfTheExamples()
    {
        var (output, losses) = (Path.Combine(scratch.Path, "model"), new List<double>());
        Pretrainer.Run(Config, output, threads: 1, p => losses.Add(p.Loss));
        using var checkpoint = HuggingFaceCheckpoint.Open(output);
        using var policy = Policy.Load(output, Longest);
        var index = 0;
        foreach (var parameter in checkpoint.Spec.Parameters)
        {
            var expected = new float[parameter.Count];
            if (parameter.Shape.Length == 1)
                expected.AsSpan().Fill(1);
            else
            {
                Seeds.Normal(Seeds.Derive(5, Seeds.Purpose.Weights), index, expected);
                // Into the residual stream two matrices of each layer write.
                var writes = parameter.Name.EndsWith("o_proj.weight") || parameter.Name.EndsWith("down_proj.weight");
                var scale = parameter.Name == "model.embed_tokens.weight" ? 0.05
                    : Math.Sqrt(1.0 / parameter.Shape[1]) / (writes ? Math.Sqrt(2 * Layers) : 1);
                for (var i = 0; i < expected.Length; i++)
                    expected[i] *= (float)scale;
            }
            var weights = policy.Parameters.Single(p => p.Name == parameter.Name).Buffer.Span;
            Assert.IsTrue(weights.SequenceEqual(expected), parameter.Name);
            index++;
        }
        var tokenizer = Tokenizer.Load(output);
        using var scorer = new Scorer(policy.Spec, 1);
        for (var step = 0; step < Steps; step++)
        {
            var scores = scorer.Score(
                policy,
                [.. Examples[(step * Each)..((step + 1) * Each)].Select(e =>
                    new Sequence(tokenizer.Encode(e.Prompt), [.. tokenizer.Encode(e.Solution), tokenizer.EosId!.Value]))],
                temperature: 1,
                1024);
            Assert.AreEqual(
                -scores.Sum(s => s.LogProbs.Sum(lp => (double)lp)) / scores.Sum(s => s.LogProbs.Length), losses[step], Tolerances.Loss);
        }
        Assert.HasCount(Steps, losses);
        CollectionAssert.AreEqual(new[] { output }, Directory.GetFileSystemEntries(scratch.Path), "nothing beside the model");
        Assert.AreEqual(
            $"{output} exists; pretraining never overwrites a model. Choose another folder or remove it.",
            Assert.ThrowsExactly<InputException>(() => Pretrainer.Run(Config, output, threads: 1)).Message);
    }

    [TestMethod]
    public void Run_Cancelled_KeepsItsCheckpointsBesideTheOutputAndGoesOn()
    {
        string In(string name) => Path.Combine(scratch.Path, name);
        var config = Config with { LearningRate = 1e-3 };
        Pretrainer.Run(config, In("whole"), threads: 1);
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsExactly<OperationCanceledException>(
            () => Pretrainer.Run(config, In("cut"), threads: 1, _ => cancel.Cancel(), cancel: cancel.Token));
        CollectionAssert.AreEqual(
            new[] { "step-000001" }, Directory.GetDirectories(In("cut.pretraining/checkpoints")).Select(Path.GetFileName).ToArray());
        void Refuses(PretrainConfig asked, string output, bool resume, string words) => Assert.AreEqual(
            $"{In(output)}.pretraining {words}",
            Assert.ThrowsExactly<InputException>(() => Pretrainer.Run(asked, In(output), 1, resume: resume)).Message);
        Refuses(config, "cut", false, "holds an interrupted pretraining. Go on with it by --resume, or remove the folder.");
        Refuses(config, "none", true, "does not exist: there is no interrupted pretraining to resume. Leave out --resume.");
        Refuses(
            config with { Seed = 6 },
            "cut",
            true,
            $"was begun with another recipe or other data ({In("cut.pretraining/recipe.json")}). Resume with that one, or remove the "
                + "folder.");
        Pretrainer.Run(config, In("cut"), threads: 1, resume: true);
        CollectionAssert.AreEqual(
            File.ReadAllBytes(In("whole/model.safetensors")), File.ReadAllBytes(In("cut/model.safetensors")));
        Assert.IsFalse(Directory.Exists(In("cut.pretraining")));
    }

    [TestMethod]
    public void Run_RecipeThatCannotBe_IsRefused()
    {
        var output = Path.Combine(scratch.Path, "model");
        Assert.AreEqual(
            $"An example has {Longest} tokens; maxPositions is {Longest - 1}. Raise it, or make the problems smaller.",
            Assert.ThrowsExactly<InputException>(
                () => Pretrainer.Run(Config with { MaxPositions = Longest - 1 }, output, threads: 1)).Message);
        Directory.Delete(output + ".pretraining", recursive: true);
        StringAssert.StartsWith(
            Assert.ThrowsExactly<InputException>(
                () => Pretrainer.Run(Config with { Heads = 3, KeyValueHeads = 2 }, output, threads: 1)).Message,
            "the recipe: ");
        Assert.IsFalse(Directory.Exists(output));
    }
}
