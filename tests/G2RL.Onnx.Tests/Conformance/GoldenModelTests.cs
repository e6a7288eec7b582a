using G2RL.Onnx.Conformance;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

/// <summary>Every graph against Hugging Face transformers, through the cases of <c>g2rl conformance</c>.</summary>
[TestClass]
public sealed class GoldenModelTests
{
    private const string Scores = "score, right-padded; score, left-padded; score, padded on both sides; score, far positions; decode";
    private const string All = Scores + "; loss and gradients, another temperature; G2RL; loss, gradients and AdamW";

    [TestMethod]
    public void Conformance_ModelFolders_HaveTheseCasesAndEveryOneAgrees()
    {
        foreach (var (name, cases) in new[]
        {
            ("golden-qwen3-a", All),
            ("golden-qwen3-a-bf16", Scores),
            ("golden-qwen3-yarn", All),
            ("golden-qwen2-a", All),
            ("golden-qwen2-a-sharded", Scores),
            ("golden-llama-a", All),
            ("golden-llama-b", All),
            ("golden-mistral-a", All),
            ("golden-phi3-a", All),
            ("golden-gemma3-a", All),
        })
        {
            var file = ConformanceRun.Run([SharedFolder.Require("models", name)]).Files.Single();
            Assert.AreEqual("", string.Join('\n', file.Cases.Where(c => !c.Passed).Select(c => $"{name}, {c.Id}: {c.Kind} {c.Fault}")));
            Assert.AreEqual(cases, string.Join("; ", file.Cases.Select(c => c.Id)), name);
        }
    }

    [TestMethod]
    public void Conformance_RotaryPositions_AgreeButForDynamicOnesBeyondTheirLength()
    {
        var file = ConformanceRun.Run([SharedFolder.InRepository("tests", "fixtures", "golden-rope")]).Files.Single();
        Assert.AreEqual("", string.Join('\n', file.Cases.Where(c => c.Supported && !c.Passed).Select(c => $"{c.Id}: {c.Fault}")));
        Assert.AreEqual((10, 1), (file.Passed, file.Unsupported));
    }
}
