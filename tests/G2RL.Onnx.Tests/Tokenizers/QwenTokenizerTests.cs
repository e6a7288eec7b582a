using System.Diagnostics;
using System.Text;
using System.Text.Json;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;
using G2RL.Onnx.Tokenizers.Normalization;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class QwenTokenizerTests
{
    private static readonly Lazy<Tokenizer> Qwen = new(() => Tokenizer.Load(SharedFolder.Require("tokenizers", "qwen3")));

    [TestMethod]
    [DataRow("qwen3_golden.jsonl", 1025)]
    [DataRow("qwen3_golden_edge.jsonl", 16)]
    [DataRow("qwen3_chat_golden.jsonl", 12)]
    public void Encode_GoldenLines_GivesTheReferencesIdsAndDecodesToNfc(string file, int expectedLines)
    {
        var path = SharedFolder.Require("tokenizers", "qwen3", file);
        var tokenizer = Qwen.Value;
        var lines = 0;
        foreach (var line in File.ReadLines(path))
        {
            using var json = JsonDocument.Parse(line);
            var text = json.RootElement.GetProperty("text").GetString()!;
            var expected = json.RootElement.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32()).ToArray();
            var actual = tokenizer.Encode(text);
            CollectionAssert.AreEqual(expected, actual, $"{file}:{lines + 1} {text}: {string.Join(' ', actual)}");
            Assert.AreEqual(UnicodeNormalization.ToNfc(text), tokenizer.Decode(actual, skipSpecial: false), $"{file}:{lines + 1}");
            lines++;
        }

        Assert.AreEqual(expectedLines, lines);
    }

    [TestMethod]
    public void Qwen3Template_GoldenConversations_RendersByteForByte()
    {
        foreach (var line in File.ReadLines(SharedFolder.Require("tokenizers", "qwen3", "qwen3_chat_golden.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            var messages = root.GetProperty("messages").EnumerateArray()
                .Select(m => new ChatMessage(m.GetProperty("role").GetString()!, m.GetProperty("content").GetString()!)).ToList();
            var options = root.GetProperty("options");
            var rendered = ChatTemplate.Qwen3(messages, new ChatOptions(
                options.GetProperty("add_generation_prompt").GetBoolean(),
                !options.TryGetProperty("enable_thinking", out var thinking) || thinking.GetBoolean()));
            Assert.AreEqual(root.GetProperty("text").GetString(), rendered);
        }
    }

    [TestMethod]
    public void Load_Qwen3_KnowsItsSpecialTokens()
    {
        var tokenizer = Qwen.Value;
        Assert.AreEqual(151669, tokenizer.VocabularySize);
        Assert.AreEqual(151645, tokenizer.EosId);
        Assert.AreEqual(151643, tokenizer.PadId);
        Assert.IsNull(tokenizer.BosId);
        Assert.AreEqual(14, tokenizer.SpecialIds.Count);
        Assert.AreEqual(151667, tokenizer.IdOf("<think>"));
        Assert.AreEqual("Ġstep", tokenizer.TokenText(3019));
        Assert.IsNull(tokenizer.IdOf("no such token at all"));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => tokenizer.TokenText(151669));
        Assert.AreEqual("<think>x", tokenizer.Decode(tokenizer.Encode("<think>x<|im_end|>")));
        Assert.AreEqual("x", tokenizer.Decode([87, 151935]), "a padding row of the embedding has no text");
    }

    [TestMethod]
    public void Load_Qwen3_TakesAboutASecond()
    {
        var folder = SharedFolder.Require("tokenizers", "qwen3");
        var watch = Stopwatch.StartNew();
        Tokenizer.Load(folder);
        Console.WriteLine($"loaded in {watch.ElapsedMilliseconds} ms");
        Assert.IsLessThan(10_000, watch.ElapsedMilliseconds, "far above the 0.5 s it takes alone, since tests share a busy machine");
    }

    [TestMethod]
    public void Encode_RandomText_RoundTrips()
    {
        var tokenizer = Qwen.Value;
        var random = new Draws(12);
        for (var i = 0; i < 500; i++)
        {
            var text = new StringBuilder();
            for (var n = random.Below(30); n >= 0; n--)
            {
                var point = random.Below(5) switch
                {
                    0 =>
                    random.Below(0x80),
                    1 => random.Below(0x800),
                    2 => random.Below(0x10000),
                    3 => random.Below(0x110000),
                    _ => 32
                };
                text.Append(Rune.IsValid(point) ? new Rune(point).ToString() : "?");
            }

            var nfc = UnicodeNormalization.ToNfc(text.ToString());
            Assert.AreEqual(nfc, tokenizer.Decode(tokenizer.Encode(text.ToString()), skipSpecial: false));
        }

        Assert.AreEqual("a\uFFFDb", tokenizer.Decode(tokenizer.Encode("a\uD835b")), "half a surrogate pair");
        Assert.AreEqual(0, tokenizer.Encode("").Length);
    }

    private sealed class Draws(ulong seed)
    {
        private Problems.ProblemRandom random = new(seed, 0);

        public int Below(int count) => random.Below(count);
    }
}
