using G2RL.Onnx.Conformance.Models;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

/// <summary>Golden vectors computed by Hugging Face transformers in float64, read as conformance reads them.</summary>
internal static class Golden
{
    /// <summary>A model and its vectors; inconclusive where they do not lie.</summary>
    public static GoldenModel Open(string name) => new(SharedFolder.Require("models", name));

    public static void Near(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance, string what)
    {
        Assert.AreEqual(expected.Length, actual.Length, what);
        for (var i = 0; i < actual.Length; i++)
            if (!(Math.Abs((double)actual[i] - expected[i]) <= tolerance))
                Assert.Fail($"{what}[{i}] is {actual[i]:R}; {expected[i]:R} is expected, tolerance {tolerance}.");
    }
}
