using System.Text.Json.Nodes;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Graphs.Tests.Checkpoints;

namespace G2RL.Onnx.Converter.Tests;

[TestClass]
public sealed class QuantizedExportTests
{
    [TestMethod]
    [DataRow(TestModels.Qwen3, "--int4")]
    [DataRow(TestModels.Gpt2, "--int4")]
    [DataRow(TestModels.Olmo2, "--int8")]
    public void Export_TellsSizesAndErrors_AndPassesVerify(string config, string bits)
    {
        using var folder = new TemporaryFolder();
        ConverterRun.Done("convert", TestModels.Write(folder["model"], config), folder["full"], "--graphs", "decode");
        var answer = JsonNode.Parse(ConverterRun.Done("export", folder["full"], folder["small"], "--format", "onnx", bits, "--block-size",
            "16", "--zero-points", "--json"))!;
        var errors = answer["error_report"]!;
        Assert.AreEqual(4 * 25, errors["positions"]!.GetValue<int>());
        Assert.IsGreaterThan(0, errors["largest_logit_difference"]!.GetValue<double>());
        Assert.IsLessThan(bits == "--int4" ? 0.25 : 0.02, errors["relative_logit_difference"]!.GetValue<double>());
        Assert.IsLessThan(answer["source_bytes"]!.GetValue<long>(), answer["weight_bytes"]!.GetValue<long>());
        CollectionAssert.AreEquivalent(
            new[] { "config.json", "decode.onnx", "genai_config.json", "manifest.json", "weights.bin" },
            Directory.GetFiles(folder["small"]).Select(Path.GetFileName).ToArray());

        ConverterRun.Done("verify", folder["small"], "--against", folder["full"]);
        ConverterRun.Done("verify", folder["full"], "--against", folder["small"]);
        // It can say no, and damage is seen.
        Assert.AreEqual(1, ConverterRun.Of("verify", folder["small"], "--against", folder["full"], "--tolerance-factor", "1e-3").Code);
        var scales = ConversionManifest.Read(folder["small"]).Quantized![1].Scales;
        var path = Path.Combine(folder["small"], "weights.bin");
        var bytes = File.ReadAllBytes(path);
        bytes[scales.Offset + 2] ^= 1;
        File.WriteAllBytes(path, bytes);
        StringAssert.Contains(ConverterRun.Refused("verify", folder["small"], "--against", folder["full"]), "is not what was converted");
        StringAssert.Contains(
            ConverterRun.Done("inspect", folder["small"], "--json"),
            bits == "--int4" ? "4 bits, blocks of 16" : "8 bits, blocks of 16");
        StringAssert.Contains(ConverterRun.Refused("export", folder["small"], folder["back"]), "in few bits");
    }

    [TestMethod]
    public void TrainedPolicy_IsQuantisedToo_AndWhatIsKeptMayBeShorter()
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], TestModels.Qwen3);
        StringAssert.Contains(
            ConverterRun.Done("export", model, folder["small"], "--source", model, "--format", "onnx", "--int8", "--precision", "fp16"),
            "14 matrices in");
        var manifest = ConversionManifest.Read(folder["small"]);
        Assert.IsTrue(manifest.Tensors.All(t => t.Stored == Checkpoints.SafeTensors.SafeTensorsDtype.F16));
        ConverterRun.Done("convert", model, folder["full"], "--graphs", "decode");
        ConverterRun.Done("verify", folder["small"], "--against", folder["full"]);
    }

    [TestMethod]
    [DataRow("both", "--format", "onnx", "--int4", "--int8")]
    [DataRow("for --format onnx", "--int4")]
    [DataRow("for --format onnx", "--precision", "fp16")]
    [DataRow("for --int4 and --int8", "--format", "onnx", "--block-size", "64")]
    [DataRow("block size is 33", "--format", "onnx", "--int4", "--block-size", "33")]
    [DataRow("accuracy level is 5", "--format", "onnx", "--int4", "--accuracy-level", "5")]
    public void Options_ThatDoNotFit_AreRefused_AndNothingIsLeft(string named, params string[] options)
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], TestModels.Qwen3);
        StringAssert.Contains(ConverterRun.Refused(["export", model, folder["out"], "--source", model, .. options]), named);
        CollectionAssert.AreEqual(new[] { model }, Directory.GetFileSystemEntries(folder.Path));
    }

    [TestMethod]
    public void Manifest_WithPlacesOutsideTheFile_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], TestModels.Qwen3);
        ConverterRun.Done("export", model, folder["small"], "--source", model, "--format", "onnx", "--int4");
        var path = Path.Combine(folder["small"], "manifest.json");
        var manifest = JsonNode.Parse(File.ReadAllText(path))!;
        manifest["quantized"]![0]!["scales"]!["offset"] = -4096;
        File.WriteAllText(path, manifest.ToJsonString());
        StringAssert.Contains(ConverterRun.Refused("inspect", folder["small"]), "from -4096 on");
        manifest["quantized"]![0]!["scales"]!["offset"] = 1L << 40;
        File.WriteAllText(path, manifest.ToJsonString());
        StringAssert.Contains(ConverterRun.Refused("verify", folder["small"], "--against", folder["small"]), "ends inside tensor");
    }
}
