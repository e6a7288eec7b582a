using System.Runtime.InteropServices;
using System.Text.Json;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

/// <summary>A folder of golden vectors computed by Hugging Face transformers in float64, and our policy of the same weights.</summary>
internal sealed class GoldenModel : IDisposable
{
    private readonly SafeTensorsFile tensors;

    public GoldenModel(string name)
    {
        Folder = SharedFolder.Require("models", name);
        Policy = Policy.Load(Folder, 512);
        tensors = SafeTensorsFile.Open(Path.Combine(Folder, "golden.safetensors"));
        Json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "golden.json"))).RootElement;
    }

    public string Folder { get; }

    public Policy Policy { get; }

    public JsonElement Json { get; }

    public bool Has(string name) => tensors.Tensors.ContainsKey(name);

    public long[] Shape(string name) => tensors.Find(name).Shape;

    public float[] Floats(string name)
    {
        var values = new float[tensors.Find(name).Count];
        tensors.ReadFloats(name, values);
        return values;
    }

    public long[] Ints(string name) => MemoryMarshal.Cast<byte, long>(tensors.RawBytes(name)).ToArray();

    public static void Near(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance, string what)
    {
        Assert.AreEqual(expected.Length, actual.Length, what);
        for (var i = 0; i < actual.Length; i++)
            if (!(Math.Abs((double)actual[i] - expected[i]) <= tolerance))
                Assert.Fail($"{what}[{i}] is {actual[i]:R}; {expected[i]:R} is expected, tolerance {tolerance}.");
    }

    public void Dispose()
    {
        Policy.Dispose();
        tensors.Dispose();
    }
}
