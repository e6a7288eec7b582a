using G2RL.Onnx.Models.Keys;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Models;

/// <summary>
/// Everything a graph builder has to know about a decoder-only transformer with grouped-query attention. Compares by value, lists included.
/// What is not set means Llama's form: RMS norms before each block, rotary positions, a gated feed-forward block, attention to the whole
/// text.
/// </summary>
/// <remarks>
/// Made by <see cref="Architectures"/> from a config.json, or by hand for a model trained from scratch (then call <see cref="Validate"/>).
/// </remarks>
public sealed record DecoderSpec
{
    private readonly IntegerList eos = new([]);
    private readonly IntegerList windows = new([]);

    /// <summary>The name in config.json's `architectures`: "Qwen3ForCausalLM".</summary>
    public required string Architecture { get; init; }

    /// <summary>config.json's `model_type`: "qwen3".</summary>
    public required string ModelType { get; init; }

    /// <summary>V: rows of the embedding and of the LM head.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>D: width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width inside the feed-forward block.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads of a layer; a multiple of <see cref="KeyValueHeads"/>.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads of a layer.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of a head; need not be HiddenSize / Heads; even where positions are rotary.</summary>
    public required int HeadDimension { get; init; }

    /// <summary>Added to the mean square (or variance) inside every norm; > 0.</summary>
    public required double NormEpsilon { get; init; }

    /// <summary>Longest sequence, in tokens, that the model was made for.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Rotary position embedding; null: positions are learned vectors that are added to the embeddings.</summary>
    public required RopeSpec? Rope { get; init; }

    /// <summary>Rotary position embedding of the layers that have a window; null: <see cref="Rope"/> serves every layer.</summary>
    public RopeSpec? LocalRope { get; init; }

    /// <summary>How many of a head's numbers are rotated, the first ones; null: all.</summary>
    public int? RotaryDimension { get; init; }

    /// <summary>
    /// Attention windows, one a layer: a token sees itself and the window - 1 tokens before it; 0: the whole text. Empty: every layer sees
    /// the whole text.
    /// </summary>
    public int[] Windows { get => windows.Items; init => windows = new IntegerList(Array.TrueForAll(value, w => w == 0) ? [] : value); }

    /// <summary>Attention scores are divided by the square root of this; null: of <see cref="HeadDimension"/>.</summary>
    public double? AttentionScalar { get; init; }

    /// <summary>Attention scores s become cap * tanh(s / cap), before the mask; null: they stay.</summary>
    public double? AttentionSoftcap { get; init; }

    /// <summary>Logits z become cap * tanh(z / cap), before any temperature; null: they stay.</summary>
    public double? LogitSoftcap { get; init; }

    /// <summary>
    /// Embeddings are multiplied by sqrt(HiddenSize), rounded to the type that is computed in (float32 here, as in transformers).
    /// </summary>
    public bool ScaleEmbeddings { get; init; }

    /// <summary>What the norms compute.</summary>
    public NormKind Norm { get; init; }

    /// <summary>Where the norms of a block stand.</summary>
    public NormPlacement NormPlacement { get; init; }

    /// <summary>The LM head is the embedding matrix; there is no lm_head.weight.</summary>
    public required bool TieEmbeddings { get; init; }

    /// <summary>Norms of queries and keys, before the rotation.</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>These norms run over all heads together (OLMo 2), not over each head.</summary>
    public bool QueryKeyNormAcrossHeads { get; init; }

    /// <summary>q_proj, k_proj and v_proj have biases.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>o_proj has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>The feed-forward block's projections have biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>The feed-forward block's nonlinearity.</summary>
    public Activation Activation { get; init; }

    /// <summary>The feed-forward block is down(f(gate(x)) * up(x)); else down(f(up(x))).</summary>
    public bool GatedMlp { get; init; } = true;

    /// <summary>How the checkpoint stores the weights.</summary>
    public WeightLayout Weights { get; init; }

    /// <summary>Ids that end a text; may be empty.</summary>
    public int[] EosTokens { get => eos.Items; init => eos = new IntegerList(value); }

    /// <summary>Id that begins a text, if the model has one.</summary>
    public int? BosToken { get; init; }

    /// <summary>Id that fills short rows, if the model has one.</summary>
    public int? PadToken { get; init; }

    /// <summary>The window of a layer; 0: the whole text.</summary>
    public int WindowOf(int layer) => Windows.Length == 0 ? 0 : Windows[layer];

    /// <summary>Whether a layer uses <see cref="LocalRope"/>.</summary>
    public bool IsLocal(int layer) => LocalRope is not null && WindowOf(layer) > 0;

    /// <summary>
    /// Adapters beside the projections, whose own weights are then frozen; null: the weights themselves learn. No part of config.json.
    /// </summary>
    public AdapterSpec? Adapter { get; init; }

    /// <summary>
    /// How the projections of the layers are held in memory; other than float32 they cannot learn. No part of config.json.
    /// </summary>
    public WeightStorage Storage { get; init; }

    /// <summary>Every weight, embedding first, LM head (when it is not tied) last; then those of <see cref="Adapter"/>.</summary>
    public IReadOnlyList<ParameterSpec> Parameters => AdapterParameters.Of(this, DecoderParameters.Of(this));

    /// <summary>The weights that learn: those of <see cref="Adapter"/>, else all that are held in float32.</summary>
    public IReadOnlyList<ParameterSpec> Trainable => [.. Parameters.Where(p =>
        Adapter is null ? p.Storage == WeightStorage.Float32 : p.IsAdapter)];

    /// <summary>The model as its config.json describes it: no adapter, every weight in float32.</summary>
    public DecoderSpec Bare() => this with { Adapter = null, Storage = WeightStorage.Float32 };

    /// <summary>Numbers in all weights together; a tied matrix counts once.</summary>
    public long ParameterCount => Parameters.Sum(p => p.Count);

    /// <summary>Checks every range; throws an <see cref="InputException"/> that lists all faults.</summary>
    /// <param name="source">What the messages should name: a path, or "the model".</param>
    public void Validate(string source) => DecoderRules.Check(this, source);

    /// <summary>A config.json in the Hugging Face 4.x style that reads back as this very spec.</summary>
    /// <param name="dtype">Type of the stored weights: "float32", "bfloat16" or "float16".</param>
    /// <exception cref="InputException">The spec is invalid, or its family cannot express it (say, a Llama with query norms).</exception>
    public string ToConfigJson(string dtype = "float32") => ConfigWriter.Write(Bare(), dtype);
}
