using System.Text.Json.Nodes;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Splitting;

namespace G2RL.Onnx.Tests;

// Expected ids are worked out by hand from the vocabulary: 0 <unk>, 1 <s>, 2 </s>, 3 to 258 the bytes, then the pieces of Pieces in order.
[TestClass]
public sealed class SentencePieceTokenizerTests
{
    private const int Byte0 = 3, First = 259;
    private static readonly string[] Pieces = ["▁", "a", "b", "c", "▁a", "ab", "▁ab", "▁▁"];
    private static readonly string[] Merges = ["▁ a", "a b", "▁a b", "▁ ▁"];
    private const string Llama =
        """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""";
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-sentencepiece").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    [TestMethod]
    public void Encode_PrependAndReplace_JoinsTheBestPairFirst()
    {
        var tokenizer = Load(Llama, "null");
        // ▁ab: "▁ a" has the better rank, then "▁a b".
        CollectionAssert.AreEqual(new[] { First + 6 }, tokenizer.Encode("ab"));
        // ▁ab▁▁▁c: the leftmost "▁ ▁" first.
        CollectionAssert.AreEqual(new[] { First + 6, First + 7, First, First + 3 }, tokenizer.Encode("ab   c"));
        // Behind a special token the text begins anew.
        CollectionAssert.AreEqual(new[] { First + 4, 2, First + 4 }, tokenizer.Encode("a</s>a"));
        Assert.AreEqual(0, tokenizer.Encode("").Length);
    }

    [TestMethod]
    public void Encode_CharacterThatTheVocabularyLacks_BecomesItsBytes()
    {
        var tokenizer = Load(Llama, "null");
        // € is E2 82 AC, a newline 0A.
        CollectionAssert.AreEqual(
            new[] { First, Byte0 + 0xE2, Byte0 + 0x82, Byte0 + 0xAC, Byte0 + 0x0A, First + 5 },
            tokenizer.Encode("€\nab"));
        Assert.AreEqual("€\nab", tokenizer.Decode(tokenizer.Encode("€\nab")));
        Assert.AreEqual("\uFFFD\uFFFDa", tokenizer.Decode([Byte0 + 0xE2, Byte0 + 0x82, First + 1]), "one each");
    }

    [TestMethod]
    [DataRow(true, new[] { 0, First + 1 })]
    [DataRow(false, new[] { 0, 0, First + 1 })]
    public void Encode_NoByteTokens_FusesUnknownsWhenAsked(bool fuse, int[] expected)
    {
        var tokenizer = Load("null", "null", model => (model["byte_fallback"], model["fuse_unk"]) = (false, fuse));
        CollectionAssert.AreEqual(expected, tokenizer.Encode("éüa"));
    }

    [TestMethod]
    [DataRow("first", new[] { First + 4, 2, First + 1 })]
    [DataRow("always", new[] { First + 4, 2, First + 4 })]
    [DataRow("never", new[] { First + 1, 2, First + 1 })]
    public void Encode_Metaspace_PrependsByScheme(string scheme, int[] expected)
    {
        var tokenizer = Load("null", $$"""{"type":"Metaspace","replacement":"▁","prepend_scheme":"{{scheme}}","split":false}""");
        CollectionAssert.AreEqual(expected, tokenizer.Encode("a</s>a"));
        CollectionAssert.AreEqual(new[] { 2, scheme == "always" ? First + 4 : First + 1 }, tokenizer.Encode("</s>a"));
        CollectionAssert.AreEqual(new[] { First + 4 }, tokenizer.Encode(" a"));
    }

    [TestMethod]
    [DataRow(true, new[] { First, First, First + 4 })]
    [DataRow(false, new[] { First + 7, First + 4 })]
    public void Encode_Metaspace_SplitsBeforeEachSpaceWhenAsked(bool split, int[] expected) =>
        CollectionAssert.AreEqual(
            expected,
            Load("null", $$"""{"type":"Metaspace","prepend_scheme":"never","split":{{(split ? "true" : "false")}}}""").Encode("   a"));

    // Without merges across pieces "a b" is never joined, so cuts show.
    [TestMethod]
    [DataRow("Isolated", false, "a|b|b|c")]
    [DataRow("Removed", false, "a|c")]
    [DataRow("Removed", true, "b|b")]
    [DataRow("MergedWithPrevious", false, "ab|b|c")]
    [DataRow("MergedWithNext", false, "a|b|bc")]
    [DataRow("MergedWithNext", true, "ab|b|c")]
    [DataRow("Contiguous", false, "a|bb|c")]
    public void Cut_Behaviors_AreThoseOfTheReference(string behavior, bool invert, string expected)
    {
        var step = new SplitStep(new PiecePattern("b", literal: true), Enum.Parse<SplitBehavior>(behavior), invert);
        var result = new List<Piece>();
        step.Cut(new Piece("abbc", true), result);
        Assert.AreEqual(expected, string.Join('|', result.Select(p => p.Text.ToString())));
        Assert.AreEqual(!expected.StartsWith('b'), result[0].First);
    }

    [TestMethod]
    public void Encode_AskedForSpecialTokens_PutsTheTemplateAround()
    {
        var tokenizer = Load(Llama, "null");
        CollectionAssert.AreEqual(new[] { 1, First + 4, 2 }, tokenizer.Encode("a", addSpecial: true));
        CollectionAssert.AreEqual(new[] { 1, 2 }, tokenizer.Encode("", addSpecial: true));
        CollectionAssert.AreEqual(new[] { First + 4 }, tokenizer.Encode("a"));
    }

    [TestMethod]
    public void Encode_LongRun_TakesNoQuadraticTime()
    {
        var tokenizer = Load(Llama, "null");
        var ids = tokenizer.Encode(new string(' ', 200_000) + "a");
        // 200,001 marks, of which the last goes with a.
        Assert.AreEqual(100_001, ids.Length);
        Assert.AreEqual(First + 4, ids[^1]);
    }

    [TestMethod]
    public void Encode_NormalizerThatGrowsWithoutEnd_IsRefused()
    {
        var doubling = string.Join(',', Enumerable.Repeat("""{"type":"Replace","pattern":{"String":"a"},"content":"aa"}""", 60));
        var tokenizer = Load($$"""{"type":"Sequence","normalizers":[{{doubling}}]}""", "null");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => tokenizer.Encode("a")).Message, "normalizer");
    }

    // Seeded edits of a file with every part: whatever comes out is a tokenizer or a named error.
    [TestMethod]
    public void Load_MutatedFiles_AreReadOrRefused()
    {
        Load(
            Llama,
            """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Split","pattern":{"Regex":"\\p{L}+|\\s+(?!\\S)"},"behavior":"MergedWithNext"},{"type":"Metaspace","split":false}]}""");
        var path = Path.Combine(folder, "tokenizer.json");
        var original = File.ReadAllBytes(path);
        var random = new Random(7);
        string[] inserts = ["null", "-1", "1e99", "{}", "[]", "\"\"", "true", "99999999999", "[[[[", "\\ud800", "\"Sequence\"", "(((", "é"];
        var read = 0;
        for (var i = 0; i < 2000; i++)
        {
            var bytes = original.ToList();
            for (var edits = random.Next(1, 4); edits > 0; edits--)
            {
                // The vocabulary's bytes are most of the file and all alike; the parts before and behind it matter more.
                var at = random.Next(3) == 0
                    ? random.Next(bytes.Count)
                    : random.Next(2) == 0 ? random.Next(Math.Min(1800, bytes.Count))
                    : bytes.Count - 1 - random.Next(Math.Min(400, bytes.Count));
                switch (random.Next(4))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes.RemoveRange(at, Math.Min(random.Next(1, 20), bytes.Count - at - 1)); break;
                    case 2: bytes.InsertRange(at, System.Text.Encoding.UTF8.GetBytes(inserts[random.Next(inserts.Length)])); break;
                    default: bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - 50), 50)); break;
                }
            }

            File.WriteAllBytes(path, [.. bytes]);
            try
            {
                var tokenizer = Tokenizer.Load(folder);
                tokenizer.Decode(tokenizer.Encode("ab 12\n€", addSpecial: true));
                read++;
            }
            catch (InputException)
            {
            }
        }

        Assert.IsGreaterThan(20, read, "some edits do no harm");
        Assert.IsLessThan(1900, read, "most do");
    }

    private Tokenizer Load(string normalizer, string preTokenizer, Action<JsonObject>? change = null)
    {
        var vocabulary = new JsonObject();
        string[] all = ["<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>"), .. Pieces];
        foreach (var token in all)
            vocabulary.Add(token, vocabulary.Count);
        var model = new JsonObject
        {
            ["type"] = "BPE",
            ["unk_token"] = "<unk>",
            ["fuse_unk"] = true,
            ["byte_fallback"] = true,
            ["vocab"] = vocabulary,
            ["merges"] = new JsonArray([.. Merges.Select(m => (JsonNode)m)]),
        };
        change?.Invoke(model);
        var file = new JsonObject
        {
            ["added_tokens"] = new JsonArray([.. Enumerable.Range(0, 3)
                .Select(i => new JsonObject { ["id"] = i, ["content"] = all[i], ["special"] = true, ["normalized"] = false })]),
            ["normalizer"] = JsonNode.Parse(normalizer),
            ["pre_tokenizer"] = JsonNode.Parse(preTokenizer),
            ["post_processor"] = JsonNode.Parse("""
                {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
                "pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]}}}
                """),
            ["decoder"] = JsonNode.Parse("""
                {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}
                """),
            ["model"] = model,
        };
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), file.ToJsonString());
        return Tokenizer.Load(folder);
    }
}
