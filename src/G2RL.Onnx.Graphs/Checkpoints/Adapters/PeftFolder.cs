using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Checkpoints.Adapters;

/// <summary>
/// Adapters in the layout of Hugging Face's PEFT: adapter_config.json and adapter_model.safetensors, whose tensors are called
/// base_model.model.MODULE.lora_A.weight [rank, in] and lora_B.weight [out, rank]. Opened, it is known to fit its model.
/// </summary>
/// <remarks>Source of the layout: what PEFT 0.13 to 0.17 write and read.</remarks>
public sealed class PeftFolder : IDisposable
{
    /// <summary>File of the settings.</summary>
    public const string ConfigFile = "adapter_config.json";

    /// <summary>File of A and B.</summary>
    public const string WeightsFile = "adapter_model.safetensors";

    /// <summary>What PEFT puts before every name.</summary>
    public const string Prefix = "base_model.model.";

    private readonly SafeTensorsFile file;

    private PeftFolder(string folder, AdapterSpec adapter, SafeTensorsFile file) => (Folder, Adapter, this.file) = (folder, adapter, file);

    /// <summary>The folder, as it was given.</summary>
    public string Folder { get; }

    /// <summary>Rank, scale and targets.</summary>
    public AdapterSpec Adapter { get; }

    /// <summary>What is written beside the tensors of the file.</summary>
    public IReadOnlyDictionary<string, string> Metadata => file.Metadata;

    /// <summary>Whether a folder holds adapters.</summary>
    public static bool Is(string folder) => File.Exists(Path.Combine(folder, ConfigFile));

    /// <summary>
    /// Opens a folder and checks that it holds A and B of every module that it targets, in the shapes that the model implies, and nothing
    /// else.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="spec">The model that the adapters are for.</param>
    /// <exception cref="InputException">A setting that changes the mathematics in a way that is not computed here, or tensors that do not
    /// fit; all such faults are listed.</exception>
    public static PeftFolder Open(string folder, DecoderSpec spec)
    {
        if (!Directory.Exists(folder))
            throw new InputException($"{folder} is not a folder; give one that holds {ConfigFile} and {WeightsFile}.");
        var adapter = PeftConfig.Read(Path.Combine(folder, ConfigFile), spec);
        var opened = SafeTensorsFile.Open(Path.Combine(folder, WeightsFile));
        try
        {
            Check(opened, spec.Bare() with { Adapter = adapter });
            return new(folder, adapter, opened);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Reads A or B of a module as floats.</summary>
    /// <param name="parameter">One of the adapter's parameters.</param>
    /// <param name="destination">Receives every element, row-major.</param>
    /// <exception cref="InputException">An element is NaN or infinite.</exception>
    public void ReadParameter(ParameterSpec parameter, Span<float> destination)
    {
        file.ReadFloats(Prefix + parameter.Name, destination);
        if (FloatConversion.FirstNonFinite(destination) is >= 0 and var bad)
            throw new InputException($"{file.Path}: tensor '{Prefix + parameter.Name}' is {destination[bad]} at element {bad}; "
                + "weights must be finite. The file is damaged, or its training diverged.");
    }

    /// <summary>Writes a folder; it appears whole or not at all.</summary>
    /// <param name="folder">The new folder; must not exist.</param>
    /// <param name="spec">The model with its adapter.</param>
    /// <param name="weights">Gives each of the adapter's parameters; all finite.</param>
    /// <param name="model">Where the base model is: PEFT's base_model_name_or_path.</param>
    /// <exception cref="InputException">The folder exists or cannot be written, or a weight is not finite.</exception>
    public static void Write(string folder, DecoderSpec spec, WeightSource weights, string model) =>
        ModelFolder.Write(folder, temporary =>
            WriteInto(temporary, spec, weights, model, new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" }));

    /// <summary>Writes both files into a folder that is there.</summary>
    public static void WriteInto(
        string folder,
        DecoderSpec spec,
        WeightSource weights,
        string model,
        IReadOnlyDictionary<string, string> metadata)
    {
        ModelFolder.WriteText(Path.Combine(folder, ConfigFile), PeftConfig.Write(spec, model));
        SafeTensorsWriter.Write(
            Path.Combine(folder, WeightsFile),
            [.. spec.Parameters.Where(p => p.IsAdapter)
                .Select(p => TensorToWrite.Floats(Prefix + p.Name, SafeTensorsDtype.F32, p.Shape, _ => weights(p.Name)))],
            metadata);
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static void Check(SafeTensorsFile opened, DecoderSpec spec)
    {
        var faults = new List<string>();
        var expected = spec.Parameters.Where(p => p.IsAdapter).ToDictionary(p => Prefix + p.Name, StringComparer.Ordinal);
        foreach (var (name, parameter) in expected)
            if (!opened.Tensors.TryGetValue(name, out var tensor))
                faults.Add($"{opened.Path}: there is no tensor '{name}'; {ConfigFile} targets its module.");
            else if (!tensor.Shape.AsSpan().SequenceEqual(parameter.Shape))
                faults.Add($"{opened.Path}: tensor '{name}' is [{string.Join(", ", tensor.Shape)}]; the model and the rank imply "
                    + $"[{string.Join(", ", parameter.Shape)}] ({parameter.ShapeInWords}). The adapter and the model do not belong "
                    + "together.");
            else if (!tensor.Dtype.IsWeight())
                faults.Add($"{opened.Path}: tensor '{name}' is {tensor.Dtype}; weights are F32, F16 or BF16.");
        foreach (var name in opened.Tensors.Keys.Where(n => !expected.ContainsKey(n)).Order(StringComparer.Ordinal))
            faults.Add($"{opened.Path}: tensor '{name}' belongs to no module that {ConfigFile} targets. "
                + "Only A and B of projections are read; merge anything else into the model first.");
        if (faults.Count > 0)
            throw InputException.Of([.. faults.Count <= 8 ? faults : [.. faults.Take(8), $"... and {faults.Count - 8} more."]]);
    }
}
