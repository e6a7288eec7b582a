using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class CharacterTokenizerTests
{
    public required TestContext TestContext { get; set; }

    private string Folder => Path.Combine(Path.GetTempPath(), "g2rl-" + TestContext.TestName + Environment.ProcessId);

    [TestCleanup]
    public void Clean()
    {
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
    }

    [TestMethod]
    public void Write_ArithmeticCharacters_LoadsWithSpecialsFirst()
    {
        CharacterTokenizer.Write(Folder, Arithmetic.Characters);
        var tokenizer = Tokenizer.Load(Folder);
        Assert.AreEqual(19, tokenizer.VocabularySize);
        Assert.AreEqual(0, tokenizer.PadId);
        Assert.AreEqual(1, tokenizer.BosId);
        Assert.AreEqual(2, tokenizer.EosId);
        // 0 is id 3, so digit d is d + 3; then + - * ( ) = are 13 to 18.
        CollectionAssert.AreEqual(new[] { 1, 4, 10, 13, 8, 15, 16, 12, 14, 6, 17, 18, 2 }, tokenizer.Encode("<bos>17+5*(9-3)=<eos>"));
        Assert.AreEqual("17+5*(9-3)=", tokenizer.Decode(tokenizer.Encode("<bos>17+5*(9-3)=<eos>")));
        Assert.AreEqual("<bos>1<eos>", tokenizer.Decode(tokenizer.Encode("<bos>1<eos>"), skipSpecial: false));
    }

    [TestMethod]
    public void Write_UnusualCharacters_RoundTrips()
    {
        const string Characters = "a\n \"\\é漢𝑥<";
        CharacterTokenizer.Write(Folder, Characters, new SpecialTokens("[P]", "[B]", "[E]"));
        var tokenizer = Tokenizer.Load(Folder);
        Assert.AreEqual(12, tokenizer.VocabularySize);
        CollectionAssert.AreEqual(new[] { 3, 4, 5, 6, 7, 8, 9, 10, 11, 2 }, tokenizer.Encode(Characters + "[E]"));
        Assert.AreEqual(Characters, tokenizer.Decode(tokenizer.Encode(Characters)));
    }

    [TestMethod]
    public void Encode_CharacterThatTheVocabularyLacks_NamesIt()
    {
        CharacterTokenizer.Write(Folder, Arithmetic.Characters);
        var error = Assert.ThrowsExactly<InputException>(() => Tokenizer.Load(Folder).Encode("1+x="));
        StringAssert.Contains(error.Message, "'x' (U+0078)");
    }

    [TestMethod]
    public void Write_BadCharacters_AreRefused()
    {
        Assert.ThrowsExactly<InputException>(() => CharacterTokenizer.Write(Folder, ""));
        Assert.ThrowsExactly<InputException>(() => CharacterTokenizer.Write(Folder, "aba"));
        Assert.ThrowsExactly<InputException>(() => CharacterTokenizer.Write(Folder, "a\uD800b"));
        Assert.ThrowsExactly<InputException>(() => CharacterTokenizer.Write(Folder, "ab", new SpecialTokens("x", "x", "y")));
        Assert.ThrowsExactly<InputException>(() => CharacterTokenizer.Write(Folder, "ab", new SpecialTokens("", "x", "y")));
    }
}
