using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Graphs.Tests.Artifacts;

/// <summary>A decoder whose matrices are all oblong, so that a transposed gradient has another shape.</summary>
internal static class TinyDecoder
{
    public static DecoderSpec Spec { get; } = new()
    {
        Architecture = "Qwen2ForCausalLM",
        ModelType = "qwen2",
        VocabularySize = 11,
        HiddenSize = 6,
        IntermediateSize = 10,
        Layers = 1,
        Heads = 2,
        KeyValueHeads = 1,
        HeadDimension = 4,
        NormEpsilon = 1e-6,
        MaxPositions = 32,
        Rope = new RopeSpec { Theta = 10000 },
        TieEmbeddings = true,
        QueryKeyValueBias = true,
    };

    public static OrtTrainingOptions Options { get; } = new(Objective, Positions: 16, new OrtOptimizer(Beta2: 0.95, WeightDecay: 0.1));

    public static float[] Weights(string name) => [.. Enumerable.Range(0, (int)Spec.Parameters.Single(p => p.Name == name).Count)
        .Select(i => (float)Math.Sin(i + name.Length))];

    private static Value Objective(OpBuilder op, Value logProbs, Value entropy) =>
        op.Neg(op.ReduceSum(op.Mul(logProbs, op.Graph.Input("weights", ElementType.Float32, "R")), keepDims: false, 0));
}
