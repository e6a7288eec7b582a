using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>What a loss sees: values per token [R], and sums over the unmasked tokens of a sequence [S].</summary>
internal sealed class LossContext
{
    private readonly Dictionary<string, Value> inputs = new(StringComparer.Ordinal);
    private readonly Value? masked;

    /// <summary>Declares the inputs that every policy loss has.</summary>
    /// <param name="op">The graph.</param>
    /// <param name="settings">Coefficients.</param>
    /// <param name="logProbs">lp under the current weights [R].</param>
    /// <param name="entropy">H under the current weights [R].</param>
    public LossContext(OpBuilder op, PolicyLossSettings settings, Value logProbs, Value entropy)
    {
        (Op, Settings) = (op, settings);
        var old = settings.OldIsCurrent ? null : Input(PolicyLoss.OldLogProbs);
        var advantages = Input(PolicyLoss.Advantages);
        Weights = Input(PolicyLoss.Weights);
        if (settings.SkipMasked)
            masked = op.Op("Equal", [Weights, op.Scalar(0)]);
        LogProbs = Clean(logProbs);
        Entropy = Clean(entropy);
        Old = old is null ? op.Detach(LogProbs) : Clean(old);
        Advantages = Clean(advantages);
    }

    /// <summary>Writes nodes.</summary>
    public OpBuilder Op { get; }

    /// <summary>Coefficients.</summary>
    public PolicyLossSettings Settings { get; }

    /// <summary>lp [R]</summary>
    public Value LogProbs { get; }

    /// <summary>H [R], nats.</summary>
    public Value Entropy { get; }

    /// <summary>lp when the rollouts were drawn [R].</summary>
    public Value Old { get; }

    /// <summary>A [R]</summary>
    public Value Advantages { get; }

    /// <summary>w [R]</summary>
    public Value Weights { get; }

    /// <summary>A float input per token; the same one when asked for again.</summary>
    public Value Input(string name) => Input(name, ElementType.Float32, "R");

    /// <summary>The value with 0 in masked positions, and no gradient there either; the value itself where nothing is masked.</summary>
    public Value Clean(Value perToken) => masked is null ? perToken : Op.Where(masked, Op.Like(perToken, 0), perToken);

    /// <summary>Sum over each sequence's unmasked tokens [S].</summary>
    public Value SequenceSum(Value perToken) => Op.Squeeze(Op.MatMul(Members, Op.Unsqueeze(perToken, 1)), 1);

    /// <summary>Mean over each sequence's unmasked tokens [S]; 0 for a sequence without any.</summary>
    public Value SequenceMean(Value perToken) =>
        Op.Div(SequenceSum(perToken), Op.Max(Op.ReduceSum(Members, keepDims: false, 1), Op.Scalar(1)));

    /// <summary>Each token's sequence's value [R].</summary>
    public Value ToTokens(Value perSequence) => Op.Gather(perSequence, Input(PolicyLoss.SequenceOfToken, ElementType.Int64, "R"));

    private Value Members => Input(PolicyLoss.Membership, ElementType.Float32, "S", "R");

    private Value Input(string name, ElementType type, params Dimension[] shape) =>
        inputs.TryGetValue(name, out var known) ? known : inputs[name] = Op.Graph.Input(name, type, shape);
}
