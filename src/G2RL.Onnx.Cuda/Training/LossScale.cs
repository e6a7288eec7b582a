using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Checkpointing;

namespace G2RL.Onnx.Cuda.Training;

/// <summary>
/// What gradients are multiplied by while they pass through float16, whose smallest number is 6e-8: halved whenever one overflows, doubled
/// after many updates without. A power of two, so that it changes no bit of a mantissa.
/// </summary>
internal sealed class LossScale
{
    private const string File = "loss_scale.json";
    private const float Greatest = 1 << 24;
    private const int UpdatesToDouble = 1000;
    private int clean;

    /// <summary>The factor.</summary>
    public float Value { get; set; } = 1 << 16;

    /// <summary>An overflow: halves. False when the gradients are not finite at any scale.</summary>
    public bool TryLower()
    {
        clean = 0;
        Value /= 2;
        return Value >= 1;
    }

    /// <summary>An update without overflow.</summary>
    public void Count()
    {
        if (++clean < UpdatesToDouble)
            return;
        (clean, Value) = (0, Math.Min(2 * Value, Greatest));
    }

    /// <summary>Writes it beside a checkpoint's other files: a resumed run goes on with the same.</summary>
    public void Save(string folder) =>
        DurableFile.Write(Path.Combine(folder, File), new JsonObject { ["scale"] = Value, ["clean_updates"] = clean }.ToJsonString());

    /// <summary>Reads what <see cref="Save"/> wrote; a checkpoint of another precision has none and changes nothing.</summary>
    public void Load(string folder)
    {
        var path = Path.Combine(folder, File);
        if (System.IO.File.Exists(path) && JsonNode.Parse(System.IO.File.ReadAllText(path)) is { } saved)
            (Value, clean) = (saved["scale"]!.GetValue<float>(), saved["clean_updates"]!.GetValue<int>());
    }
}
