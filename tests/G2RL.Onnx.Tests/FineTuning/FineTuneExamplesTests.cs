using System.Security.Cryptography;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests.FineTuning;

/// <summary>Which rows are learned and measured, in which order, and what is said of the rest.</summary>
[TestClass]
public sealed class FineTuneExamplesTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("g2rl-examples-").FullName;
    private readonly Tokenizer tokenizer;

    public FineTuneExamplesTests()
    {
        CharacterTokenizer.Write(root, Problems.Generated.Arithmetic.Characters);
        tokenizer = Tokenizer.Load(root);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    [TestMethod]
    public void Rows_OfAFractionHeldOut_AreLearnedOrMeasured()
    {
        var train = Rows("train.jsonl", [.. Enumerable.Range(10, 40).Select(i => $"{i}=|1")]);
        var examples = Read(new() { Train = train, HeldOutFraction = 0.25 });
        var held = Enumerable.Range(10, 40).Where(i => FineTuneRows.IsHeldOut(new($"{i}=", []), 0.25)).Select(i => $"{i}=|1$").ToArray();
        Assert.IsNotEmpty(held);
        CollectionAssert.AreEqual(held, examples.HeldOut.Select(Spelled).ToArray());
        Assert.AreEqual(40 - held.Length, examples.Count);
        Assert.IsEmpty(examples.Notes);
        // Nothing held out is a word; all of it is nothing to learn from.
        var all = Read(new() { Train = train, HeldOutFraction = 0 });
        Assert.AreEqual(40, all.Count);
        Assert.IsEmpty(all.HeldOut);
        Assert.AreEqual($"Nothing of {train} is held out, so no held-out loss is measured.", all.Notes.Single());
        Assert.AreEqual(
            $"{train} leaves no example to learn from; add rows, or lower data.heldOutFraction.",
            Assert.ThrowsExactly<InputException>(() => Read(new() { Train = train, HeldOutFraction = 1 })).Message);
    }

    [TestMethod]
    public void Rows_HeldOutInAFile_AreAllMeasuredAndThoseLearnedTooAreTold()
    {
        var train = Rows("train.jsonl", "1=|1", "2=|2", "3=|3");
        var apart = Read(new() { Train = train, HeldOut = Rows("apart.jsonl", "4=|4", "5=|5"), HeldOutFraction = 1 });
        Assert.AreEqual((3, "4=|4$ 5=|5$"), (apart.Count, string.Join(' ', apart.HeldOut.Select(Spelled))));
        Assert.IsEmpty(apart.Notes);
        var held = Rows("held.jsonl", "1=|9", "4=|4", "3=|3");
        Assert.AreEqual(
            $"{held}: 2 prompts are learned, too; the held-out loss is too low for them.",
            Read(new() { Train = train, HeldOut = held }).Notes.Single());
    }

    // Prompt, response and end token: 6 and 5 tokens of 5 positions.
    [TestMethod]
    public void Rows_TooLong_AreToldOrLeftOutAndCounted()
    {
        var data = new FineTuneData { Train = Rows("train.jsonl", "11=|11", "1=|11", "22=|22", "2=|1"), HeldOutFraction = 0 };
        var message = Assert.ThrowsExactly<InputException>(() => Read(data, positions: 5)).Message;
        Assert.AreEqual(
            $"{data.Train}:1 has 6 tokens; at most 5 are allowed (maxTokens, and the model's positions). "
                + "Raise maxTokens, shorten the row, or set data.skipTooLong. The same in 3.",
            message);
        var left = Read(data with { SkipTooLong = true }, positions: 5);
        Assert.AreEqual(2, left.Count);
        Assert.AreEqual($"{data.Train}: 2 rows have more than 5 tokens and are left out.", left.Notes[0]);
        Assert.HasCount(2, left.Notes);
    }

    // '=' is the largest token of the rows, the end token aside; it stands in the prompt alone.
    [TestMethod]
    public void Rows_TokensBeyondTheVocabulary_AreTold()
    {
        var data = new FineTuneData { Train = Rows("train.jsonl", "1=|1", "1|2", "1|1="), HeldOutFraction = 0 };
        var largest = new[] { "1=", "1", "2" }.SelectMany(t => tokenizer.Encode(t)).Append(tokenizer.EosId!.Value).Max();
        Assert.AreEqual(3, Read(data, vocabulary: largest + 1).Count);
        var sign = tokenizer.Encode("=").Single();
        Assert.IsGreaterThan(Math.Max(tokenizer.Encode("2").Single(), tokenizer.EosId.Value), sign);
        var message = Assert.ThrowsExactly<InputException>(() => Read(data, vocabulary: sign)).Message;
        Assert.AreEqual(
            $"{data.Train}:1 holds token {sign} of the tokenizer; the model's vocabulary has {sign}. "
                + "Tokenizer and weights of the-model do not belong together. The same in 3.",
            message);
    }

    // Lengths and tokens of each sequence, those learned first.
    [TestMethod]
    public void Hash_Always_IsOfAllTokens()
    {
        var examples = Read(new() { Train = Rows("a.jsonl", "1=|23"), HeldOut = Rows("b.jsonl", "4=|5") });
        List<byte> bytes = [];
        foreach (var (prompt, response) in new[] { (Ids("1="), Ids("23$")), (Ids("4="), Ids("5$")) })
            foreach (var number in (int[])[prompt.Length, response.Length, .. prompt, .. response])
                bytes.AddRange(BitConverter.GetBytes(number));
        Assert.AreEqual(Convert.ToHexStringLower(SHA256.HashData([.. bytes])), examples.Hash);
    }

    // 5 rows in 3 epochs of 4 a step: 15 sequences, 3 of them in the last step; each epoch has each row once, in an order of its own.
    [TestMethod]
    public void Of_EachStep_GoesThroughEpochsInShuffledOrders()
    {
        var config = new FineTuneConfig
        {
            Data = new() { Train = Rows("a.jsonl", "1=|1", "2=|2", "3=|3", "4=|4", "5=|5"), HeldOutFraction = 0 },
            ExamplesPerStep = 4,
            Epochs = 3,
        };
        var examples = Read(config, 16, tokenizer.VocabularySize);
        Assert.AreEqual(4, examples.Steps);
        var steps = Enumerable.Range(0, 4).Select(examples.Of).ToArray();
        CollectionAssert.AreEqual(new[] { 4, 4, 4, 3 }, steps.Select(s => s.Length).ToArray());
        var epochs = steps.SelectMany(s => s).Select(Spelled).Chunk(5).Select(e => string.Join(' ', e)).ToArray();
        foreach (var epoch in epochs)
            Assert.AreEqual("1=|1$ 2=|2$ 3=|3$ 4=|4$ 5=|5$", string.Join(' ', epoch.Split(' ').Order(StringComparer.Ordinal)));
        Assert.HasCount(3, epochs.Distinct().ToArray());
        Assert.AreEqual(1, Read(config with { Epochs = 1, ExamplesPerStep = 5 }, 16, tokenizer.VocabularySize).Steps);
        Assert.AreEqual(2, Read(config with { Epochs = 2, ExamplesPerStep = 5 }, 16, tokenizer.VocabularySize).Steps);
    }

    private FineTuneExamples Read(FineTuneData data, int positions = 16, int? vocabulary = null) =>
        Read(new() { Model = "the-model", Data = data }, positions, vocabulary ?? tokenizer.VocabularySize);

    private FineTuneExamples Read(FineTuneConfig config, int positions, int vocabulary) => new(
        config,
        new FineTuneRows(config.Data, tokenizer, new(() => throw new InvalidOperationException()), [tokenizer.EosId!.Value]),
        positions,
        vocabulary);

    private int[] Ids(string text) =>
        [.. text.SelectMany(c => c == '$' ? [tokenizer.EosId!.Value] : tokenizer.Encode(c.ToString()))];

    private string Rows(string name, params string[] rows)
    {
        var path = Path.Combine(root, name);
        File.WriteAllLines(path, rows.Select(r => r.Split('|')).Select(r => $$"""{"prompt": "{{r[0]}}", "response": "{{r[1]}}"}"""));
        return path;
    }

    private string Spelled(Sequence sequence)
    {
        string Text(int[] ids) => string.Concat(ids.Select(id => id == tokenizer.EosId ? "$" : tokenizer.Decode([id])));
        return $"{Text(sequence.Prompt)}|{Text(sequence.Response)}";
    }
}
