using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Tests.Runs;
using G2RL.Onnx.Tests.Steps;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Tests;

/// <summary>Sentence models small enough to know what they say: a table of one row [id, 1] a token.</summary>
[TestClass]
public sealed class SentenceEmbedderTests
{
    [TestMethod]
    [DataRow(ElementType.Int64, false)]
    [DataRow(ElementType.Int32, false)]
    [DataRow(ElementType.Int64, true)]
    public void Embed_ByHand_AveragesTheTokens(ElementType ids, bool pooled)
    {
        using var folder = new Folder(ids, pooled);
        using var embedder = new SentenceEmbedder(folder.Model, threads: 1);
        // pad, bos, eos are 0 to 2, then a = 3, b = 4, c = 5: the mean of a, c, c is 13/3.
        var embeddings = embedder.Embed(["acc", "", "b"]);
        CollectionAssert.AreEqual(new[] { 13 / 3f, 1 }, embeddings[0]);
        CollectionAssert.AreEqual(new float[2], embeddings[1]);
        CollectionAssert.AreEqual(new[] { 4f, 1 }, embeddings[2]);
    }

    // As an algorithm's features: of each rollout its text's.
    [TestMethod]
    public void Features_OfAnEmbedder_AreThoseOfTheTexts()
    {
        using var folder = new Folder();
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var group = new FakeSource((_, _, sample) => sample == 0 ? "acc" : "b").Draw(new([[1]], Samples: 2, 0, 0))[0];
        var scored = new ScoredGroup(new(new("p", "", ""), group), [Outcome.Judged(true), Outcome.Judged(false)]);
        using var features = new RolloutFeatures(
            new() { Name = "embedding", Embedder = folder.Model }, policy.Spec, new FakeBackend(), threads: 1);
        var found = features.Of(policy, [.. group.Select((r, i) => new Sample(0, i, scored, r))], [])!;
        CollectionAssert.AreEqual(new[] { 13 / 3f, 1 }, found[0]);
        CollectionAssert.AreEqual(new[] { 4f, 1 }, found[1]);
    }

    [TestMethod]
    public void Embed_TextBeyondTheModelsLength_IsCut()
    {
        using var folder = new Folder();
        File.WriteAllText(Path.Combine(folder.Path, "config.json"), "{\"max_position_embeddings\": 2}");
        using var embedder = new SentenceEmbedder(folder.Model, threads: 1);
        CollectionAssert.AreEqual(new[] { 3.5f, 1 }, embedder.Embed(["abcc"])[0]);
    }

    [TestMethod]
    public void WordPiece_ByHand_LowersSplitsAndWrapsInSpecialTokens()
    {
        using var folder = new Folder();
        var vocabulary = new JsonObject();
        foreach (var (token, i) in new[] { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "play", "##ing", "cafe", "!" }
            .Select((t, i) => (t, i)))
            vocabulary[token] = i;
        File.WriteAllText(Path.Combine(folder.Path, "tokenizer.json"), new JsonObject
        {
            ["normalizer"] = new JsonObject
            {
                ["type"] = "BertNormalizer",
                ["lowercase"] = true,
                ["strip_accents"] = null,
                ["handle_chinese_chars"] = true,
            },
            ["pre_tokenizer"] = new JsonObject { ["type"] = "BertPreTokenizer" },
            ["model"] = new JsonObject
            {
                ["type"] = "WordPiece",
                ["unk_token"] = "[UNK]",
                ["continuing_subword_prefix"] = "##",
                ["vocab"] = vocabulary,
            },
        }.ToJsonString());
        CollectionAssert.AreEqual(new[] { 2, 5, 6, 7, 8, 1, 3 }, EmbedderTokenizer.Load(folder.Path)("Playing Caf\u00e9! xyz"));
    }

    [TestMethod]
    public void Create_WhatIsNoSentenceModel_IsRefusedByName()
    {
        using var folder = new Folder();
        void Refuses(string path, string what) =>
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => new SentenceEmbedder(path, 1)).Message, what);
        Refuses(Path.Combine(folder.Path, "absent.onnx"), "does not exist");
        var broken = Path.Combine(folder.Path, "broken.onnx");
        File.WriteAllText(broken, "no model");
        Refuses(broken, "broken.onnx is no model");
        var graph = new Graph("other");
        var op = new OpBuilder(graph);
        graph.Output(op.Named("logits", op.Neg(graph.Input("pixels", ElementType.Float32, "N"))));
        OnnxFile.Save(graph, broken);
        Refuses(broken, "has the inputs pixels and the outputs logits");
        File.Delete(Path.Combine(folder.Path, "tokenizer.json"));
        Refuses(folder.Model, "tokenizer.json");
    }

    [TestMethod]
    public void Run_EmbeddingArmWithAnEmbedder_DiffersFromHiddenStates()
    {
        using var model = new TinyModel();
        using var folder = new Folder(characters: Problems.Generated.Arithmetic.Characters);
        var config = model.Config with { Steps = 1, Algorithm = new() { Name = "embedding" } };
        var own = ArmRunTests.Train(config);
        var with = ArmRunTests.Train(config with { Algorithm = config.Algorithm with { Embedder = folder.Model } });
        Assert.AreNotEqual(own.Hash, with.Hash);
        Assert.AreEqual(
            ArmRunTests.Row(own.Metrics[0])["reward/mean"]!.GetValue<double>(),
            ArmRunTests.Row(with.Metrics[0])["reward/mean"]!.GetValue<double>());
    }

    [TestMethod]
    public void Geometry_WithAnEmbedder_ChangesTheSemanticCosineAlone()
    {
        using var model = new TinyModel();
        using var folder = new Folder(characters: Problems.Generated.Arithmetic.Characters);
        var settings = new Evaluation.GeometrySettings { Problems = 3, Samples = 4, OtherTemperatures = [] };
        var own = Evaluation.GeometryMeasurement.Run(model.Config, settings, TinyModel.Problems()).Single();
        var with =
            Evaluation.GeometryMeasurement.Run(model.Config, settings with { Embedder = folder.Model }, TinyModel.Problems()).Single();
        Assert.AreEqual(own.Gradient, with.Gradient);
        // The same responses drawn here, and embedded as they are.
        using var inputs = new Training.RunInputs(model.Config, TinyModel.Problems());
        using var sampler = new Rollouts.Sampler(inputs.Policy, inputs.Tokenizer, inputs.TrainingSampler());
        var seed = Rollouts.Seeds.Derive(model.Config.Evaluation.Seed, Rollouts.Seeds.Purpose.Evaluation, 1);
        var texts = sampler.Draw(new([.. inputs.Problems.HeldOut(3).Select(inputs.Encode)], 4, seed, 0))
            .SelectMany(g => g)
            .Select(r => r.Text)
            .ToArray();
        using var embedder = new SentenceEmbedder(folder.Model, threads: 1);
        Assert.AreEqual(Evaluation.GeometryMeasurement.Over(embedder.Embed(texts), 4).Geometry.MeanCosine, with.SemanticCosine);
        Assert.AreNotEqual(own.SemanticCosine, with.SemanticCosine);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Evaluation.GeometryMeasurement.Run(
            model.Config,
            settings with { Embedder = "absent.onnx" },
            TinyModel.Problems())).Message, "geometry.embedder is absent.onnx, which does not exist");
    }

    private sealed class Folder : IDisposable
    {
        public Folder(ElementType ids = ElementType.Int64, bool pooled = false, string characters = "abc")
        {
            CharacterTokenizer.Write(Path, characters);
            var graph = new Graph("sentence");
            var op = new OpBuilder(graph);
            var (tokens, mask) = (graph.Input("input_ids", ids, "B", "T"), graph.Input("attention_mask", ids, "B", "T"));
            float[] table = [.. Enumerable.Range(0, 256).SelectMany(i => new float[] { i, 1 })];
            var states = op.Mul(
                op.Gather(graph.Initializer("table", TensorData.Of(table, 256, 2)), tokens),
                op.Unsqueeze(op.Cast(mask, ElementType.Float32), 2));
            graph.Output(pooled
                ? op.Named("sentence_embedding", op.ReduceMean(states, keepDims: false, 1))
                : op.Named("last_hidden_state", states));
            OnnxFile.Save(graph, Model);
        }

        public string Path { get; } = Directory.CreateTempSubdirectory("g2rl-test-").FullName;

        public string Model => System.IO.Path.Combine(Path, "model.onnx");

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
