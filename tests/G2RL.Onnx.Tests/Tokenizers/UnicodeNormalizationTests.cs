using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers.Normalization;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class UnicodeNormalizationTests
{
    private static readonly JsonDocument Fixture =
        JsonDocument.Parse(File.ReadAllText(SharedFolder.InRepository("tests", "fixtures", "nfc.json")));

    [TestMethod]
    public void ToNfc_RandomStrings_EqualsPythons()
    {
        var count = 0;
        foreach (var pair in Fixture.RootElement.GetProperty("pairs").EnumerateArray())
        {
            Assert.AreEqual(pair[1].GetString(), UnicodeNormalization.ToNfc(pair[0].GetString()!), $"pair {count}");
            count++;
        }

        Assert.AreEqual(600, count);
    }

    [TestMethod]
    public void ToNfc_EveryCharacter_EqualsPythons()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new StringBuilder();
        for (var point = 0; point < 0x110000; point++)
        {
            if (!Rune.IsValid(point))
                continue;
            buffer.Append(UnicodeNormalization.ToNfc(new Rune(point).ToString())).Append('\n');
            if (buffer.Length > 60_000 || point == 0x10FFFF)
            {
                hash.AppendData(Encoding.UTF8.GetBytes(buffer.ToString()));
                buffer.Clear();
            }
        }

        Assert.AreEqual(
            Fixture.RootElement.GetProperty("sha256OfEveryCharacter").GetString(),
            Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
