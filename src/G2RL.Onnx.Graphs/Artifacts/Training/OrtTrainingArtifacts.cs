using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Files;
using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Artifacts.Training;

/// <summary>
/// The four artifacts of ONNX Runtime's training API: training_model.onnx (forward, loss, explicit backward, accumulators),
/// eval_model.onnx, optimizer_model.onnx and checkpoint. The same <see cref="DecoderGraph"/> and <see cref="Differentiator"/> as the stock
/// path in its other flavour: standard operators, opset 21, IR 10, and the three training operators of com.microsoft.
/// </summary>
/// <remarks>Source of the format: ONNX Runtime 1.19.2, the last release with training; see docs/ort-training.md.</remarks>
public static class OrtTrainingArtifacts
{
    /// <summary>File of the forward pass, loss and gradients.</summary>
    public const string TrainingModel = "training_model.onnx";

    /// <summary>File of the forward pass and loss.</summary>
    public const string EvaluationModel = "eval_model.onnx";

    /// <summary>File of the optimizer.</summary>
    public const string OptimizerModel = "optimizer_model.onnx";

    /// <summary>File of weights, moments and step.</summary>
    public const string Checkpoint = "checkpoint";

    /// <summary>File beside the models that holds frozen weights too large for them.</summary>
    public const string FrozenData = "frozen.data";

    /// <summary>Output: input of the LM head [R, D].</summary>
    public const string LastHiddenState = "last_hidden_state";

    /// <summary>
    /// Output: norm of this micro-batch's own gradient (scalar); not finite if and only if a gradient is not (or its square overflows).
    /// </summary>
    public const string GradientNorm = "gradient_norm";

    /// <summary>Names of the user inputs that rule the loss rather than feed the network: they come after the others.</summary>
    private static readonly HashSet<string> Network = new(StringComparer.Ordinal) { "input_ids", "attention_mask", "position_ids", "rows" };

    /// <summary>
    /// The training model. Inputs: input_ids, attention_mask, position_ids [B, T], rows [R]; targets [R], inverse_temperature and what the
    /// objective declares; every trainable parameter; <c>P_grad.accumulation.buffer</c> of each; lazy_reset_grad. Outputs: loss, log_probs,
    /// entropy, last_hidden_state, gradient_norm, and <c>P_grad.accumulation.out</c> of each.
    /// </summary>
    /// <param name="spec">The decoder.</param>
    /// <param name="options">Objective, positions, trainable parameters.</param>
    /// <param name="frozen">Gives the weights that do not learn; may be null when all do.</param>
    /// <exception cref="GraphException">A gradient of a wrong shape, a reserved name, an operator that the training runtime
    /// lacks.</exception>
    public static Graph Training(DecoderSpec spec, OrtTrainingOptions options, WeightSource? frozen = null) =>
        Training(spec, options, frozen, GradientRules.All);

    /// <summary>
    /// The evaluation model: the inputs and outputs of <see cref="Training(DecoderSpec, OrtTrainingOptions, WeightSource?)"/> without
    /// gradients, parameters in the same order.
    /// </summary>
    /// <inheritdoc cref="Training(DecoderSpec, OrtTrainingOptions, WeightSource?)"/>
    public static Graph Evaluation(DecoderSpec spec, OrtTrainingOptions options, WeightSource? frozen = null)
    {
        var loss = Forward("eval_model", spec, options);
        Settle(loss.Graph, spec, options, frozen);
        OrtArtifactRules.CheckEvaluation(loss.Graph, [.. Learning(spec, options).Select(p => p.Name)]);
        return loss.Graph;
    }

    /// <summary>Writes the three models and the checkpoint into a folder, which is made.</summary>
    /// <param name="folder">The folder; the four files must not be there.</param>
    /// <param name="spec">The decoder.</param>
    /// <param name="options">Objective, optimizer, schedule.</param>
    /// <param name="weights">Gives every weight.</param>
    /// <param name="checkpoint">Weights that learn, moments and step.</param>
    /// <exception cref="InputException">A file exists, cannot be written, or a setting that the training runtime cannot
    /// express.</exception>
    public static void Write(
        string folder,
        DecoderSpec spec,
        OrtTrainingOptions options,
        WeightSource weights,
        OrtCheckpointContent checkpoint)
    {
        try
        {
            Directory.CreateDirectory(folder);
            foreach (var file in new[] { TrainingModel, EvaluationModel, OptimizerModel, FrozenData })
                if (File.Exists(Path.Combine(folder, file)))
                    throw new InputException($"{Path.Combine(folder, file)} exists; training artifacts are never written over others. "
                        + "Choose another folder, or remove it.");
            var (training, evaluation) = (Training(spec, options, weights), Evaluation(spec, options, weights));
            WriteExternal(folder, training);
            File.WriteAllBytes(Path.Combine(folder, TrainingModel), OnnxFile.ToBytes(training));
            File.WriteAllBytes(Path.Combine(folder, EvaluationModel), OnnxFile.ToBytes(evaluation));
            File.WriteAllBytes(Path.Combine(folder, OptimizerModel), OrtOptimizerModel.ToBytes(options.Optimizer, options.Schedule));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{folder} cannot be written: {e.Message}", e);
        }
        OrtCheckpointWriter.Write(Path.Combine(folder, Checkpoint), checkpoint);

        void WriteExternal(string to, Graph graph)
        {
            if (!graph.Initializers.Any(i => i.Constant!.External is not null))
                return;
            using var stream = new FileStream(Path.Combine(to, FrozenData), FileMode.CreateNew, FileAccess.Write);
            foreach (var value in graph.Initializers.Where(i => i.Constant!.External is not null))
                OrtTensor.WriteFloats(stream, weights(value.Name));
        }
    }

    internal static Graph Training(
        DecoderSpec spec,
        OrtTrainingOptions options,
        WeightSource? frozen,
        IReadOnlyDictionary<string, GradientRule> rules)
    {
        var loss = Forward("training_model", spec, options);
        var (graph, op) = (loss.Graph, loss.Op);
        var gradients = loss.Gradients(options.Trainable, rules);
        var squares = gradients.Select(g =>
            op.ReduceSum(op.Mul(g.Gradient, g.Gradient), keepDims: false, [.. Enumerable.Range(0, g.Gradient.Rank).Select(i => (long)i)]));
        graph.Output(op.Named(GradientNorm, op.Sqrt(squares.Aggregate(op.Add))));
        var overwrite = graph.Input(OrtArtifactRules.LazyResetGrad, ElementType.Bool, 1);
        foreach (var (parameter, gradient) in gradients)
        {
            var name = parameter.Name + OrtArtifactRules.GradientSuffix;
            var buffer = graph.Input(parameter.Name + OrtArtifactRules.BufferSuffix, parameter.Type, [.. parameter.Shape]);
            graph.Output(graph.Add(
                "InPlaceAccumulatorV2",
                [buffer, op.Named(name, gradient), overwrite],
                outputNames: [parameter.Name + OrtArtifactRules.DoneSuffix],
                domain: "com.microsoft").Outputs[0]!);
        }
        Settle(graph, spec, options, frozen);
        OrtArtifactRules.CheckTraining(graph, [.. Learning(spec, options).Select(p => p.Name)]);
        return graph;
    }

    private static LossGraph Forward(string name, DecoderSpec spec, OrtTrainingOptions options)
    {
        if (!Learning(spec, options).Any())
            throw new InputException("No parameter learns; leave at least one trainable.");
        var loss = DecoderGraph.Loss(name, spec, options.Objective);
        loss.Graph.Output(loss.Op.Named(LastHiddenState, loss.LastHidden));
        return loss;
    }

    private static IEnumerable<ParameterSpec> Learning(DecoderSpec spec, OrtTrainingOptions options) =>
        spec.Trainable.Where(p => options.Trainable?.Invoke(p.Name) != false);

    // Constants in place of what never changes, unused nodes away, inputs in the documented order.
    private static void Settle(Graph graph, DecoderSpec spec, OrtTrainingOptions options, WeightSource? frozen)
    {
        foreach (var table in RotaryTable.Of(spec))
        {
            var half = table.Width / 2;
            var (cos, sin) = (new float[options.Positions * half], new float[options.Positions * half]);
            new RotaryEmbedding(table.Rope, table.Width).Fill(cos, sin, options.Positions);
            graph.Freeze(graph[table.Cos], TensorData.Of(cos, options.Positions, half));
            graph.Freeze(graph[table.Sin], TensorData.Of(sin, options.Positions, half));
        }
        var learning = Learning(spec, options).Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        var constant = spec.Parameters.Where(p => !learning.Contains(p.Name)).ToArray();
        var outside = constant.Sum(p => p.Count) * sizeof(float) > options.LargestFrozenInline;
        var offset = 0L;
        foreach (var parameter in constant)
        {
            if (frozen is null)
                throw new ArgumentException($"'{parameter.Name}' does not learn, so its weights must be given.", nameof(frozen));
            var length = parameter.Count * sizeof(float);
            graph.Freeze(graph[parameter.Name], outside
                ? new TensorData(ElementType.Float32, parameter.Shape, default, new ExternalData(FrozenData, offset, length))
                : TensorData.Of(frozen(parameter.Name), parameter.Shape));
            offset += length;
        }
        graph.Prune();
        graph.OrderInputs(v => Network.Contains(v.Name) ? 0
            : v.Name == OrtArtifactRules.LazyResetGrad ? 4
            : v.Name.EndsWith(OrtArtifactRules.BufferSuffix, StringComparison.Ordinal) ? 3
            : learning.Contains(v.Name) ? 2
            : 1);
    }
}
