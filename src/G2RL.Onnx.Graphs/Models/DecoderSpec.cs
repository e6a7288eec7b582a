namespace G2RL.Onnx.Models;

/// <summary>
/// Everything a graph builder has to know about a decoder-only transformer with RMS norms, rotary positions, grouped-query attention and a
/// gated feed-forward block. Compares by value, token lists included.
/// </summary>
/// <remarks>Made by <see cref="Architectures"/> from a config.json, or by hand for a model trained from scratch (then call <see cref="Validate"/>).</remarks>
public sealed record DecoderSpec
{
    private readonly TokenIds _eos = new([]);

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

    /// <summary>Width of a head; even; need not be HiddenSize / Heads.</summary>
    public required int HeadDimension { get; init; }

    /// <summary>Added to the mean square inside every RMS norm; > 0.</summary>
    public required double NormEpsilon { get; init; }

    /// <summary>Longest sequence, in tokens, that the model was made for.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Rotary position embedding.</summary>
    public required RopeSpec Rope { get; init; }

    /// <summary>The LM head is the embedding matrix; there is no lm_head.weight.</summary>
    public required bool TieEmbeddings { get; init; }

    /// <summary>RMS norms over the head dimension of queries and keys, before the rotation.</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>q_proj, k_proj and v_proj have biases.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>o_proj has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>gate_proj, up_proj and down_proj have biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>The feed-forward block's gate function.</summary>
    public Activation Activation { get; init; }

    /// <summary>Ids that end a text; may be empty.</summary>
    public int[] EosTokens { get => _eos.Ids; init => _eos = new TokenIds(value); }

    /// <summary>Id that begins a text, if the model has one.</summary>
    public int? BosToken { get; init; }

    /// <summary>Id that fills short rows, if the model has one.</summary>
    public int? PadToken { get; init; }

    /// <summary>Every weight, embedding first, LM head (when it is not tied) last.</summary>
    public IReadOnlyList<ParameterSpec> Parameters => DecoderParameters.Of(this);

    /// <summary>Numbers in all weights together; a tied matrix counts once.</summary>
    public long ParameterCount => Parameters.Sum(p => p.Count);

    /// <summary>Checks every range; throws an <see cref="InputException"/> that lists all faults.</summary>
    /// <param name="source">What the messages should name: a path, or "the model".</param>
    public void Validate(string source) => DecoderRules.Check(this, source);

    /// <summary>A config.json in the Hugging Face 4.x style that reads back as this very spec.</summary>
    /// <param name="dtype">Type of the stored weights: "float32", "bfloat16" or "float16".</param>
    /// <exception cref="InputException">The spec is invalid, or its family cannot express it (say, a Llama with query norms).</exception>
    public string ToConfigJson(string dtype = "float32") => ConfigWriter.Write(this, dtype);
}
