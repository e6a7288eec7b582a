using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Wire;
using Google.Protobuf;

namespace G2RL.Onnx.Artifacts.Training;

/// <summary>
/// optimizer_model.onnx: learning rate, clipping, AdamW. Its inputs are sequences of tensors, which no other graph here has, so the
/// schedule is built as a graph and the two training operators are added on the wire.
/// </summary>
internal static class OrtOptimizerModel
{
    /// <summary>The runtime's learning rate after loading a checkpoint; at this value the schedule holds as it stands.</summary>
    public const float NeutralRate = 0.001f;

    private const string Updated = "adamw.updated_flag";
    private static readonly string[] Sequences = ["params", "gradients", "first_order_moments", "second_order_moments"];

    /// <summary>The learning rate: inputs learning_rate [1] and step int64 [1] (1 for the first update), output rate [1].</summary>
    /// <param name="schedule">Writes the rate of a 0-based step; null passes learning_rate on.</param>
    /// <remarks>
    /// rate = schedule(step - 1) * (learning_rate / 0.001). The runtime never restores the learning rate and starts at 0.001, so the
    /// schedule holds exactly unless somebody sets another rate, which then scales it.
    /// </remarks>
    public static Graph LearningRate(Func<OpBuilder, Value, Value>? schedule)
    {
        var graph = new Graph("optimizer_model");
        var op = new OpBuilder(graph);
        var rate = graph.Input("learning_rate", ElementType.Float32, 1);
        var step = graph.Input("step", ElementType.Int64, 1);
        if (schedule is not null)
            rate = op.Mul(op.Reshape(schedule(op, op.Sub(op.Squeeze(step, 0), op.Int(1))), 1), op.Div(rate, op.Scalar(NeutralRate)));
        graph.Output(op.Named("rate", rate));
        return graph;
    }

    /// <summary>The model as the bytes of an ONNX file.</summary>
    public static byte[] ToBytes(OrtOptimizer settings, Func<OpBuilder, Value, Value>? schedule)
    {
        var model = OnnxWriter.ToModel(LearningRate(schedule));
        model.OpsetImport.Add(new OperatorSetProto { Domain = "com.microsoft", Version = 1 });
        var graph = model.Graph;
        graph.Output.Clear();
        graph.Output.Add(new ValueInfoProto
        {
            Name = Updated,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)ElementType.Bool, Shape = OneElement() } },
        });
        graph.Input.AddRange(Sequences.Select(name => new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto
            {
                SequenceType = new TypeProto.Types.Sequence
                {
                    ElemType = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)ElementType.Float32 } },
                }
            },
        }));
        var gradients = "gradients";
        if (settings.MaxGradientNorm > 0)
        {
            gradients = "clipped";
            var clip = Training("InplaceClipGradNorm", ["gradients"], gradients);
            clip.Attribute.Add(Number("max_norm", settings.MaxGradientNorm));
            graph.Node.Add(clip);
        }
        var adamW = Training(
            "AdamWOptimizer",
            ["rate", "step", "params", gradients, "first_order_moments", "second_order_moments"],
            Updated);
        adamW.Attribute.Add(Number("alpha", settings.Beta1));
        adamW.Attribute.Add(Number("beta", settings.Beta2));
        adamW.Attribute.Add(Number("epsilon", settings.Epsilon));
        adamW.Attribute.Add(Number("weight_decay", settings.WeightDecay));
        adamW.Attribute.Add(Whole("correct_bias", 1));
        // 0: torch's order of operations; decay first, epsilon outside the bias correction.
        adamW.Attribute.Add(Whole("adam_mode", 0));
        graph.Node.Add(adamW);
        return model.ToByteArray();
    }

    private static NodeProto Training(string op, string[] inputs, string output)
    {
        var node = new NodeProto { Name = op, OpType = op, Domain = "com.microsoft" };
        node.Input.AddRange(inputs);
        node.Output.Add(output);
        return node;
    }

    private static AttributeProto Number(
        string name,
        double value) => new() { Name = name, Type = AttributeProto.Types.Kind.Float, F = (float)value };

    private static AttributeProto Whole(string name, long value) => new() { Name = name, Type = AttributeProto.Types.Kind.Int, I = value };

    private static ShapeProto OneElement()
    {
        var shape = new ShapeProto();
        shape.Dim.Add(new ShapeProto.Types.Dim { DimValue = 1 });
        return shape;
    }
}
