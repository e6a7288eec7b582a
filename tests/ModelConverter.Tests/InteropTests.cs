using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Converter.Tests;

/// <summary>Converted models in another client of ONNX Runtime: onnxruntime-node, see tests/interop.</summary>
[TestClass]
public sealed class InteropTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [TestMethod]
    [DataRow("golden-qwen3-a")]
    [DataRow("golden-llama-b")]
    [DataRow("golden-mistral-a")]
    [DataRow("golden-phi3-a")]
    [DataRow("golden-gemma3-a")]
    public void Decode_InNode_GivesTransformersTokens(string name)
    {
        var source = SharedFolder.Require("models", name);
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(source, "golden.json")));
        var texts = golden.RootElement.GetProperty("decode").EnumerateArray().ToArray();
        using var folder = new TemporaryFolder();
        ConverterRun.Done("convert", source, folder["onnx"], "--graphs", "decode");
        var answer = Greedy(folder["onnx"], texts.Select(t => JsonNode.Parse(t.GetProperty("prompt").GetRawText())!), texts[0].GetProperty("tokens").GetArrayLength());
        for (var i = 0; i < texts.Length; i++)
            Assert.AreEqual(JsonNode.Parse(texts[i].GetProperty("tokens").GetRawText())!.ToJsonString(), answer[i]!.ToJsonString(), $"{name} text {i}");
    }

    // No outside numbers for these two: the same tokens as in our own client.
    [TestMethod]
    [DataRow(TestModels.Gpt2)]
    [DataRow(TestModels.Olmo2)]
    public void Decode_InNode_GivesOurTokens(string config)
    {
        using var folder = new TemporaryFolder();
        ConverterRun.Done("convert", TestModels.Write(folder["model"], config), folder["onnx"], "--graphs", "decode");
        SameTokens(folder["onnx"]);
    }

    // Quantised weights in the other client: the tokens of our own, with either width.
    [TestMethod]
    [DataRow("--int4", "--zero-points")]
    [DataRow("--int8", "--accuracy-level=1")]
    public void Quantised_InNode_GivesOurTokens(string bits, string option)
    {
        using var folder = new TemporaryFolder();
        var source = TestModels.Write(folder["model"], TestModels.Qwen3);
        ConverterRun.Done("export", source, folder["onnx"], "--source", source, "--format", "onnx", bits, option);
        SameTokens(folder["onnx"]);
    }

    private static void SameTokens(string folder)
    {
        var answer = Greedy(folder, [new JsonArray(3, 1, 4)], 8);
        using var model = new ConvertedModel(folder);
        var generation = new GenerationCheck(model);
        var logits = generation.Feed(3, 1, 4);
        foreach (var token in answer[0]!.AsArray().Select(t => t!.GetValue<int>()))
        {
            Assert.AreEqual(Array.IndexOf(logits, logits.Max()), token);
            logits = generation.Feed(token);
        }
    }

    private static JsonArray Greedy(string folder, IEnumerable<JsonNode> prompts, int steps)
    {
        var interop = SharedFolder.InRepository("tests", "interop");
        // The package's own install step fetches GPU libraries, which are not needed here.
        if (!Directory.Exists(Path.Combine(interop, "node_modules", "onnxruntime-node")) && Run(interop, "npm", "", "ci", "--ignore-scripts") is { Code: not 0 } failed)
            Assert.Inconclusive($"needs npm and its registry: {failed.Error}");
        var request = new JsonObject { ["prompts"] = new JsonArray([.. prompts]), ["steps"] = steps }.ToJsonString();
        var (code, output, error) = Run(interop, "node", request, "greedy.mjs", folder);
        Assert.AreEqual(0, code, error);
        return JsonNode.Parse(output)!["tokens"]!.AsArray();
    }

    private static (int Code, string Output, string Error) Run(string folder, string program, string input, params string[] arguments)
    {
        // npm is a script on Windows, which only a shell starts.
        var start = OperatingSystem.IsWindows() ? new ProcessStartInfo("cmd.exe", ["/c", program, .. arguments]) : new ProcessStartInfo(program, arguments);
        (start.WorkingDirectory, start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) = (folder, true, true, true);
        start.Environment["ONNXRUNTIME_NODE_INSTALL"] = "skip";
        try
        {
            using var process = Process.Start(start)!;
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            process.StandardInput.Write(input);
            process.StandardInput.Close();
            if (!process.WaitForExit(Patience))
            {
                process.Kill(entireProcessTree: true);
                return (-1, "", $"{program} {string.Join(' ', arguments)} took longer than {Patience}.");
            }
            return (process.ExitCode, output.Result, error.Result);
        }
        catch (Win32Exception)
        {
            Assert.Inconclusive($"needs {program}, which is not installed");
            throw;
        }
    }
}
