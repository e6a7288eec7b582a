using System.Text.RegularExpressions;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

/// <summary>native/README.md is what launches are written from.</summary>
[TestClass]
public sealed partial class KernelTableTests
{
    [TestMethod]
    public void Readme_Signatures_HaveTheParametersOfThePtx()
    {
        var text = File.ReadAllText(SharedFolder.InRepository("native", "README.md"));
        var described = new Dictionary<string, int[]>();
        foreach (Match m in Signature().Matches(text))
        {
            var widths = m.Groups[2].Value.Split(',').Select(Width).ToArray();
            foreach (var entry in m.Groups[1].Value.EndsWith("_T", StringComparison.Ordinal)
                ? new[] { "f32", "f16", "bf16" }.Select(t => m.Groups[1].Value[..^1] + t)
                : [m.Groups[1].Value])
                described.Add(entry, widths);
        }
        CollectionAssert.AreEquivalent(KernelRun.Entries.ToArray(), described.Keys);
        foreach (var (entry, widths) in described)
            CollectionAssert.AreEqual(
                new PtxModule(KernelRun.TextOf(entry))[entry].Parameters.Select(p => p.Bytes).ToArray(),
                widths,
                entry);
    }

    private static int Width(string parameter) => parameter.Contains('*')
        || parameter.Contains("long long")
        || parameter.TrimStart().StartsWith("double", StringComparison.Ordinal) ? 8 : 4;

    [GeneratedRegex(@"`(\w+)\(([^)`]+)\)`")]
    private static partial Regex Signature();
}
