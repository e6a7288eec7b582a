using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Graphs.Tests.Files;

/// <summary>Graphs that hold what files can hold.</summary>
internal static class SampleGraphs
{
    /// <summary>Constants of every type and size, every kind of attribute, an optional input left out, symbolic axes.</summary>
    public static Graph Mixed()
    {
        var graph = new Graph("mixed");
        var op = new OpBuilder(graph);
        var x = graph.Input("x", ElementType.Float32, "B", 4);
        var big = graph.Initializer("big", TensorData.Of(Numbers(4 * 600), 4, 600));
        var small = graph.Initializer("small", TensorData.Of(Numbers(4), 4));
        foreach (var type in Enum.GetValues<ElementType>())
            graph.Initializer($"constant.{type}", new TensorData(type, [2, 1], new byte[2 * type.Size()]));
        graph.Initializer("empty", new TensorData(ElementType.Float32, [0, 3], default));
        var limited = op.Op("Clip", [op.Add(x, small), null, op.Scalar(1.5)]);
        var parts = graph.Add(
            "Split",
            [op.MatMul(limited, big), op.Ints(200, 400)],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["axis"] = 1 },
            ["part", "rest"],
            name: "cut");
        var scattered = op.Op(
            "ScatterElements",
            [parts.Outputs[0]!, op.Op("ConstantOfShape", [op.Op("Shape", [x])], ("value", TensorData.Of([3L], 1))), x],
            ("axis", -1L),
            ("reduction", "add"));
        graph.Output(op.Named("y", op.Transpose(scattered, 1, 0)));
        graph.Output(op.Named("z", op.Op("Gemm", [x, big], ("alpha", 0.5f))));
        return graph;
    }

    /// <summary>
    /// A small decoder with everything that has a gradient of its own: shared keys, norms of queries and keys, biases, the embedding as
    /// head.
    /// </summary>
    public static DecoderSpec Decoder => new()
    {
        Architecture = "Qwen3ForCausalLM",
        ModelType = "qwen3",
        VocabularySize = 11,
        HiddenSize = 8,
        IntermediateSize = 12,
        Layers = 1,
        Heads = 2,
        KeyValueHeads = 1,
        HeadDimension = 4,
        NormEpsilon = 1e-6,
        MaxPositions = 16,
        Rope = new RopeSpec { Theta = 10_000 },
        TieEmbeddings = true,
        QueryKeyNorm = true,
        QueryKeyValueBias = true,
        EosTokens = [0],
    };

    /// <summary>Its training graph: L = -sum log p - sum H / 10.</summary>
    public static Graph Train() => DecoderGraph.Train(Decoder, (op, logProbs, entropy) =>
        op.Neg(op.ReduceSum(op.Add(logProbs, op.Mul(entropy, op.Scalar(0.1))), keepDims: false, 0)));

    public static Dictionary<string, TensorData> MixedInputs => new(StringComparer.Ordinal) { ["x"] = TensorData.Of(Numbers(12), 3, 4) };

    private static float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => (float)Math.Sin(i))];
}
