using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers.Jinja;

namespace G2RL.Onnx.Tests.Interop;

/// <summary>
/// Writes what this project's Jinja makes of templates and seeded conversations, for tests/tokenizer-interop, where @huggingface/jinja is
/// given the same.
/// </summary>
[TestClass]
public sealed class ChatTemplateInteropTests
{
    private static readonly int Count = int.TryParse(Environment.GetEnvironmentVariable("G2RL_INTEROP_TEXTS"), out var count) ? count : 400;

    // What strftime_now tells, here and in jinja2_reference.py.
    private static readonly DateTime Today = new(2026, 3, 7, 9, 5, 0, DateTimeKind.Utc);

    private static string Root => SharedFolder.InRepository("artifacts", "tokenizer-interop", "templates");

    public static IEnumerable<object[]> Shapes => ChatTemplateShapes.All.Keys.Select(k => new object[] { k });

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Write_FamilyShape_IsRenderedOrRefused(string shape) =>
        Assert.IsGreaterThan(Count / 4, Write(shape, ChatTemplateShapes.All[shape], Conversations(shape)));

    [TestMethod]
    [DataRow("tokenizers/qwen3")]
    [DataRow("models/verl-arith-random")]
    public void Write_TemplateAtHand_IsRenderedOrRefused(string path)
    {
        var config = JsonNode.Parse(File.ReadAllText(SharedFolder.Require([.. path.Split('/'), "tokenizer_config.json"])))!;
        var golden = Directory.GetFiles(SharedFolder.Require(path.Split('/')), "*chat_golden.jsonl").SelectMany(File.ReadLines).Select(l =>
        {
            var line = JsonNode.Parse(l)!;
            var variables = line["options"]!.DeepClone().AsObject();
            variables["messages"] = line["messages"]!.DeepClone();
            return variables;
        });
        Assert.IsGreaterThan(
            Count / 50,
            Write(Path.GetFileName(path), config["chat_template"]!.GetValue<string>(), golden.Concat(Conversations(path))));
    }

    [TestMethod]
    public void Write_TemplatesOfAFolder_AreReadAndRendered()
    {
        var folder = Environment.GetEnvironmentVariable("G2RL_TEMPLATES");
        if (folder is null)
            Assert.Inconclusive("G2RL_TEMPLATES names no folder of *.jinja; tests/tokenizer-interop/jinja2_reference.py compares.");
        var files = Directory.GetFiles(folder!, "*.jinja");
        Assert.AreNotEqual(0, files.Length, folder);
        var refused = new List<string>();
        foreach (var file in files)
        {
            try
            {
                Write(Path.Combine("public", Path.GetFileNameWithoutExtension(file)), File.ReadAllText(file), Conversations(file));
            }
            catch (InputException e)
            {
                refused.Add($"{Path.GetFileName(file)}: {e.Message}");
            }
        }

        Assert.AreEqual("", string.Join('\n', refused));
    }

    private static IEnumerable<JsonObject> Conversations(string name)
    {
        var maker = new ConversationMaker(name.Sum(c => c), parts: name is "gemma3" or "macros" or "thinking" or "llama3");
        return Enumerable.Range(0, Count).Select(_ => maker.Next());
    }

    // How many were rendered.
    private static int Write(string name, string source, IEnumerable<JsonObject> conversations)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Root, name)).FullName;
        File.WriteAllText(Path.Combine(folder, "template.jinja"), source);
        var template = new JinjaTemplate(source);
        using var lines = new StreamWriter(Path.Combine(folder, "cases.jsonl"));
        var rendered = 0;
        foreach (var variables in conversations)
        {
            var line = new JsonObject { ["variables"] = variables.DeepClone() };
            try
            {
                using var json = JsonDocument.Parse(variables.ToJsonString());
                line["text"] = template.Render(
                    json.RootElement.EnumerateObject().Select(p => KeyValuePair.Create(p.Name, JinjaValue.Of(p.Value))),
                    Today);
                rendered++;
            }
            catch (InputException e)
            {
                line["error"] = e.Message;
            }

            lines.WriteLine(line.ToJsonString());
        }

        return rendered;
    }
}
