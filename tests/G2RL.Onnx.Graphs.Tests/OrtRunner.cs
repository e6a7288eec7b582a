using G2RL.Onnx.Files;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Graphs.Tests;

/// <summary>A graph in ONNX Runtime: the judge of what our graphs mean.</summary>
internal sealed class OrtRunner : IDisposable
{
    private readonly InferenceSession session;
    private readonly RunOptions runOptions = new();
    private readonly string[] outputs;

    public OrtRunner(Graph graph, int threads = 1)
    {
        using var options = Options(threads);
        session = new InferenceSession(OnnxFile.ToBytes(graph), options);
        outputs = [.. graph.Outputs.Select(o => o.Name)];
    }

    public OrtRunner(string path)
    {
        using var options = Options(1);
        session = new InferenceSession(path, options);
        outputs = [.. session.OutputNames];
    }

    public static IReadOnlyList<TensorData> Run(Graph graph, IReadOnlyDictionary<string, TensorData> inputs)
    {
        using var runner = new OrtRunner(graph);
        return runner.Run(inputs);
    }

    /// <summary>The outputs, in the order of the graph.</summary>
    public IReadOnlyList<TensorData> Run(IReadOnlyDictionary<string, TensorData> inputs)
    {
        var values = inputs.ToDictionary(i => i.Key, i => ToOrt(i.Value), StringComparer.Ordinal);
        try
        {
            using var results = session.Run(runOptions, values, outputs);
            return [.. results.Select(FromOrt)];
        }
        finally
        {
            foreach (var value in values.Values)
                value.Dispose();
        }
    }

    public void Dispose()
    {
        session.Dispose();
        runOptions.Dispose();
    }

    private static SessionOptions Options(int threads)
    {
        var options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_BASIC,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        return options;
    }

    private static OrtValue ToOrt(TensorData data)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)(int)data.Type, [.. data.Shape]);
        if (data.Bytes.Length > 0)
            data.Bytes.Span.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    private static TensorData FromOrt(OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        var data = new TensorData((ElementType)(int)info.ElementDataType, info.Shape, default);
        return data with { Bytes = data.Count == 0 ? default : value.GetTensorMutableRawData()[..(int)data.Length].ToArray() };
    }
}
