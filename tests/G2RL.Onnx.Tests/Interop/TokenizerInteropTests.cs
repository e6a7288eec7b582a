using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests.Interop;

/// <summary>
/// Writes what this project's tokenizer makes of seeded texts, for tests/tokenizer-interop, where Hugging Face's own library and its
/// JavaScript counterpart are given the same files and texts. Here the cases only have to be written, and texts come back from byte-level
/// ids.
/// </summary>
[TestClass]
public sealed class TokenizerInteropTests
{
    private static readonly int Count = int.TryParse(Environment.GetEnvironmentVariable("G2RL_INTEROP_TEXTS"), out var count)
        ? count
        : 1000;

    // In the order of UnicodeCategory.
    private static readonly string[] Abbreviations = ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp",
        "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn"];

    private static string Root => SharedFolder.InRepository("artifacts", "tokenizer-interop", "tokenizers");

    public static IEnumerable<object[]> Shapes => TokenizerShapes.All.Keys.Select(k => new object[] { k });

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Write_FamilyShape_IsEncodedAndDecoded(string shape)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Root, shape)).FullName;
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), TokenizerShapes.All[shape]().ToJsonString());
        Write(folder, Texts(folder));
    }

    [TestMethod]
    [DataRow("tokenizers/qwen3")]
    [DataRow("models/qwen3-adder-122")]
    [DataRow("models/qwen3-adder-137")]
    [DataRow("models/qwen3-adder-155")]
    public void Write_FileAtHand_IsEncodedAndDecoded(string path)
    {
        var source = SharedFolder.Require(path.Split('/'));
        var folder = Directory.CreateDirectory(Path.Combine(Root, Path.GetFileName(path))).FullName;
        File.Copy(Path.Combine(source, "tokenizer.json"), Path.Combine(folder, "tokenizer.json"), overwrite: true);
        var lines = Directory.GetFiles(source, "*.jsonl")
            .Order(StringComparer.Ordinal)
            .SelectMany(File.ReadLines)
            .Select(l => JsonNode.Parse(l)!["text"]!.GetValue<string>());
        Write(folder, path.Contains("adder") ? Digits("0123456789") : lines.Concat(Texts(folder)));
    }

    [TestMethod]
    public void Write_CharacterVocabularyOfOurOwn_IsEncodedAndDecoded()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Root, "characters")).FullName;
        CharacterTokenizer.Write(folder, "0123456789+-=é𝟏 \n");
        Write(folder, Digits("0123456789+-=é𝟏 \n"));
    }

    [TestMethod]
    public void Write_GeneralCategories_AreThereToCompareVersionsOfUnicode()
    {
        Directory.CreateDirectory(Root);
        var runs = new List<(UnicodeCategory Category, int First, int Last)>();
        for (var point = 0; point < 0x110000; point++)
        {
            var category = CharUnicodeInfo.GetUnicodeCategory(point);
            if (runs.Count > 0 && runs[^1].Category == category)
                runs[^1] = (category, runs[^1].First, point);
            else
                runs.Add((category, point, point));
        }

        Assert.AreEqual(30, runs.Select(r => r.Category).Distinct().Count());
        File.WriteAllText(
            Path.Combine(Root, "..", "categories.json"),
            JsonSerializer.Serialize(runs.Select(r => new object[] { Abbreviations[(int)r.Category], r.First, r.Last })));
    }

    private static IEnumerable<string> Texts(string folder)
    {
        var added = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer.json")))!["added_tokens"]!
            .AsArray()
            .Select(t => t!["content"]!.GetValue<string>())
            .ToList();
        return new TextMaker(Path.GetFileName(folder).Sum(c => c)).Texts(Count, TokenizerShapes.Words, added);
    }

    private static IEnumerable<string> Digits(string alphabet)
    {
        var runes = alphabet.EnumerateRunes().Select(r => r.ToString()).ToArray();
        var random = new Random(5);
        return Enumerable.Range(0, 200)
            .Select(i => string.Concat(Enumerable.Range(0, random.Next(1, 3 * i + 2)).Select(_ => runes[random.Next(runes.Length)])));
    }

    private static void Write(string folder, IEnumerable<string> texts)
    {
        var tokenizer = Tokenizer.Load(folder);
        var random = new Random(11);
        using var lines = new StreamWriter(Path.Combine(folder, "cases.jsonl"));
        foreach (var text in texts)
        {
            var ids = tokenizer.Encode(text);
            // Ids that no text has: halves of characters, bytes that are not UTF-8.
            int[] some = [.. Enumerable.Range(0, random.Next(1, 12))
                .Select(_ => random.Next(3) > 0 && ids.Length > 0 ? ids[random.Next(ids.Length)] : random.Next(tokenizer.VocabularySize))];
            // In UTF-16, since JSON in UTF-8 has no way to hold half a character.
            lines.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object>
            {
                ["text"] = Convert.ToBase64String(Units(text)),
                ["ids"] = ids,
                ["withSpecial"] = tokenizer.Encode(text, addSpecial: true),
                ["decoded"] = tokenizer.Decode(ids, skipSpecial: false),
                ["decodedPlain"] = tokenizer.Decode(ids),
                ["some"] = some,
                ["decodedSome"] = tokenizer.Decode(some, skipSpecial: false),
            }));
        }
    }

    private static byte[] Units(string text) => [.. text.SelectMany(c => new[] { (byte)c, (byte)(c >> 8) })];
}
