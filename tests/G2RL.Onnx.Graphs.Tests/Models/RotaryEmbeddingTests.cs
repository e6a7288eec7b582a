using System.Text.Json;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Graphs.Tests.Models;

[TestClass]
public sealed class RotaryEmbeddingTests
{
    // transformers takes theta^(2i/d) with torch's float32 pow, which is right to 1 ulp but not correctly rounded.
    private const double OneUlp = 1.2e-7;

    // One ulp at 1: float32 cosines against rounded double ones, and one product with the attention scaling.
    private const double TableTolerance = 1.2e-7;

    [TestMethod]
    public void Frequencies_OfEveryGoldenCase_MatchTransformers5()
    {
        using var golden = Golden();
        var checkedCases = 0;
        foreach (var (name, config, expected) in Supported(golden))
        {
            var rope = new RotaryEmbedding(Spec(name, config));
            var frequencies = Numbers(expected.GetProperty("inv_freq"));
            var actual = rope.InverseFrequencies();
            Assert.HasCount(frequencies.Length, actual, name);
            for (var i = 0; i < actual.Length; i++)
                Assert.AreEqual(frequencies[i], actual[i], OneUlp * frequencies[i], $"{name}, frequency {i}");
            Assert.AreEqual(expected.GetProperty("attention_scaling").GetDouble(), rope.AttentionScaling, 1e-15, name);
            checkedCases++;
        }
        Assert.AreEqual(10, checkedCases);
    }

    [TestMethod]
    public void Tables_OfEveryGoldenCaseThatHasThem_MatchTransformers()
    {
        using var golden = Golden();
        var numbers = 0;
        foreach (var (name, config, expected) in Supported(golden))
        {
            if (expected.GetProperty("cos").ValueKind == JsonValueKind.Null)
                continue;
            var spec = Spec(name, config);
            var half = spec.HeadDimension / 2;
            var rows = Math.Min(200, spec.MaxPositions);
            float[] cos = new float[rows * half], sin = new float[rows * half];
            new RotaryEmbedding(spec).Fill(cos, sin, rows);
            var positions = expected.GetProperty("positions").EnumerateArray().Select(p => p.GetInt32()).ToArray();
            for (var row = 0; row < positions.Length; row++)
                for (var i = 0; i < half; i++, numbers++)
                {
                    var where = $"{name}, position {positions[row]}, frequency {i}";
                    Assert.AreEqual(
                        expected.GetProperty("cos")[row][i].GetDouble(),
                        cos[(positions[row] * half) + i],
                        TableTolerance,
                        where);
                    Assert.AreEqual(
                        expected.GetProperty("sin")[row][i].GetDouble(),
                        sin[(positions[row] * half) + i],
                        TableTolerance,
                        where);
                }
        }
        Assert.AreEqual(3 * 5 * 8, numbers);
    }

    [TestMethod]
    public void AttentionScaling_WithBothMscales_IsTheirRatio()
    {
        // DeepSeek's form: (0.1 * 2 * ln 4 + 1) / (0.1 * 1 * ln 4 + 1) = 1.2772588722 / 1.1386294361.
        var spec = new RopeSpec { Kind = RopeKind.Yarn, Factor = 4, OriginalMaxPositions = 4096, MScale = 2, MScaleAllDimensions = 1 };
        Assert.AreEqual(1.2772588722239781 / 1.1386294361119891, new RotaryEmbedding(spec, 16).AttentionScaling, 1e-12);
    }

    [TestMethod]
    public void Fill_WrongLength_IsRefused()
    {
        var rope = new RotaryEmbedding(new RopeSpec(), 8);
        Assert.ThrowsExactly<ArgumentException>(() => rope.Fill(new float[8], new float[7], 2));
        Assert.ThrowsExactly<InputException>(() => new RotaryEmbedding(new RopeSpec(), 7));
        Assert.ThrowsExactly<InputException>(() => new RotaryEmbedding(new RopeSpec { Theta = double.NaN }, 8));
    }

    [TestMethod]
    public void DynamicRope_BeyondItsOriginalLength_IsRefused()
    {
        using var golden = Golden();
        var rope = new RotaryEmbedding(Spec("dynamic", golden.RootElement.GetProperty("dynamic-2(seq 200)").GetProperty("config")));
        rope.Fill(new float[128 * 8], new float[128 * 8], 128);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => rope.Fill(new float[129 * 8], new float[129 * 8], 129)).Message,
            "original 128");
    }

    // Rotated alone: the numbers of the part are those of a head of its width.
    [TestMethod]
    public void PartialRotation_TurnsLikeAHeadOfThatWidth()
    {
        var spec = Architectures.Parse(
            """{"model_type": "phi3", "vocab_size": 9, "hidden_size": 48, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 3, "partial_rotary_factor": 0.75, "pad_token_id": null, "eos_token_id": null}""",
            "x");
        Assert.AreEqual(12, spec.RotaryDimension);
        CollectionAssert.AreEqual(new RotaryEmbedding(spec.Rope!, 12).InverseFrequencies(), new RotaryEmbedding(spec).InverseFrequencies());
    }

    private static JsonDocument Golden() =>
        JsonDocument.Parse(File.ReadAllText(SharedFolder.InRepository("tests", "fixtures", "golden-rope", "rope.json")));

    private static IEnumerable<(string Name, JsonElement Config, JsonElement Expected)> Supported(JsonDocument golden)
    {
        foreach (var member in golden.RootElement.EnumerateObject())
        {
            // Beyond the original length dynamic RoPE follows the text's length, and is refused.
            if (member.Name == "dynamic-2(seq 200)")
                continue;
            var newer = member.Value.GetProperty("transformers_5.10.0.dev0");
            yield return (member.Name, member.Value.GetProperty("config"),
                newer.ValueKind == JsonValueKind.Object ? newer : member.Value.GetProperty("transformers_4.52.0.dev0"));
        }
    }

    // The golden cases hold only what RoPE needs; the rest is filled in to make a whole config.
    private static DecoderSpec Spec(string name, JsonElement config)
    {
        var keys = config.EnumerateObject().Select(m => $"\"{m.Name}\": {m.Value.GetRawText()}");
        var rest = "\"model_type\": \"llama\", \"vocab_size\": 10, \"intermediate_size\": 8, \"num_hidden_layers\": 1";
        return Architectures.Parse($"{{{string.Join(", ", keys)}, {rest}}}", name);
    }

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(n => n.GetDouble())];
}
