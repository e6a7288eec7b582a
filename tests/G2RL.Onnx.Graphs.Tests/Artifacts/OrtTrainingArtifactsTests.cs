using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Files;
using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Graphs.Wire;

namespace G2RL.Onnx.Graphs.Tests.Artifacts;

/// <summary>The models that the training runtime reads: what its loader demands, and what it would let pass.</summary>
[TestClass]
public sealed class OrtTrainingArtifactsTests
{
    private static readonly string[] Parameters = [.. TinyDecoder.Spec.Parameters.Select(p => p.Name)];

    [TestMethod]
    public void Training_Inputs_AreUsersThenTargetsThenParametersThenBuffersThenReset()
    {
        var inputs = OrtTrainingArtifacts.Training(TinyDecoder.Spec, TinyDecoder.Options).Inputs;
        CollectionAssert.AreEqual(
            (string[])["input_ids", "attention_mask", "position_ids", "rows", "targets", "inverse_temperature", "weights", .. Parameters,
                .. Parameters.Select(p => p + "_grad.accumulation.buffer"), "lazy_reset_grad"],
            inputs.Select(i => i.Name).ToArray());
        Assert.AreEqual((ElementType.Bool, "[1]"), (inputs[^1].Type, Shapes.Text(inputs[^1].Shape)));
        foreach (var buffer in inputs.Where(i => i.Name.EndsWith(".buffer", StringComparison.Ordinal)))
            Assert.AreEqual(Shapes.Text(TinyDecoder.Spec.Parameters.Single(p => buffer.Name.StartsWith(
                p.Name + "_grad",
                StringComparison.Ordinal)).Shape.Select(d => (Dimension)d)), Shapes.Text(buffer.Shape), buffer.Name);
    }

    [TestMethod]
    public void Training_Outputs_BeginWithTheLossAndEndWithTheAccumulators()
    {
        var graph = OrtTrainingArtifacts.Training(TinyDecoder.Spec, TinyDecoder.Options);
        CollectionAssert.AreEqual(
            (string[])[
                "loss",
                "log_probs",
                "entropy",
                "last_hidden_state",
                "gradient_norm",
                .. Parameters.Select(p => p + "_grad.accumulation.out"),
            ],
            graph.Outputs.Select(o => o.Name).ToArray());
        Assert.AreEqual((ElementType.Float32, 0), (graph.Outputs[0].Type, graph.Outputs[0].Rank));
        foreach (var done in graph.Outputs.Skip(5))
            Assert.AreEqual((ElementType.Bool, "[1]"), (done.Type, Shapes.Text(done.Shape)), done.Name);
    }

    [TestMethod]
    public void Training_Accumulators_TakeBufferGradientAndResetOfTheirParameter()
    {
        var graph = OrtTrainingArtifacts.Training(TinyDecoder.Spec, TinyDecoder.Options);
        var accumulators = graph.Nodes.Where(n => n.Op == "InPlaceAccumulatorV2").ToArray();
        Assert.HasCount(Parameters.Length, accumulators);
        foreach (var (node, name) in accumulators.Zip(Parameters))
        {
            CollectionAssert.AreEqual(
                (string[])[name + "_grad.accumulation.buffer", name + "_grad", "lazy_reset_grad"],
                node.Inputs.Select(i => i!.Name).ToArray());
            Assert.AreEqual(
                ("com.microsoft", name + "_grad.accumulation.out", 0),
                (node.Domain, node.Outputs.Single()!.Name, node.Attributes.Count));
        }
    }

    [TestMethod]
    public void Models_OnTheWire_KeepToOpset21Ir10StandardOperatorsAndUniqueNodeNames()
    {
        foreach (var graph in new[]
        {
            OrtTrainingArtifacts.Training(TinyDecoder.Spec, TinyDecoder.Options),
            OrtTrainingArtifacts.Evaluation(TinyDecoder.Spec, TinyDecoder.Options),
        })
        {
            var model = ModelProto.Parser.ParseFrom(OnnxFile.ToBytes(graph));
            CheckVersions(model);
            foreach (var node in model.Graph.Node)
                Assert.IsTrue(node.Domain.Length == 0 || node.OpType == "InPlaceAccumulatorV2", node.Name);
        }
        CheckVersions(ModelProto.Parser.ParseFrom(OrtOptimizerModel.ToBytes(new(), schedule: null)));

        static void CheckVersions(ModelProto model)
        {
            Assert.IsLessThanOrEqualTo(10, model.IrVersion);
            Assert.IsLessThanOrEqualTo(21, model.OpsetImport.Single(o => o.Domain.Length == 0).Version);
            Assert.AreEqual(1, model.OpsetImport.SingleOrDefault(o => o.Domain == "com.microsoft")?.Version ?? 1);
            Assert.HasCount(model.Graph.Node.Count, model.Graph.Node.Select(n => n.Name).Distinct().ToArray());
        }
    }

    [TestMethod]
    public void Evaluation_Parameters_ComeInTheTrainingModelsOrder()
    {
        var graph = OrtTrainingArtifacts.Evaluation(TinyDecoder.Spec, TinyDecoder.Options);
        CollectionAssert.AreEqual(Parameters, graph.Inputs.Select(i => i.Name).Where(Parameters.Contains).ToArray());
        // The same user outputs in the same order: the runtime for JavaScript names evaluation outputs by the training model's list.
        CollectionAssert.AreEqual(
            (string[])["loss", "log_probs", "entropy", "last_hidden_state"],
            graph.Outputs.Select(o => o.Name).ToArray());
    }

    [TestMethod]
    public void Training_RotaryTables_AreConstantsOfTheAskedLength()
    {
        var graph = OrtTrainingArtifacts.Training(TinyDecoder.Spec, TinyDecoder.Options);
        var cos = graph.Initializers.Single(i => i.Name == "rope.cos").Constant!;
        CollectionAssert.AreEqual((long[])[16, 2], cos.Shape.ToArray());
        var values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(cos.Bytes.Span);
        // Position 3, second frequency: cos(3 * 10000^(-2/4)) = cos(0.03).
        Assert.AreEqual(Math.Cos(0.03), values[7], 1e-7);
    }

    [TestMethod]
    public void Training_FrozenWeights_AreConstantsWithoutBuffers()
    {
        var options = TinyDecoder.Options with { Trainable = n => n.Contains("mlp", StringComparison.Ordinal) };
        var graph = OrtTrainingArtifacts.Training(TinyDecoder.Spec, options, n => TinyDecoder.Weights(n));
        CollectionAssert.AreEqual(
            Parameters.Where(p => p.Contains("mlp", StringComparison.Ordinal)).ToArray(),
            graph.Inputs.Select(i => i.Name).Where(Parameters.Contains).ToArray());
        var frozen = graph.Initializers.Single(i => i.Name == "model.embed_tokens.weight").Constant!;
        CollectionAssert.AreEqual(
            TinyDecoder.Weights("model.embed_tokens.weight"),
            System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(frozen.Bytes.Span).ToArray());
        Assert.AreEqual(3, graph.Inputs.Count(i => i.Name.EndsWith(".buffer", StringComparison.Ordinal)));
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => OrtTrainingArtifacts.Training(
            TinyDecoder.Spec,
            TinyDecoder.Options with { Trainable = _ => false })).Message, "No parameter learns");
    }

    [TestMethod]
    public void Training_PlantedTransposedGradient_IsRefused()
    {
        // dB of y = x B^T comes out as [in, out] where the weight is [out, in].
        var planted = new Dictionary<string, GradientRule>(GradientRules.All, StringComparer.Ordinal)
        {
            ["Gemm"] = g => GradientRules.All["Gemm"](g) is var right && g.Node.Int("transB", 0) != 0
                ? [right[0], g.Op.SwapLastTwo(right[1]!), .. right[2..]]
                : right,
        };
        var fault = Assert.ThrowsExactly<GraphException>(() =>
            OrtTrainingArtifacts.Training(TinyDecoder.Spec, TinyDecoder.Options, frozen: null, planted)).Message;
        StringAssert.Contains(fault, "A gradient has its value's type and shape");
    }

    [TestMethod]
    public void Accumulator_GradientOfAnotherShape_IsRefused()
    {
        // The runtime's overwriting path copies without looking: this is the last place to notice.
        var graph = new Graph("accumulate");
        var buffer = graph.Input("w_grad.accumulation.buffer", ElementType.Float32, 3, 2);
        var reset = graph.Input("lazy_reset_grad", ElementType.Bool, 1);
        foreach (var gradient in new[]
        {
            graph.Input("transposed", ElementType.Float32, 2, 3),
            graph.Input("broadcastable", ElementType.Float32, 1, 2),
            graph.Input("wide", ElementType.Float64, 3, 2),
        })
            StringAssert.Contains(Assert.ThrowsExactly<GraphException>(() =>
                graph.Add("InPlaceAccumulatorV2", [buffer, gradient, reset], domain: "com.microsoft")).Message, "another type or shape");
        StringAssert.Contains(Assert.ThrowsExactly<GraphException>(() =>
            graph.Add("InPlaceAccumulatorV2", [buffer, buffer, buffer], domain: "com.microsoft")).Message, "needs a bool [1]");
    }

    [TestMethod]
    public void Training_ObjectiveWithReservedInputName_IsRefused()
    {
        foreach (var name in new[] { "advantages_grad", "x_grad.accumulation.buffer", "y_grad.accumulation.out" })
        {
            var options = TinyDecoder.Options with
            {
                Objective =
                (op, logProbs, _) => op.ReduceSum(op.Mul(logProbs, op.Graph.Input(name, ElementType.Float32, "R")), keepDims: false, 0)
            };
            Assert.ThrowsExactly<GraphException>(() => OrtTrainingArtifacts.Training(TinyDecoder.Spec, options), name);
            StringAssert.Contains(
                Assert.ThrowsExactly<GraphException>(() => OrtTrainingArtifacts.Evaluation(TinyDecoder.Spec, options)).Message,
                name);
        }
    }

    [TestMethod]
    public void Rules_BrokenGraphs_AreRefusedByName()
    {
        void Refused(string what, Action<Parts> change, int opset = 21)
        {
            var parts = new Parts(opset);
            change(parts);
            StringAssert.Contains(
                Assert.ThrowsExactly<GraphException>(() => OrtArtifactRules.CheckTraining(parts.Build(), ["w"]), what).Message,
                what);
        }
        OrtArtifactRules.CheckTraining(new Parts(21).Build(), ["w"]);
        Refused("opset 22", _ => { }, opset: 22);
        Refused("first output", p => p.LossFirst = false);
        Refused("must be an input", p => p.ParameterIsConstant = true);
        Refused("in the same order, then lazy_reset_grad", p => p.ResetFirst = true);
        Refused("must be a bool [1]", p => p.ResetLength = 2);
        Refused("must end with", p => p.DoneLast = false);
        Refused("one InPlaceAccumulatorV2", p => p.Twice = true);
        Refused("standard operators only", p => p.Foreign = true);
        Refused("must be float32", p => p.Type = ElementType.Float64);
    }

    [TestMethod]
    public void Rules_EvaluationInAnotherOrder_IsRefused()
    {
        var graph = new Graph("eval_model");
        var op = new OpBuilder(graph);
        var (b, a) = (graph.Input("b", ElementType.Float32, 2), graph.Input("a", ElementType.Float32, 2));
        graph.Output(op.Named("loss", op.ReduceSum(op.Mul(a, b), keepDims: false, 0)));
        OrtArtifactRules.CheckEvaluation(graph, ["b", "a"]);
        StringAssert.Contains(
            Assert.ThrowsExactly<GraphException>(() => OrtArtifactRules.CheckEvaluation(graph, ["a", "b"])).Message,
            "in the order of the training model");
        StringAssert.Contains(
            Assert.ThrowsExactly<GraphException>(() => OrtArtifactRules.CheckEvaluation(graph, ["b", "b"])).Message,
            "named twice");
    }

    [TestMethod]
    public void Optimizer_Model_HasTheExactSignatureAndEveryAttribute()
    {
        var graph =
            ModelProto.Parser.ParseFrom(OrtOptimizerModel.ToBytes(new(0.8, 0.95, 1e-7, 0.1, 0.5), (op, _) => op.Scalar(2e-3))).Graph;
        CollectionAssert.AreEqual(
            (string[])["learning_rate", "step", "params", "gradients", "first_order_moments", "second_order_moments"],
            graph.Input.Select(i => i.Name).ToArray());
        Assert.AreEqual((1, 7), (graph.Input[0].Type.TensorType.ElemType, graph.Input[1].Type.TensorType.ElemType));
        Assert.AreEqual((1, 1), ((int)graph.Input[0].Type.TensorType.Shape.Dim.Single().DimValue,
            (int)graph.Input[1].Type.TensorType.Shape.Dim.Single().DimValue));
        foreach (var input in graph.Input.Skip(2))
            Assert.AreEqual(1, input.Type.SequenceType.ElemType.TensorType.ElemType, input.Name);
        Assert.AreEqual(
            (9, 1L),
            (graph.Output.Single().Type.TensorType.ElemType, graph.Output.Single().Type.TensorType.Shape.Dim.Single().DimValue));
        var adamW = graph.Node.Single(n => n.OpType == "AdamWOptimizer");
        CollectionAssert.AreEqual(
            (string[])["rate", "step", "params", "clipped", "first_order_moments", "second_order_moments"],
            adamW.Input.ToArray());
        Assert.AreEqual(graph.Output.Single().Name, adamW.Output.Single());
        var attributes = adamW.Attribute.ToDictionary(a => a.Name, a => a.Type == AttributeProto.Types.Kind.Int ? a.I : a.F);
        var expected = new Dictionary<string, double>
        {
            ["alpha"] = 0.8f,
            ["beta"] = 0.95f,
            ["epsilon"] = 1e-7f,
            ["weight_decay"] = 0.1f,
            ["correct_bias"] = 1,
            ["adam_mode"] = 0,
        };
        CollectionAssert.AreEquivalent(expected.Keys, attributes.Keys);
        foreach (var (name, value) in expected)
            Assert.AreEqual(value, attributes[name], name);
        Assert.AreEqual(0.5f, graph.Node.Single(n => n.OpType == "InplaceClipGradNorm").Attribute.Single(a => a.Name == "max_norm").F);
    }

    [TestMethod]
    public void Optimizer_WithoutClippingOrSchedule_TakesGradientsAndRateAsTheyCome()
    {
        var graph = ModelProto.Parser.ParseFrom(OrtOptimizerModel.ToBytes(new(MaxGradientNorm: 0), schedule: null)).Graph;
        Assert.IsFalse(graph.Node.Any(n => n.OpType == "InplaceClipGradNorm"));
        Assert.AreEqual("gradients", graph.Node.Single(n => n.OpType == "AdamWOptimizer").Input[3]);
        CollectionAssert.AreEquivalent((string[])["Identity", "AdamWOptimizer"], graph.Node.Select(n => n.OpType).ToArray());
    }

    [TestMethod]
    public void Write_Folder_HoldsFourFilesAndIsNeverOverwritten()
    {
        using var folder = new TemporaryFolder();
        var content = new OrtCheckpointContent
        {
            Trainable = [.. TinyDecoder.Spec.Parameters.Select(p => OrtTensor.Floats(p.Name, p.Shape, n => TinyDecoder.Weights(n)))],
        };
        void Write() =>
            OrtTrainingArtifacts.Write(folder["out"], TinyDecoder.Spec, TinyDecoder.Options, n => TinyDecoder.Weights(n), content);
        Write();
        CollectionAssert.AreEquivalent(
            (string[])["training_model.onnx", "eval_model.onnx", "optimizer_model.onnx", "checkpoint"],
            Directory.GetFiles(folder["out"]).Select(Path.GetFileName).ToArray());
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(Write).Message, "never written over");
    }

    [TestMethod]
    public void Write_ManyFrozenWeights_LieOnceBesideBothModels()
    {
        using var folder = new TemporaryFolder();
        var options = TinyDecoder.Options with { Trainable = n => n.Contains("norm", StringComparison.Ordinal), LargestFrozenInline = 0 };
        var content = new OrtCheckpointContent
        {
            Trainable = [.. TinyDecoder.Spec.Parameters.Where(p => options.Trainable(p.Name))
            .Select(p => OrtTensor.Floats(p.Name, p.Shape, n => TinyDecoder.Weights(n)))]
        };
        OrtTrainingArtifacts.Write(folder["out"], TinyDecoder.Spec, options, n => TinyDecoder.Weights(n), content);
        var frozen = TinyDecoder.Spec.Parameters.Where(p => !options.Trainable(p.Name)).ToArray();
        Assert.AreEqual(frozen.Sum(p => p.Count) * sizeof(float), new FileInfo(Path.Combine(folder["out"], "frozen.data")).Length);
        foreach (var model in new[] { "training_model.onnx", "eval_model.onnx" })
        {
            var proto = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder["out"], model)));
            foreach (var parameter in frozen)
            {
                var tensor = proto.Graph.Initializer.Single(i => i.Name == parameter.Name);
                var place = tensor.ExternalData.ToDictionary(e => e.Key, e => e.Value);
                Assert.AreEqual("frozen.data", place["location"]);
                var bytes = File.ReadAllBytes(Path.Combine(folder["out"], "frozen.data"))
                    .AsSpan(int.Parse(place["offset"]), int.Parse(place["length"]));
                CollectionAssert.AreEqual(
                    TinyDecoder.Weights(parameter.Name),
                    System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes).ToArray(),
                    parameter.Name);
            }
        }
    }

    // The smallest training model, with one thing wrong at a time.
    private sealed class Parts(int opset)
    {
        public bool LossFirst { get; set; } = true;

        public bool ParameterIsConstant { get; set; }

        public bool ResetFirst { get; set; }

        public long ResetLength { get; set; } = 1;

        public bool DoneLast { get; set; } = true;

        public bool Twice { get; set; }

        public bool Foreign { get; set; }

        public ElementType Type { get; set; } = ElementType.Float32;

        public Graph Build()
        {
            var graph = new Graph("training_model", opset);
            var op = new OpBuilder(graph);
            var x = graph.Input("x", ElementType.Float32, 2);
            var reset = ResetFirst ? graph.Input("lazy_reset_grad", ElementType.Bool, ResetLength) : null;
            var w = ParameterIsConstant ? graph.Initializer("w", TensorData.Of([1f, 2f], 2)) : graph.Input("w", Type, 2);
            var buffer = graph.Input("w_grad.accumulation.buffer", Type, 2);
            reset ??= graph.Input("lazy_reset_grad", ElementType.Bool, ResetLength);
            var loss = op.Named("loss", op.ReduceSum(op.Mul(x, op.Cast(w, ElementType.Float32)), keepDims: false, 0));
            var one = ResetLength == 1 ? reset : op.Slice(reset, 0, 0, 1);
            var done = graph.Add(
                "InPlaceAccumulatorV2",
                [buffer, w, one],
                outputNames: ["w_grad.accumulation.out"],
                domain: "com.microsoft").Outputs[0]!;
            var other = op.Named("other", x);
            if (Twice)
                graph.Add("InPlaceAccumulatorV2", [buffer, w, one], domain: "com.microsoft");
            if (Foreign)
                graph.Add(
                    "GroupQueryAttention",
                    [
                        graph.Input("q", ElementType.Float32, 1, 1, 8),
                        .. Enumerable.Repeat(graph.Input("k", ElementType.Float32, 1, 1, 8), 2),
                        .. Enumerable.Repeat(graph.Input("p", ElementType.Float32, 1, 1, 4, 8), 2),
                    ],
                    new Dictionary<string, AttributeValue> { ["num_heads"] = 1L, ["kv_num_heads"] = 1L },
                    domain: "com.microsoft",
                    outputCount: 3);
            foreach (var output in LossFirst ? [loss, other] : new[] { other, loss })
                graph.Output(output);
            graph.Output(done);
            if (!DoneLast)
                graph.Output(op.Named("late", x));
            return graph;
        }
    }
}
