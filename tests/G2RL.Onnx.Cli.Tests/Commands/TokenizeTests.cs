using G2RL.Onnx.TestSupport;


namespace G2RL.Onnx.Cli.Tests.Commands;

[TestClass]
public sealed class TokenizeTests
{
    [TestMethod]
    public void Tokenize_Text_GivesIdsPiecesPlacesAndCounts()
    {
        using var tiny = new TinyRun();
        var row = G2rlProcess.Run("tokenize", "--model", tiny.Model, "--text", "12+3=", "--json").Exits(0).Rows.Single();
        Assert.AreEqual("""["1","2","\u002B","3","="]""", row["pieces"]!.ToJsonString());
        Assert.AreEqual("[[0,1],[1,2],[2,3],[3,4],[4,5]]", row["offsets"]!.ToJsonString());
        Assert.AreEqual(5, row["count"]!.GetValue<int>());
        Assert.IsTrue(row["lossless"]!.GetValue<bool>());
        var ids = string.Join(',', row["ids"]!.AsArray().Select(id => id!.GetValue<int>()));
        var back = G2rlProcess.Call("tokenize", "--model", tiny.Model, "--ids", ids, "--json").Exits(0).Rows.Single();
        Assert.AreEqual("12+3=", back["text"]!.GetValue<string>());
        Assert.Contains("5 tokens, 5 characters, 5 bytes", G2rlProcess.Call("tokenize", "--model", tiny.Model, "--text", "12+3=").Output);
    }

    [TestMethod]
    public void Tokenize_FileOfTexts_CountsThem()
    {
        using var tiny = new TinyRun();
        var output = G2rlProcess.Call("tokenize", "--model", tiny.Model, "--input", tiny.Problems, "--counts").Exits(0).Output;
        Assert.Contains("40 texts,", output);
    }

    [TestMethod]
    public void Tokenize_WrongInput_SaysWhat()
    {
        using var tiny = new TinyRun();
        G2rlProcess.Call("tokenize", "--model", tiny.Model, "--ids", "1,x").Refuses("--ids holds 'x'; ids are whole numbers from 0 to");
        G2rlProcess.Call("tokenize", "--model", tiny.Model, "--ids", "1", "--text", "1").Refuses("give one of them");
        G2rlProcess.Call("tokenize", "--model", tiny.Model, "--text", "ä").Refuses("U+00E4");
    }

    // What each token covers, put together, is the text; a character of several tokens is each one's.
    [TestMethod]
    public void Offsets_OfByteLevelTokens_CoverTheTextInOrder()
    {
        var folder = SharedFolder.Require("tokenizers", "qwen3");
        const string Text = "Grüße 👩‍🚀 <|im_end|> 中文\n\n  x";
        var text = Text + string.Concat(Enumerable.Repeat(" wörd 👍", 60));
        var row = G2rlProcess.Call("tokenize", "--model", folder, "--text", text, "--json").Exits(0).Rows.Single();
        var (end, runes) = (0, row["text"]!.GetValue<string>().EnumerateRunes().Count());
        foreach (var place in row["offsets"]!.AsArray().Select(p => (Start: p![0]!.GetValue<int>(), End: p[1]!.GetValue<int>())))
        {
            Assert.IsLessThanOrEqualTo(end, place.Start);
            Assert.IsGreaterThan(place.Start, place.End);
            end = Math.Max(end, place.End);
        }
        Assert.AreEqual(runes, end);
        Assert.AreEqual("[10,20]", row["offsets"]![9]!.ToJsonString());
    }
}
