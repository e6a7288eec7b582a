using System.Text.Json.Nodes;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests;

/// <summary>What recipes of fine-tuning and of pretraining say, and what they may not.</summary>
[TestClass]
public sealed class RecipeTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-recipe").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    private string Write(string text)
    {
        var path = Path.Combine(folder, "recipe.json");
        File.WriteAllText(path, text);
        return path;
    }

    private static string Refused(Action act) => Assert.ThrowsExactly<InputException>(act).Message;

    [TestMethod]
    public void FineTune_Defaults_AreWritten() => Assert.IsTrue(JsonNode.DeepEquals(
        JsonNode.Parse(
            """
            {"seed": 0, "model": "models/arithmetic-base", "data": {"train": "a.jsonl", "heldOut": "", "heldOutFraction": 0.1,
             "promptField": null, "responseField": null, "chat": false, "system": null, "lastTurnOnly": false, "skipTooLong": false},
             "epochs": 3, "examplesPerStep": 16, "learningRate": 1e-05, "warmupSteps": 10, "weightDecay": 0, "maxTokens": 1024,
             "tokensPerMicrobatch": 2048, "packing": "auto", "adapter": {"type": "none", "rank": 8, "alpha": 16, "targets": ["all-linear"], "rsLora": false,
             "base": "float32", "path": ""}}
            """),
        JsonNode.Parse(FineTuneConfig.Load(null, ["data.train=a.jsonl"]).ToJson())));

    [TestMethod]
    public void FineTune_FileAndSettings_AreJoined()
    {
        var path = Write("""{ /* a remark */ "data": {"train": "a.jsonl", "chat": true,}, "epochs": 2, }""");
        var config = FineTuneConfig.Load(path, ["epochs=5", "data.system=Be brief", "seed = 7", "data.heldOutFraction=0.5"]);
        Assert.AreEqual((5, 7ul, true), (config.Epochs, config.Seed, config.Data.Chat));
        Assert.AreEqual(("Be brief", 0.5, "a.jsonl"), (config.Data.System, config.Data.HeldOutFraction, config.Data.Train));
        Assert.IsTrue(FineTuneConfig.Is(path));
        Assert.IsFalse(FineTuneConfig.Is(Write("{}")));
    }

    [TestMethod]
    [DataRow("epochs=0", "epochs is 0")]
    [DataRow("epochs=100001", "epochs is 100001")]
    [DataRow("examplesPerStep=0", "examplesPerStep is 0")]
    [DataRow("examplesPerStep=1000001", "examplesPerStep is 1000001")]
    [DataRow("learningRate=0", "learningRate is 0")]
    [DataRow("learningRate=-1", "learningRate is -1")]
    [DataRow("warmupSteps=-1", "warmupSteps is -1")]
    [DataRow("weightDecay=-0.1", "weightDecay is -0.1")]
    [DataRow("maxTokens=1", "maxTokens is 1")]
    [DataRow("maxTokens=10000001", "maxTokens is 10000001")]
    [DataRow("tokensPerMicrobatch=0", "tokensPerMicrobatch is 0")]
    [DataRow("data.heldOutFraction=1", "data.heldOutFraction is 1")]
    [DataRow("data.heldOutFraction=-0.1", "data.heldOutFraction is -0.1")]
    [DataRow("epochs=0", "epochs is 0; it must be at least 1.")]
    [DataRow("examplesPerStep=0", "examplesPerStep is 0; it must be at least 1.")]
    [DataRow("learningRate=0", "learningRate is 0; it must be above 0 and finite, for example 1e-5.")]
    [DataRow("warmupSteps=-1", "warmupSteps is -1; it must be 0 or more.")]
    [DataRow("weightDecay=-1", "weightDecay is -1; it must be 0 or more and finite.")]
    [DataRow("maxTokens=1", "maxTokens is 1; it must be at least 2.")]
    [DataRow("tokensPerMicrobatch=0", "tokensPerMicrobatch is 0; it must be at least 1.")]
    [DataRow("data.heldOutFraction=1", "data.heldOutFraction is 1; it must be in [0, 1).")]
    [DataRow("data.train=", "data.train is empty; it must be a file of examples, for example data.train=rows.jsonl.")]
    [DataRow("model=", "model is empty; it must be the folder of a model.")]
    [DataRow("packing=1", "the recipe: ")]
    [DataRow("epoch=1", "there is no setting 'epoch' of a fine-tuning. Nearest: epochs")]
    [DataRow("data.trian=1", "Nearest: data.train")]
    [DataRow("epochs", "write it as name=value")]
    [DataRow("=1", "write it as name=value")]
    [DataRow("epochs=many", "the recipe: ")]
    [DataRow("epochs=\"3\"", "Its settings are seed, model, data.train")]
    [DataRow("model=null", "the recipe: ")]
    [DataRow("adapter.rank=0", "adapter.rank is 0")]
    [DataRow(
        "adapter.rank=4",
        "adapter.type is none, so adapter.rank, alpha, targets and rsLora mean nothing. Set adapter.type=lora, or leave them away.")]
    [DataRow("adapter.targets=[\"q_proj\"]", "adapter.type is none, so adapter.rank")]
    [DataRow("adapter.path=x", "adapter.path is x and adapter.type is none")]
    [DataRow("adapter.base=int8", "adapter.type is none; weights that learn are float32")]
    [DataRow("adapter.type=dora", "Its settings are seed, model, data.train")]
    [DataRow("adapter.ranks=8", "Nearest: adapter.rank")]
    public void FineTune_BeyondItsRange_IsRefusedByName(string set, string words) =>
        StringAssert.Contains(Refused(() => FineTuneConfig.Load(null, ["data.train=a.jsonl", set])), words);

    [TestMethod]
    [DataRow("epochs=1")]
    [DataRow("epochs=100000")]
    [DataRow("examplesPerStep=1")]
    [DataRow("examplesPerStep=1000000")]
    [DataRow("warmupSteps=0")]
    [DataRow("maxTokens=2")]
    [DataRow("maxTokens=10000000")]
    [DataRow("tokensPerMicrobatch=1")]
    [DataRow("data.heldOutFraction=0")]
    public void FineTune_EndsOfARange_AreGood(string set) => FineTuneConfig.Load(null, ["data.train=a.jsonl", set]);

    [TestMethod]
    public void FineTune_SeveralFaults_AreToldTogether()
    {
        var message = Refused(() => FineTuneConfig.Load(null, ["epochs=0", "maxTokens=0"]));
        foreach (var name in (string[])["data.train", "epochs", "maxTokens"])
            StringAssert.Contains(message, name);
        StringAssert.Contains(
            Refused(() => FineTuneConfig.Load(Write("""{"data": 5}"""), ["data.train=a"])), "'data' is no group of settings");
        StringAssert.Contains(Refused(() => FineTuneConfig.Load(Write("""{"epocs": 5}"""), [])), "epocs");
    }

    [TestMethod]
    public void Pretrain_Defaults_AreWritten()
    {
        var config = PretrainConfig.Load(Write("{ /* all as it is */ }"));
        var node = JsonNode.Parse(config.ToJson())!.AsObject();
        Assert.Contains("\n  \"steps\": 3000,", config.ToJson().ReplaceLineEndings("\n"), "a setting a line");
        foreach (var (name, value) in new (string, string)[]
        {
            ("seed", "0"), ("hiddenSize", "128"), ("intermediateSize", "384"), ("layers", "5"), ("heads", "4"), ("keyValueHeads", "2"),
            ("headDimension", "32"), ("maxPositions", "256"), ("corpus", "\"arithmetic\""), ("steps", "3000"), ("examplesPerStep", "128"),
            ("learningRate", "0.002"), ("warmupSteps", "100"), ("weightDecay", "0.1"), ("tokensPerMicrobatch", "1024"),
        })
            Assert.AreEqual(value, node[name]!.ToJsonString(), name);
        var spec = config.Spec(vocabulary: 20, bos: 1, eos: 2, pad: 3);
        Assert.AreEqual((20, 1, 3, true, true), (spec.VocabularySize, spec.BosToken, spec.PadToken, spec.TieEmbeddings, spec.QueryKeyNorm));
        CollectionAssert.AreEqual(new[] { 2 }, spec.EosTokens.ToArray());
        Assert.AreEqual(("qwen3", "Qwen3ForCausalLM"), (spec.ModelType, spec.Architecture));
        Assert.IsInstanceOfType<Arithmetic>(config.Problems());
        Assert.AreEqual("arithmetic", ((Arithmetic)config.Problems()).Name);
        Assert.AreEqual("countdown", ((Countdown)(config with { Corpus = "countdown" }).Problems()).Name);
    }

    [TestMethod]
    [DataRow("\"steps\": 0", "recipe.json: steps is 0; it must be at least 1.")]
    [DataRow("\"examplesPerStep\": 0", "examplesPerStep is 0; it must be at least 1.")]
    [DataRow("\"learningRate\": 0", "learningRate is 0; it must be above 0 and finite.")]
    [DataRow("\"warmupSteps\": -1", "warmupSteps is -1; it must be 0 or more.")]
    [DataRow("\"weightDecay\": -1", "weightDecay is -1; it must be 0 or more and finite.")]
    [DataRow("\"tokensPerMicrobatch\": 255", "tokensPerMicrobatch is 255; it must be at least maxPositions (256).")]
    [DataRow("\"corpus\": \"letters\"", "it must be arithmetic or countdown")]
    [DataRow("\"stepz\": 5", "stepz")]
    [DataRow("\"arithmetic\": null", "arithmetic")]
    [DataRow("\"corpus\": \"countdown\", \"countdown\": null", "countdown")]
    [DataRow("\"corpus\": null", "corpus")]
    public void Pretrain_BeyondItsRange_IsRefusedByName(string setting, string words) =>
        StringAssert.Contains(Refused(() => PretrainConfig.Load(Write($"{{{setting}}}"))), words);

    [TestMethod]
    public void Pretrain_EndsOfARange_AreGood()
    {
        PretrainConfig.Load(Write("""{"steps": 1, "examplesPerStep": 1, "warmupSteps": 0, "weightDecay": 0, "tokensPerMicrobatch": 256,}"""));
        StringAssert.Contains(Refused(() => PretrainConfig.Load(Write("null"))), "holds null");
    }
}
