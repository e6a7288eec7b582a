using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Graphs.Tests.Models;

[TestClass]
public sealed class GoldenConfigTests
{
    public static IEnumerable<string> Folders =>
        ["golden-qwen3-a", "golden-qwen3-a-bf16", "golden-qwen3-yarn", "golden-qwen2-a", "golden-qwen2-a-sharded", "golden-llama-a",
            "golden-llama-b", "golden-mistral-a", "golden-phi3-a", "golden-gemma3-a"];

    [TestMethod]
    [DynamicData(nameof(Folders))]
    public void Config_InBothStyles_GivesTheSameSpec(string folder)
    {
        var path = OwnModels.OrShared(folder);
        var old = Architectures.Read(path);
        var v5 = Path.Combine(path, "config_v5.json");
        Assert.AreEqual(old, Architectures.Parse(File.ReadAllText(v5), v5));
        Assert.AreEqual(old.GetHashCode(), Architectures.Parse(File.ReadAllText(v5), v5).GetHashCode());
    }

    [TestMethod]
    [DynamicData(nameof(Folders))]
    public void Config_WrittenBack_ReadsAsTheSameSpec(string folder)
    {
        var spec = Architectures.Read(OwnModels.OrShared(folder));
        Assert.AreEqual(spec, Architectures.Parse(spec.ToConfigJson("bfloat16"), "written"));
    }

    [TestMethod]
    public void Gemma3_Golden_HasItsForm()
    {
        var spec = Architectures.Read(OwnModels.OrShared("golden-gemma3-a"));
        Assert.AreEqual(
            (NormKind.RmsFromOne, NormPlacement.Around, Activation.GeluTanh, true, true, 20.0),
            (spec.Norm, spec.NormPlacement, spec.Activation, spec.ScaleEmbeddings, spec.TieEmbeddings, spec.AttentionScalar));
        CollectionAssert.AreEqual(new[] { 5, 5, 0 }, spec.Windows);
        Assert.AreEqual((1e6, 1e4), (spec.Rope!.Theta, spec.LocalRope!.Theta));
        CollectionAssert.AreEqual(new[] { true, true, false }, Enumerable.Range(0, 3).Select(spec.IsLocal).ToArray());
    }

    [TestMethod]
    public void Mistral_WithAWindow_HasItInEveryLayer() => CollectionAssert.AreEqual(
        new[] { 8, 8 },
        Architectures.Parse(
            """
            {"model_type": "mistral", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 48, "max_position_embeddings": 512, "sliding_window": 8}
            """,
            "x").Windows);

    [TestMethod]
    public void Parameters_OfAGoldenModel_AreThoseOfItsGradients()
    {
        foreach (var folder in Folders)
        {
            var path = SharedFolder.Require("models", folder);
            if (!File.Exists(Path.Combine(path, "grads.safetensors")))
                continue;
            using var gradients = SafeTensorsFile.Open(Path.Combine(path, "grads.safetensors"));
            var parameters = Architectures.Read(path).Parameters;
            CollectionAssert.AreEquivalent(gradients.Tensors.Keys.ToArray(), parameters.Select(p => p.Name).ToArray(), folder);
            foreach (var parameter in parameters)
                CollectionAssert.AreEqual(gradients.Tensors[parameter.Name].Shape, parameter.Shape, $"{folder}: {parameter.Name}");
        }
    }

    [TestMethod]
    public void Spec_OfTheAdder_TakesHeadDimensionApartFromHiddenSize()
    {
        // The sizes of the adder models: 122 numbers in all.
        var spec = Architectures.Parse(
            """
            {"model_type": "qwen3", "vocab_size": 10, "hidden_size": 3, "num_hidden_layers": 1, "num_attention_heads": 1,
            "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 3, "max_position_embeddings": 64, "rope_theta": 3.0,
            "tie_word_embeddings": true, "eos_token_id": null}
            """,
            "x");
        Assert.AreEqual((3, 4, 1, 10), (spec.HiddenSize, spec.HeadDimension, spec.Heads, spec.VocabularySize));
        Assert.IsEmpty(spec.EosTokens);
        // embed 10*3; norms 2*3; q, k, v 3 * 4*3; q_norm, k_norm 2*4; o 3*4; mlp 3 * 3*3; final norm 3.
        Assert.AreEqual(30 + 6 + 36 + 8 + 12 + 27 + 3, spec.ParameterCount);
    }
}
