using System.Diagnostics;
using System.Text;
using G2RL.Onnx.Tests.Interop;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Normalization;

namespace G2RL.Onnx.Tests;

/// <summary>
/// What must hold for any text: Qwen's tokenizer gives back normal form C, halves of characters count as U+FFFD, long runs take no long
/// time.
/// </summary>
[TestClass]
public sealed class TokenizerPropertyTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-tokenizer").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    [TestMethod]
    public void Decode_OfQwenShapesEncoding_IsNormalFormC() => RoundTrips(Load("qwen"), 3000);

    [TestMethod]
    public void Decode_OfQwens3Encoding_IsNormalFormC() => RoundTrips(Tokenizer.Load(SharedFolder.Require("tokenizers", "qwen3")), 3000);

    [TestMethod]
    [DataRow("gpt2")]
    [DataRow("llama3")]
    [DataRow("smollm2")]
    [DataRow("tekken")]
    [DataRow("several-splits")]
    [DataRow("gemma")]
    public void Decode_OfAnEncodingWithoutNormalization_IsTheText(string shape)
    {
        var tokenizer = Load(shape);
        foreach (var text in new TextMaker(21).Texts(1000, TokenizerShapes.Words, []))
        {
            // The mark that stands for a space is one of the snippets; Gemma's file cannot tell it from a space.
            var expected = shape == "gemma" ? Whole(text).Replace('▁', ' ') : Whole(text);
            Assert.AreEqual(expected, tokenizer.Decode(tokenizer.Encode(text), skipSpecial: false));
        }
    }

    // Not as rows: the test runner itself cannot hold half a character.
    [TestMethod]
    public void Encode_HalfOfACharacter_CountsAsTheReplacementCharacter()
    {
        var tokenizer = Load("qwen");
        foreach (var (text, expected) in new[]
        {
            ("\uD800", "\uFFFD"),
            ("\uDC00", "\uFFFD"),
            ("a\uD835b", "a\uFFFDb"),
            ("\uDC00\uD800", "\uFFFD\uFFFD"),
            ("\uD83D\uD83D\uDE00", "\uFFFD😀"),
            ("😀\uDE00", "😀\uFFFD"),
        })
        {
            CollectionAssert.AreEqual(tokenizer.Encode(expected), tokenizer.Encode(text), expected);
            Assert.AreEqual(expected, tokenizer.Decode(tokenizer.Encode(text)));
        }
    }

    [TestMethod]
    [DataRow("gpt2", "a")]
    [DataRow("qwen", "ab")]
    [DataRow("llama3", " ")]
    [DataRow("qwen", "\n")]
    [DataRow("llama2", "th")]
    [DataRow("gemma", "é")]
    [DataRow("qwen", "e\u0301\u0323")]
    [DataRow("qwen", "\u0301")]
    [DataRow("tekken", "😀")]
    [Timeout(120_000)]
    public void Encode_LongRun_TakesNoQuadraticTime(string shape, string part)
    {
        var tokenizer = Load(shape);
        var text = string.Concat(Enumerable.Repeat(part, 300_000 / part.Length));
        tokenizer.Encode(part);
        var watch = Stopwatch.StartNew();
        var ids = tokenizer.Encode(text);
        Console.WriteLine($"{text.Length} characters, {ids.Length} tokens, {watch.ElapsedMilliseconds} ms");
        Assert.AreEqual(shape == "qwen" ? UnicodeNormalization.ToNfc(text) : text, tokenizer.Decode(ids));
    }

    private static void RoundTrips(Tokenizer tokenizer, int count)
    {
        string[] tokens = ["<|im_start|>", "<|im_end|>", "<think>", "<tool_call>"];
        foreach (var text in new TextMaker(20).Texts(count, TokenizerShapes.Words, tokens))
            Assert.AreEqual(UnicodeNormalization.ToNfc(Whole(text)), tokenizer.Decode(tokenizer.Encode(text), skipSpecial: false));
    }

    private static string Whole(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    private Tokenizer Load(string shape)
    {
        var file = TokenizerShapes.All[shape]().ToJsonString();
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), file);
        return Tokenizer.Load(folder);
    }
}
