using System.Text.Json.Serialization;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Artifacts;

/// <summary>The graphs that a conversion writes.</summary>
[Flags]
public enum ConvertedGraphs
{
    /// <summary>None: weights and configuration only.</summary>
    None = 0,

    /// <summary>decode.onnx, see <see cref="DecoderGraph.PortableDecode"/>.</summary>
    Decode = 1,

    /// <summary>score.onnx, see <see cref="DecoderGraph.Score"/>.</summary>
    Score = 2,

    /// <summary>train.onnx, see <see cref="DecoderGraph.Train"/>.</summary>
    Train = 4,

    /// <summary>All three.</summary>
    All = Decode | Score | Train,
}

/// <summary>Choices of a conversion.</summary>
public sealed record ConversionSettings
{
    /// <summary>Oldest operator set whose operators have the form that the graphs use.</summary>
    public const int OldestOpset = 18;

    /// <summary>Newest operator set of the IR version that is written.</summary>
    public const int NewestOpset = 21;

    /// <summary>
    /// Stored type of the weights, F32, F16 or BF16; null: each keeps the source's, and goes back to Hugging Face byte for byte. The graphs
    /// compute in float32 anyway.
    /// </summary>
    public SafeTensorsDtype? Precision { get; init; }

    /// <summary>Version of ONNX's own operator set, <see cref="OldestOpset"/> to <see cref="NewestOpset"/>.</summary>
    public int Opset { get; init; } = NewestOpset;

    /// <summary>The graphs.</summary>
    public ConvertedGraphs Graphs { get; init; } = ConvertedGraphs.All;

    /// <summary>Longest text, tokens: rows of the rotary tables; null: what the model was made for.</summary>
    public int? MaxLength { get; init; }

    /// <summary>
    /// Few bits for the matrices of decode.onnx, the only graph that then can be written; null: none. Cannot go back to Hugging Face.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public QuantizationSettings? Quantization { get; init; }

    /// <summary>Checks the ranges against a model.</summary>
    /// <exception cref="InputException">One is out of range; all faults are listed.</exception>
    public void Validate(DecoderSpec spec)
    {
        var faults = new List<string>();
        if (Precision is { } precision && !precision.IsWeight())
            faults.Add($"The precision is {precision}; it must be F32, F16 or BF16.");
        if (Opset is < OldestOpset or > NewestOpset)
            faults.Add($"The opset is {Opset}; it must lie between {OldestOpset} and {NewestOpset}.");
        if (MaxLength is { } length && (length < 1 || length > spec.MaxPositions))
            faults.Add($"The longest text is {length} tokens; it must lie between 1 and what the model was made for, {spec.MaxPositions}.");
        faults.AddRange(Quantization?.Faults() ?? []);
        if (Quantization is not null && Graphs != ConvertedGraphs.Decode)
            faults.Add($"The graphs are {Graphs}; with quantised weights it must be Decode alone.");
        if (faults.Count > 0)
            throw InputException.Of(faults);
    }
}
