using System.Text.Json.Nodes;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class TokenizerTests
{
    private static readonly JsonNode Fixture =
        JsonNode.Parse(File.ReadAllText(SharedFolder.InRepository("tests", "fixtures", "byte-level-bpe.json")))!;
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-tokenizer").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    [TestMethod]
    [DataRow("gpt2")]
    [DataRow("gpt2PrefixSpace")]
    [DataRow("smolLm")]
    [DataRow("llama3")]
    [DataRow("digitGroups")]
    public void Encode_PreTokenizersInUse_GivesTheReferencesIds(string variant)
    {
        var tokenizer = Load(Variant(variant));
        var texts = Fixture["texts"]!.AsArray();
        for (var i = 0; i < texts.Count; i++)
        {
            var text = texts[i]!.GetValue<string>();
            var expected = Fixture["variants"]![variant]!["ids"]![i]!.AsArray().Select(n => n!.GetValue<int>()).ToArray();
            var actual = tokenizer.Encode(text);
            CollectionAssert.AreEqual(expected, actual, $"'{text}': {string.Join(' ', actual)} instead of {string.Join(' ', expected)}");
            if (variant != "gpt2PrefixSpace" && !text.Contains("<mask>"))
                Assert.AreEqual(text, tokenizer.Decode(actual, skipSpecial: false));
        }
    }

    [TestMethod]
    public void Encode_AdderModelsFile_IsOneTokenADigit()
    {
        var tokenizer = Tokenizer.Load(SharedFolder.Require("models", "qwen3-adder-122"));
        Assert.AreEqual(10, tokenizer.VocabularySize);
        CollectionAssert.AreEqual(new[] { 0, 1, 5, 3, 9 }, tokenizer.Encode("01539"));
        Assert.AreEqual("01539", tokenizer.Decode([0, 1, 5, 3, 9]));
        Assert.IsNull(tokenizer.EosId);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => tokenizer.Encode("1\n")).Message, "U+000A");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => tokenizer.Encode("1𝟏")).Message, "U+1D7CF");
    }

    [TestMethod]
    [DataRow("surprise", "1", "surprise")]
    [DataRow("normalizer", """{"type":"NFKC"}""", "normalizer.type is NFKC")]
    [DataRow("normalizer", """{"type":"Sequence","normalizers":[{"type":"Lowercase"}]}""", "Lowercase")]
    [DataRow("pre_tokenizer", """{"type":"Whitespace"}""", "Whitespace")]
    [DataRow("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"a"},"behavior":"Dropped"}""", "behavior is Dropped")]
    [DataRow("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"[[:alpha:]]"},"behavior":"Isolated"}""", "a class inside a class")]
    [DataRow("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\p{L}++"},"behavior":"Isolated"}""", "not a regular expression")]
    [DataRow("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\p{Han}"},"behavior":"Isolated"}""", "general categories")]
    [DataRow("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\h"},"behavior":"Isolated"}""", "'\\h'")]
    [DataRow("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"^a"},"behavior":"Isolated"}""", "'^'")]
    [DataRow("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"(?<n>a)"},"behavior":"Isolated"}""", "(?<n")]
    [DataRow("pre_tokenizer", """{"type":"Split","pattern":{},"behavior":"Isolated"}""", "must hold a Regex or a String")]
    [DataRow("pre_tokenizer", "7", "must be an object")]
    [DataRow("post_processor", """{"type":"RobertaProcessing"}""", "RobertaProcessing")]
    [DataRow("decoder", """{"type":"WordPiece"}""", "WordPiece")]
    [DataRow("model.type", "\"Unigram\"", "Unigram")]
    [DataRow("model.dropout", "0.1", "dropout")]
    [DataRow("normalizer", """{"type":"Replace","pattern":{"Regex":" +"},"content":" "}""", "normalizer.pattern")]
    [DataRow("normalizer", """{"type":"Replace","pattern":{"String":""},"content":" "}""", "normalizer.pattern")]
    [DataRow("normalizer", """{"type":"Prepend"}""", "normalizer.prepend is missing")]
    [DataRow("pre_tokenizer", """{"type":"Metaspace","replacement":"__"}""", "one character")]
    [DataRow("pre_tokenizer", """{"type":"Metaspace","prepend_scheme":"last"}""", "prepend_scheme is last")]
    [DataRow("pre_tokenizer", """{"type":"Metaspace","prepend_scheme":"first","add_prefix_space":false}""", "contradict")]
    [DataRow("post_processor", """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}],"special_tokens":{}}""", "<s>")]
    [DataRow("post_processor", """{"type":"TemplateProcessing","single":[]}""", "lacks the sequence A")]
    [DataRow("post_processor", """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B"}}]}""", "sequence A, once")]
    [DataRow(
        "post_processor",
        """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}},{"Sequence":{"id":"A"}}],"special_tokens":{"x":{"id":"x","ids":[4000]}}}""",
        "id 4000")]
    [DataRow("decoder", """{"type":"Strip","content":" ","start":-1,"stop":0}""", "decoder.start")]
    [DataRow("model.byte_fallback", "1", "byte_fallback")]
    [DataRow("model.end_of_word_suffix", "\"</w>\"", "</w>")]
    [DataRow("model.unk_token", "\"<unk>\"", "<unk>")]
    [DataRow("model.vocab", """{"a":-1}""", "-1")]
    [DataRow("model.vocab", """{"a":0,"b":0}""", "another token has too")]
    [DataRow("model.vocab", """{"a":2000000000}""", "2000000000")]
    [DataRow("model.vocab", "[]", "must be an object")]
    [DataRow("model.merges", """["a"]""", "must be two tokens")]
    [DataRow("model.merges", """[["a","qqq"]]""", "lacks 'qqq'")]
    [DataRow("model.merges", """[[1,2]]""", "must be two tokens")]
    [DataRow("added_tokens", """[{"id":1}]""", "content is missing")]
    [DataRow("added_tokens", """[{"content":"<x>"}]""", "no id")]
    [DataRow("added_tokens", """[{"id":1,"content":"<x>"}]""", "both have id 1")]
    [DataRow("added_tokens", """[{"id":999,"content":"<x>"},{"id":999,"content":"<y>"}]""", "repeats")]
    [DataRow("added_tokens", """[{"id":999,"content":"<x>","single_word":true}]""", "single_word")]
    [DataRow("added_tokens", """[{"id":999,"content":"\ud800"}]""", "not Unicode")]
    public void Load_UnsupportedOrWrong_IsNamed(string path, string value, string expected)
    {
        var file = Variant("gpt2").ToJsonString();
        var root = JsonNode.Parse(file)!.AsObject();
        var text = path.StartsWith("model.") ? Replaced(root, "model", path[6..], value) : Replaced(root, null, path, value);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), text);
        var error = Assert.ThrowsExactly<InputException>(() => Tokenizer.Load(folder));
        StringAssert.Contains(error.Message, expected);
        StringAssert.Contains(error.Message, "tokenizer.json");
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("{")]
    [DataRow("[]")]
    [DataRow("{}")]
    [DataRow("null")]
    [DataRow("{\"model\":null}")]
    [DataRow("{\"model\":{\"vocab\":null}}")]
    [DataRow("{\"\\ud800\":1}")]
    public void Load_MalformedFile_IsAnInputError(string content)
    {
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), content);
        Assert.ThrowsExactly<InputException>(() => Tokenizer.Load(folder));
    }

    [TestMethod]
    public void Load_NoFile_SaysWhatIsExpected() =>
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Tokenizer.Load(folder)).Message, "tokenizer.json");

    [TestMethod]
    [DataRow("""{"eos_token":"<nowhere>"}""", "eos_token is '<nowhere>'")]
    [DataRow("""{"eos_token":5}""", "must be a text")]
    [DataRow("""{"added_tokens_decoder":{"3":{"content":"<x>"}}}""", "do not belong together")]
    [DataRow("""{"added_tokens_decoder":{"4000":{"content":"the"}}}""", "do not belong together")]
    [DataRow("""{"added_tokens_decoder":{"4000":{"content":""}}}""", "a token with a content")]
    [DataRow("""{"added_tokens_decoder":{"4000":{"content":"<x>","single_word":true}}}""", "single_word")]
    [DataRow("""{"added_tokens_decoder":{"99999999":{"content":"<x>"}}}""", "must be an id")]
    [DataRow("[]", "must be an object")]
    public void Load_ConfigOfAnotherTokenizer_IsRefused(string config, string expected)
    {
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), config);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Load(Variant("gpt2"))).Message, expected);
    }

    // transformers turns both off whenever nobody asks for them.
    [TestMethod]
    public void Encode_FileWithPaddingAndTruncation_GivesTheBareIds()
    {
        var file = Variant("gpt2");
        var plain = Load(Variant("gpt2")).Encode("the the the");
        file["truncation"] = JsonNode.Parse("""{"direction":"Right","max_length":1,"strategy":"LongestFirst","stride":0}""");
        file["padding"] = JsonNode.Parse(
            """{"strategy":{"Fixed":128},"direction":"Left","pad_to_multiple_of":8,"pad_id":0,"pad_type_id":0,"pad_token":"<pad>"}""");
        CollectionAssert.AreEqual(plain, Load(file).Encode("the the the"));
        CollectionAssert.AreEqual(plain, Load(file).EncodePrompt("the the the"));
    }

    // As transformers does: what tokenizer.json lacks is added, an ordinary token becomes an added one, and a padding token that is nowhere
    // is none.
    [TestMethod]
    public void Load_ConfigNamingMoreTokens_AddsThem()
    {
        var file = Variant("gpt2");
        var (free, the) = (Load(file).VocabularySize, Load(file).IdOf("the")!.Value);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), $$"""
            {"added_tokens_decoder":{"{{free}}":{"content":"<tool>","special":true},"{{the}}":{"content":"the","lstrip":true,"special":false,"normalized":false} },
            "eos_token":"<tool>","pad_token":"[PAD]"}
            """);
        var tokenizer = Load(file);
        Assert.AreEqual((free, free + 1), (tokenizer.EosId, tokenizer.VocabularySize));
        Assert.IsNull(tokenizer.PadId);
        CollectionAssert.AreEqual(new[] { the, free, the }, tokenizer.Encode("  the<tool> the"));
        Assert.AreEqual("thethe", tokenizer.Decode([the, free, the]));
    }

    [TestMethod]
    public void Load_ConfigWithTokenObjects_KnowsThem()
    {
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"eos_token":{"content":"<|end|>"},"bos_token":null}""");
        var tokenizer = Load(Variant("gpt2"));
        Assert.AreEqual(tokenizer.IdOf("<|end|>"), tokenizer.EosId);
        Assert.IsNull(tokenizer.BosId);
        Assert.AreEqual("the", tokenizer.Decode(tokenizer.Encode("the<|end|>")));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => tokenizer.Decode([-1]));
    }

    [TestMethod]
    public void Decode_WithoutADecoder_PutsSpacesBetweenTokensAsTheReferenceDoes()
    {
        var file = Variant("gpt2");
        file["decoder"] = null;
        var tokenizer = Load(file);
        Assert.AreEqual("a b", tokenizer.Decode([tokenizer.IdOf("a")!.Value, tokenizer.IdOf("b")!.Value]));
    }

    private static string Replaced(JsonObject root, string? parent, string name, string value)
    {
        // As text, so that values which no JSON writer would write get into the file.
        (parent is null ? root : root[parent]!.AsObject())[name] = "@@@";
        return root.ToJsonString().Replace("\"@@@\"", value);
    }

    private static JsonObject Variant(string variant)
    {
        var settings = Fixture["variants"]![variant]!;
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = Fixture["added_tokens"]!.DeepClone(),
            ["normalizer"] = null,
            ["pre_tokenizer"] = settings["pre_tokenizer"]!.DeepClone(),
            ["post_processor"] = null,
            ["decoder"] =
                new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["ignore_merges"] = settings["ignore_merges"]!.GetValue<bool>(),
                ["vocab"] = Fixture["vocab"]!.DeepClone(),
                ["merges"] = Fixture["merges"]!.DeepClone(),
            },
        };
    }

    private Tokenizer Load(JsonObject file)
    {
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), file.ToJsonString());
        return Tokenizer.Load(folder);
    }
}
