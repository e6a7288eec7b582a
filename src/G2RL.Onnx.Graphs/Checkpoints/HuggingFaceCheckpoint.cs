using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// A model folder in Hugging Face's layout: config.json and safetensors weights, one file or shards. Opened, it is known to be complete.
/// </summary>
public sealed class HuggingFaceCheckpoint : IDisposable
{
    private readonly CheckpointShards shards;
    private readonly Dictionary<string, string> parameterOf;

    private HuggingFaceCheckpoint(string folder, DecoderSpec spec, CheckpointShards shards)
    {
        Folder = folder;
        Spec = spec;
        this.shards = shards;
        parameterOf = spec.Parameters.ToDictionary(
            parameter => CheckpointRules.StoredName(spec, shards, parameter.Name),
            parameter => parameter.Name,
            StringComparer.Ordinal);
        Tensors = shards.Names.ToDictionary(name => name, name => shards.FileOf(name)!.Find(name), StringComparer.Ordinal);
    }

    /// <summary>The folder, as it was given.</summary>
    public string Folder { get; }

    /// <summary>The model that config.json describes.</summary>
    public DecoderSpec Spec { get; }

    /// <summary>Keys of config.json that nobody knows and that were passed over, because that was allowed.</summary>
    public IReadOnlyList<string> UnknownKeys { get; private init; } = [];

    /// <summary>Every stored tensor, including its dtype; offsets are those in its own file.</summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>The weights with the types that they have here.</summary>
    public WeightPlan Plan => new(Spec, Spec.Parameters.ToDictionary(
        p => p.Name,
        p => Tensors[CheckpointRules.StoredName(Spec, shards, p.Name)].Dtype,
        StringComparer.Ordinal));

    /// <summary>Opens a folder and checks that every weight is there with the right shape, and nothing else.</summary>
    /// <exception cref="InputException">
    /// Something is missing, malformed, of the wrong shape, or left over; all such faults are listed.
    /// </exception>
    /// <param name="folder">The folder.</param>
    /// <param name="allowUnknownConfig">
    /// Whether keys of config.json that nobody knows are passed over; <see cref="UnknownKeys"/> tells which.
    /// </param>
    public static HuggingFaceCheckpoint Open(string folder, bool allowUnknownConfig = false)
    {
        folder = GgufCache.FolderOf(folder);
        List<string> unknown = [];
        if (ForeignModel.Fault(folder) is { } fault)
            throw new InputException(fault);
        var spec = Architectures.Read(folder, allowUnknownConfig ? unknown : null);
        var files = CheckpointShards.Open(folder);
        try
        {
            CheckpointRules.Check(folder, spec, files);
            return new HuggingFaceCheckpoint(folder, spec, files) { UnknownKeys = unknown };
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Reads a weight as floats.</summary>
    /// <param name="parameter">One of <see cref="DecoderSpec.Parameters"/>.</param>
    /// <param name="destination">Receives every element, row-major; exactly <see cref="ParameterSpec.Count"/> long.</param>
    /// <exception cref="InputException">An element is NaN or infinite.</exception>
    public void ReadParameter(ParameterSpec parameter, Span<float> destination)
    {
        var stored = CheckpointRules.StoredName(Spec, shards, parameter.Name);
        var file = shards.FileOf(stored)
            ?? throw new InputException($"{Folder}: there is no tensor '{stored}'.");
        file.ReadFloats(stored, destination);
        if (FloatConversion.FirstNonFinite(destination) is >= 0 and var bad)
            throw new InputException($"{Folder}: tensor '{stored}' is {destination[bad]} at [{Index(parameter.Shape, bad)}]; "
                + "weights must be finite. The checkpoint is damaged, or its training diverged.");
    }

    /// <summary>
    /// Ids that end a text when generating: generation_config.json's, which Hugging Face's `generate` follows, else config.json's.
    /// </summary>
    /// <exception cref="InputException">generation_config.json is malformed, or names an id outside the vocabulary.</exception>
    public int[] GenerationEosTokens()
    {
        var path = Path.Combine(Folder, "generation_config.json");
        if (!File.Exists(path))
            return Spec.EosTokens;
        using var document = JsonInput.ReadObject(path, 4 << 20);
        var ids = new ConfigReader(document.RootElement, path).Tokens("eos_token_id", Spec.EosTokens);
        (Spec with { EosTokens = ids }).Validate(path);
        return ids;
    }

    /// <summary>
    /// Writes the same model with other weights: the names, order, shards and dtypes of this checkpoint, with its config and tokenizer
    /// files beside
    /// them. The folder appears whole or not at all.
    /// </summary>
    /// <param name="folder">The new folder; must not exist.</param>
    /// <param name="weights">Gives each weight, in the order of the files; all finite.</param>
    /// <param name="dtype">
    /// Another stored type for all weights (config.json then says so too); null: each keeps its own. Small updates to BF16 weights are lost
    /// by rounding; F32 keeps them.
    /// </param>
    /// <exception cref="InputException">The folder exists or cannot be written, or a weight is not finite in its stored type.</exception>
    public void SaveAs(string folder, WeightSource weights, SafeTensorsDtype? dtype = null)
    {
        ModelFolder.CheckRoom(
            folder,
            Tensors.Values.Sum(t => ParameterOf(t.Name) is null ? t.Length : t.Count * (dtype ?? t.Dtype).Bytes()));
        ModelFolder.Write(folder, temporary =>
        {
            foreach (var file in shards.Files)
            {
                var order = file.Tensors.Values.OrderBy(t => t.Offset).ThenBy(t => t.Length);
                var tensors = order.Select(tensor => ToWrite(file, tensor, weights, dtype)).ToList();
                SafeTensorsWriter.Write(
                    Path.Combine(temporary, Path.GetFileName(file.Path)),
                    tensors,
                    file.Metadata.Count > 0 ? file.Metadata : null);
            }
            ModelFolder.CopyCompanions(Folder, temporary);
            if (shards.HasIndex)
                ModelFolder.WriteIndex(Path.Combine(Folder, CheckpointShards.IndexFile), temporary, dtype, PlainNames);
            if (dtype is { } stored)
                ModelFolder.SetDtype(temporary, stored);
        });
    }

    /// <summary>
    /// Writes a model that has no source checkpoint: config.json and one model.safetensors. The folder appears whole or not at all.
    /// </summary>
    /// <param name="folder">The new folder; must not exist.</param>
    /// <param name="spec">The model.</param>
    /// <param name="weights">Gives each of <see cref="DecoderSpec.Parameters"/>, in their order; all finite.</param>
    /// <param name="dtype">The stored type.</param>
    /// <param name="companions">Further files to copy, such as tokenizer.json; each keeps its name.</param>
    /// <exception cref="InputException">
    /// The spec is invalid, the folder exists or cannot be written, or a weight is not finite in its stored type.
    /// </exception>
    public static void Create(
        string folder,
        DecoderSpec spec,
        WeightSource weights,
        SafeTensorsDtype dtype = SafeTensorsDtype.F32,
        IEnumerable<string>? companions = null) =>
        Create(folder, spec, dtype, p => TensorToWrite.Floats(p.Name, dtype, p.Shape, weights), temporary =>
        {
            foreach (var file in companions ?? [])
                ModelFolder.Copy(file, temporary);
        });

    /// <summary>
    /// The same for weights that write themselves, each in its own type; <paramref name="dtype"/> is what config.json says.
    /// </summary>
    internal static void Create(
        string folder,
        DecoderSpec spec,
        SafeTensorsDtype dtype,
        Func<ParameterSpec, TensorToWrite> tensor,
        Action<string> addCompanions)
    {
        var config = spec.ToConfigJson(dtype.ConfigName());
        TensorToWrite[] tensors = [.. spec.Parameters.Select(tensor)];
        ModelFolder.CheckRoom(folder, tensors.Sum(t => t.Length));
        ModelFolder.Write(folder, temporary =>
        {
            ModelFolder.WriteText(Path.Combine(temporary, "config.json"), config);
            SafeTensorsWriter.Write(Path.Combine(temporary, CheckpointShards.SingleFile), tensors);
            addCompanions(temporary);
        });
    }

    /// <summary>The files.</summary>
    internal CheckpointShards Shards => shards;

    /// <summary>The parameter that a stored tensor holds; the embedding for a stored copy of a tied head; null for a buffer.</summary>
    internal string? ParameterOf(string tensor) =>
        CheckpointRules.IsBuffer(Spec, PlainName(tensor)) ? null : parameterOf.GetValueOrDefault(tensor, CheckpointRules.Embedding(Spec));

    /// <summary>
    /// A stored tensor's name as the family writes it, without what a wrapper (<c>module.</c>, <c>_orig_mod.</c>) has put before.
    /// </summary>
    internal string PlainName(string tensor) => shards.NamesOf(Spec).Plain(tensor);

    private Func<string, string>? PlainNames => shards.NamesOf(Spec).IsWrapped ? PlainName : null;

    /// <summary>Unmaps the files.</summary>
    public void Dispose() => shards.Dispose();

    private TensorToWrite ToWrite(SafeTensorsFile file, TensorInfo tensor, WeightSource weights, SafeTensorsDtype? dtype)
    {
        if (ParameterOf(tensor.Name) is not { } parameter)
            return new TensorToWrite(
                PlainName(tensor.Name),
                tensor.Dtype,
                tensor.Shape,
                stream => stream.Write(file.RawBytes(tensor.Name)));
        return TensorToWrite.Floats(PlainName(tensor.Name), dtype ?? tensor.Dtype, tensor.Shape, _ => weights(parameter));
    }

    private static string Index(long[] shape, long flat)
    {
        var index = new long[shape.Length];
        for (var axis = shape.Length - 1; axis >= 0; axis--)
            (flat, index[axis]) = Math.DivRem(flat, shape[axis]);
        return string.Join(", ", index);
    }
}
