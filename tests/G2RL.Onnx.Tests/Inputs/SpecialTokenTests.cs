using System.Text.Json.Nodes;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Inputs;

/// <summary>
/// What a tokenizer's post-processor puts around a text, in prompts that are to be continued and in texts that are scored.
/// </summary>
[TestClass]
public sealed class SpecialTokenTests
{
    // Ids of TinyModel's tokenizer: <pad> 0, <bos> 1, <eos> 2, the digits from 3 on, + 13, = 18.
    private const string ByteLevel = """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true}""";

    private const string Bos = """
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<bos>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],
        "special_tokens":{"<bos>":{"id":"<bos>","ids":[1],"tokens":["<bos>"]}}}
        """;

    private const string Both = """
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<bos>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"<eos>","type_id":0}}],
        "pair":[],"special_tokens":{"<bos>":{"id":"<bos>","ids":[1],"tokens":["<bos>"]},"<eos>":{"id":"<eos>","ids":[2],"tokens":["<eos>"]}}}
        """;

    [TestMethod]
    [DataRow("null", "{}", "4 13 5 18", "6")]
    [DataRow(ByteLevel, "{}", "4 13 5 18", "6")]
    [DataRow(Bos, "{}", "1 4 13 5 18", "6")]
    [DataRow(Both, "{}", "1 4 13 5 18", "6 2")]
    [DataRow("{\"type\":\"Sequence\",\"processors\":[" + ByteLevel + "," + Bos + "]}", "{}", "1 4 13 5 18", "6")]
    [DataRow("{\"type\":\"Sequence\",\"processors\":[" + Both + "," + Bos + "]}", "{}", "1 1 4 13 5 18", "6 2")]
    [DataRow(
        """{"type":"RobertaProcessing","sep":["<eos>",2],"cls":["<bos>",1],"trim_offsets":true,"add_prefix_space":false}""",
        "{}",
        "1 4 13 5 18",
        "6 2")]
    [DataRow("""{"type":"BertProcessing","sep":["<eos>",2],"cls":["<bos>",1]}""", "{}", "1 4 13 5 18", "6 2")]
    // Older files say it in tokenizer_config.json; a post-processor that adds tokens counts alone.
    [DataRow("null", """{"add_bos_token":true}""", "1 4 13 5 18", "6")]
    [DataRow(ByteLevel, """{"add_bos_token":true,"add_eos_token":true}""", "1 4 13 5 18", "6 2")]
    [DataRow("null", """{"add_bos_token":false,"add_eos_token":null}""", "4 13 5 18", "6")]
    [DataRow(Bos, """{"add_bos_token":true,"add_eos_token":true}""", "1 4 13 5 18", "6")]
    public void EncodePrompt_OfEveryPostProcessor_BeginsAsItSaysAndIsLeftOpen(
        string processor,
        string config,
        string prompt,
        string continuation)
    {
        using var model = new TinyModel();
        var tokenizer = Load(model, processor, config);
        Assert.AreEqual(prompt, string.Join(' ', tokenizer.EncodePrompt("1+2=")));
        Assert.AreEqual(continuation, string.Join(' ', tokenizer.EncodeContinuation("3")));
        // The whole is what transformers gives with add_special_tokens.
        Assert.AreEqual($"{prompt} {continuation}", string.Join(' ', tokenizer.Encode("1+2=3", addSpecial: true)));
    }

    [TestMethod]
    public void EncodePrompt_OfATextThatBeginsSoAlready_AddsNoSecondBeginning()
    {
        using var model = new TinyModel();
        var tokenizer = Load(model, Bos);
        CollectionAssert.AreEqual(new[] { 1, 4 }, tokenizer.EncodePrompt("<bos>1"));
        CollectionAssert.AreEqual(new[] { 1 }, tokenizer.EncodePrompt(""));
        CollectionAssert.AreEqual(new[] { 1, 4, 1 }, tokenizer.EncodePrompt("1<bos>"));
    }

    [TestMethod]
    [DataRow("""{"add_bos_token":true,"bos_token":null}""", "add_bos_token is true, but bos_token names no token")]
    [DataRow("""{"add_eos_token":1}""", "add_eos_token is 1; it must be true or false")]
    public void Load_FlagWithoutItsToken_IsRefused(string config, string message)
    {
        using var model = new TinyModel();
        Assert.Contains(message, Assert.ThrowsExactly<InputException>(() => Load(model, "null", config)).Message);
    }

    [TestMethod]
    public void RunInputs_PlainPrompt_BeginsWithTheTokenizersBeginningUnlessTurnedOff()
    {
        using var model = new TinyModel();
        Load(model, Bos);
        Assert.AreEqual("1 4 13 5 18", Prompt(model));
        Assert.AreEqual("4 13 5 18", Prompt(model, addSpecial: false));
    }

    // HF encodes what apply_chat_template renders without special tokens: a template that writes no beginning has none, and one that writes
    // it has one.
    [TestMethod]
    [DataRow("{{ bos_token }}{{ messages[-1].content }}=", "1 4 13 5 18 18")]
    [DataRow("{{ messages[-1].content }}=", "4 13 5 18 18")]
    public void RunInputs_ChatPrompt_HasTheTemplatesBeginningAlone(string template, string expected)
    {
        using var model = new TinyModel();
        Load(model, Bos);
        File.WriteAllText(Path.Combine(model.Folder, "chat_template.jinja"), template);
        Assert.AreEqual(expected, Prompt(model, chat: true));
    }

    private static string Prompt(TinyModel model, bool addSpecial = true, bool chat = false)
    {
        var config = model.Config with { Problems = new() { Chat = chat, AddSpecialTokens = addSpecial } };
        using var inputs = new RunInputs(config, TinyModel.Problems());
        return string.Join(' ', inputs.Encode(new Problem("p", "1+2=", "")));
    }

    private static Tokenizer Load(TinyModel model, string processor, string config = "{}")
    {
        Edit("tokenizer.json", root => root["post_processor"] = JsonNode.Parse(processor));
        Edit("tokenizer_config.json", root =>
        {
            foreach (var (name, value) in JsonNode.Parse(config)!.AsObject())
                root[name] = value?.DeepClone();
        });
        return Tokenizer.Load(model.Folder);

        void Edit(string file, Action<JsonObject> change)
        {
            var path = Path.Combine(model.Folder, file);
            var root = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            change(root);
            File.WriteAllText(path, root.ToJsonString());
        }
    }
}
