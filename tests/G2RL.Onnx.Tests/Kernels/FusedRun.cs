using System.Runtime.InteropServices;
using G2RL.Onnx.Execution.Kernels;
using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Tests.Kernels;

/// <summary>A graph with operators of ours, run with vectors of a given width.</summary>
internal static class FusedRun
{
    public static Dictionary<string, float[]> Of(
        Graph graph,
        IReadOnlyDictionary<string, TensorData> feeds,
        KernelWidth width,
        int threads = 1)
    {
        using var options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        KernelTable.AddTo(options, width);
        using var session = new InferenceSession(OnnxFile.ToBytes(graph), options);
        using var run = new RunOptions();
        var values = graph.Inputs.ToDictionary(i => i.Name, i => ToOrt(feeds[i.Name]), StringComparer.Ordinal);
        var names = graph.Outputs.Select(o => o.Name).ToArray();
        using var results = session.Run(run, values, names);
        foreach (var value in values.Values)
            value.Dispose();
        return names.Zip(results).ToDictionary(
            p => p.First,
            p => p.Second.GetTensorDataAsSpan<float>().ToArray(),
            StringComparer.Ordinal);
    }

    public static void AssertClose(float[] expected, float[] actual, double tolerance, string what)
    {
        Assert.HasCount(expected.Length, actual, what);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], tolerance, $"{what}[{i}]");
    }

    public static double Largest(float[] values) => values.Select(v => Math.Abs((double)v)).DefaultIfEmpty(0).Max();

    private static OrtValue ToOrt(TensorData data)
    {
        long[] shape = [.. data.Shape];
        return data.Type == ElementType.Int64
            ? OrtValue.CreateTensorValueFromMemory(data.AsInt64().ToArray(), shape)
            : OrtValue.CreateTensorValueFromMemory(MemoryMarshal.Cast<byte, float>(data.Bytes.Span).ToArray(), shape);
    }
}
