using G2RL.Onnx.Graphs.Tests.Checkpoints;

namespace G2RL.Onnx.Graphs.Tests.Files;

[TestClass]
public sealed class ForeignFileTests
{
    [TestMethod]
    [DataRow("version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 1234\n", "a Git LFS pointer to 1234 bytes")]
    [DataRow(
        "\n<!doctype HTML><html><title>x</title>Access to model is restricted</html>",
        "an HTML page, such as a server sends for a login or an error: 'x Access to model is restricted'")]
    [DataRow("<html>404</html>", "'404'")]
    [DataRow("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML document")]
    [DataRow("Invalid username or password.", "what a failed download left: 'Invalid username or password.'")]
    [DataRow("Entry not found", "a failed download")]
    [DataRow("PAR1\u0015\u0004", "a Parquet file")]
    [DataRow("PK\u0003\u0004....", "a ZIP archive")]
    [DataRow("GGUF\u0003", "a GGUF model")]
    public void FileThatIsSomethingElse_IsNamed(string content, string kind)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], content);
        Assert.Contains(kind, Assert.ThrowsExactly<InputException>(() => JsonInput.ReadObject(folder["config.json"], 1000)).Message);
    }

    [TestMethod]
    public void BinaryFileThatIsSomethingElse_IsNamed()
    {
        foreach (var (bytes, kind) in new (byte[], string)[]
        {
            ([0x1F, 0x8B, 8], "gzip"), ([0x80, 2, (byte)'c'], "a Python pickle"),
            ([40, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'"'], "a safetensors file"), ([0x89, .. "HDF\r\n"u8], "HDF5"),
        })
            Assert.Contains(kind, ForeignFile.KindOf(bytes) ?? "nothing");
        Assert.IsNull(ForeignFile.KindOf("{\"a\": 1}"u8));
        Assert.IsNull(ForeignFile.KindOf("1+1=2"u8));
        Assert.IsNull(ForeignFile.KindOf([]));
    }
}
