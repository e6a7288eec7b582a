using System.Runtime.InteropServices;
using System.Security.Cryptography;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Execution;

/// <summary>A language model's weights, once, and what every session needs to read them: the architecture and the rotary tables.</summary>
public sealed class Policy : IDisposable
{
    private readonly List<Parameter> tables = [];
    private readonly List<NarrowWeight> narrow = [];
    private readonly List<IDisposable> owned = [];
    private readonly string origin;
    private long updates;
    private string content = "";
    private WeightIdentity identity;

    private Policy(
        DecoderSpec spec,
        int positions,
        Action<ParameterSpec, Span<float>> fill,
        Policy? shared = null,
        string? origin = null)
    {
        Spec = spec;
        Positions = positions;
        var parameters = new List<Parameter>();
        var lent = shared is null ? [] : shared.Parameters.Except(shared.Trainable).ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var described in spec.Parameters)
        {
            if (lent.TryGetValue(described.Name, out var parameter))
                parameters.Add(parameter);
            else if (described.Storage == WeightStorage.Float32)
            {
                parameters.Add(parameter = Own(new Parameter(described.Name, described.Shape)));
                fill(described, parameter.Buffer.Span);
            }
            else if (shared is null)
                narrow.Add(Own(Narrowed(described, fill)));
        }
        if (shared is not null)
            narrow.AddRange(shared.narrow);
        Parameters = parameters;
        var learning = spec.Trainable.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        Trainable = learning.Count == parameters.Count ? Parameters : [.. parameters.Where(p => learning.Contains(p.Name))];
        foreach (var table in RotaryTable.Of(spec))
        {
            var (cos, sin) =
                (Own(new Parameter(table.Cos, positions, table.Width / 2)), Own(new Parameter(table.Sin, positions, table.Width / 2)));
            tables.AddRange([cos, sin]);
            new RotaryEmbedding(table.Rope, table.Width).Fill(cos.Buffer.Span, sin.Buffer.Span, positions);
        }
        this.origin = origin ?? Hash()[..16];
    }

    /// <summary>The architecture, adapter and storage included.</summary>
    public DecoderSpec Spec { get; }

    /// <summary>The longest sequence that may be run, tokens.</summary>
    public int Positions { get; }

    /// <summary>
    /// The weights in float32, in the order of <see cref="DecoderSpec.Parameters"/>; frozen ones in fewer bits are not among them.
    /// </summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Those that learn, in the order of <see cref="DecoderSpec.Trainable"/>.</summary>
    public IReadOnlyList<Parameter> Trainable { get; }

    /// <summary>The rotary tables that sessions read beside the weights.</summary>
    internal IReadOnlyList<Parameter> Tables => tables;

    /// <summary>Optimizer steps applied; the trainer advances it.</summary>
    public long Updates
    {
        get => updates;
        set => (updates, content) = (value, "");
    }

    /// <summary>Goes with every rollout drawn from these weights.</summary>
    public PolicyVersion Version => new(Updates, origin) { Content = content };

    /// <summary>Numbers in all weights.</summary>
    public long ParameterCount => Parameters.Sum(p => p.Buffer.Length) + narrow.Sum(n => n.Count);

    /// <summary>Numbers in the weights that learn.</summary>
    public long TrainableCount => Trainable.Sum(p => p.Buffer.Length);

    /// <summary>Bytes of all weights as they are held.</summary>
    public long WeightBytes => Spec.Parameters.Sum(WeightStorages.BytesOf);

    /// <summary>Opens a model for sequences of up to 4,096 tokens (or as many as it has positions).</summary>
    /// <param name="path">A Hugging Face folder, a run (its model, or else its newest checkpoint), or a checkpoint of a run.</param>
    /// <exception cref="InputException">No model lies there, or one that is broken or not supported.</exception>
    public static Policy Load(string path)
    {
        var place = ModelPlace.Of(path);
        return place.Load(Math.Min(place.Spec().MaxPositions, 4096));
    }

    /// <summary>Reads a Hugging Face folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="positions">The longest sequence to be run, tokens; at most what the model allows.</param>
    /// <param name="adapter">Adapters beside the weights, and how the frozen ones are stored; null for neither.</param>
    /// <param name="allowUnknownConfig">Whether keys of config.json that nobody knows are passed over.</param>
    /// <exception cref="InputException">A missing, broken or unsupported checkpoint, or more positions than the model has.</exception>
    public static Policy Load(string folder, int positions, PolicyAdapter? adapter = null, bool allowUnknownConfig = false)
    {
        using var checkpoint = HuggingFaceCheckpoint.Open(folder, allowUnknownConfig);
        if (positions > checkpoint.Spec.MaxPositions)
            throw new InputException($"{folder}: sequences of {positions} tokens are asked for; "
                + $"max_position_embeddings is {checkpoint.Spec.MaxPositions}. Shorten the prompt or sampling.maxNewTokens.");
        return adapter is null
            ? new(checkpoint.Spec, positions, checkpoint.ReadParameter)
            : new(adapter.Apply(checkpoint.Spec), positions, (p, span) =>
            {
                if (p.IsAdapter)
                    adapter.Fill(p, span);
                else
                    checkpoint.ReadParameter(p, span);
            });
    }

    /// <summary>A model with weights of one's own making.</summary>
    public static Policy Create(DecoderSpec spec, int positions, Action<ParameterSpec, Span<float>> fill) => new(spec, positions, fill);

    /// <summary>
    /// A policy that will not follow: the reference. It reads the frozen weights where they lie, so it costs what learns and no more; where
    /// adapters still do nothing (B is zero), it has none.
    /// </summary>
    public Policy Freeze()
    {
        var from = Trainable.ToDictionary(p => p.Name, StringComparer.Ordinal);
        var idle = Spec.Adapter is not null && Trainable.Where(p => p.Name.EndsWith(AdapterSpec.UpSuffix, StringComparison.Ordinal))
            .All(p => !p.Buffer.Span.ContainsAnyExcept(0f));
        return new(
            idle ? Spec with { Adapter = null } : Spec,
            Positions,
            (p, span) => from[p.Name].Buffer.Span.CopyTo(span),
            this)
        { Updates = Updates };
    }

    /// <summary>The same policy at this moment: it will not follow, and reads the frozen weights where they lie.</summary>
    public Policy Copy()
    {
        var from = Trainable.ToDictionary(p => p.Name, StringComparer.Ordinal);
        return new(Spec, Positions, (p, span) => from[p.Name].Buffer.Span.CopyTo(span), this, origin) { Updates = Updates };
    }

    /// <summary>Binds every weight and table that the session reads.</summary>
    public void BindTo(SessionBinding binding)
    {
        foreach (var parameter in Parameters)
            binding.InputIfUsed(parameter.Name, parameter.Value);
        foreach (var matrix in narrow)
        {
            binding.InputIfUsed(matrix.Name, matrix.Value);
            if (matrix.Scales is { } scales)
                binding.InputIfUsed(scales.Name, scales.Value);
        }
        foreach (var table in tables)
            binding.InputIfUsed(table.Name, table.Value);
    }

    /// <summary>A weight of the model in float32, adapters merged into it: W + scale B A.</summary>
    /// <param name="name">Hugging Face name.</param>
    public ReadOnlySpan<float> Merged(string name)
    {
        var own = Parameters.FirstOrDefault(p => p.Name == name)?.Buffer;
        var module = name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;
        var down = Trainable.FirstOrDefault(p => p.Name == module + AdapterSpec.DownSuffix);
        if (own is not null && down is null)
            return own.Span;
        var stored = narrow.FirstOrDefault(n => n.Name == name);
        var merged = new float[stored?.Count ?? own!.Length];
        if (stored is not null)
            stored.Read(merged);
        else
            own!.Span.CopyTo(merged);
        if (down is not null)
            AdapterMerge.Add(merged, down.Buffer.Span, Trainable.First(p => p.Name == module + AdapterSpec.UpSuffix).Buffer.Span, Spec);
        return merged;
    }

    /// <summary>
    /// Gives <see cref="Version"/> the hash of the weights that learn, until <see cref="Updates"/> is set again: it then tells two runs of
    /// one base apart.
    /// </summary>
    /// <returns>The version, its content named.</returns>
    public PolicyVersion Identify()
    {
        if (content.Length == 0)
        {
            var flat = new FlatWeights(this);
            identity = WeightIdentity.Of(flat);
            content = identity.Name(flat.Length);
        }
        return Version;
    }

    /// <summary>
    /// Says that the weights that learn have become another version, by whoever made it and knows what changed: nobody has to look at all
    /// of them again.
    /// </summary>
    /// <param name="before">The version before, of which <see cref="Identify"/> has been asked; may be this one.</param>
    /// <param name="change">What was added to its identity.</param>
    /// <param name="counter">Optimizer steps behind the weights now.</param>
    internal PolicyVersion Become(Policy before, WeightIdentity change, long counter)
    {
        if (before.content.Length == 0)
            throw new InvalidOperationException("Nobody knows the identity of the version before.");
        (identity, updates) = (before.identity + change, counter);
        content = identity.Name(new FlatWeights(this).Length);
        return Version;
    }

    /// <summary>Looks at all weights again where their name came from <see cref="Become"/>.</summary>
    /// <exception cref="InvalidOperationException">They are others than their name says.</exception>
    internal void Audit()
    {
        if (content.Length > 0 && new FlatWeights(this).Hash() is var seen && seen != content)
            throw new InvalidOperationException($"The weights are {seen}; what changed them says {content}. Something else wrote to them, "
                + "or memory failed: go on from the last checkpoint.");
    }

    /// <summary>Whether what leads from one version to the next is kept, for those who send it on.</summary>
    internal bool KeepsStep { get; set; }

    /// <summary>What led to this version from the one before; null where it is not kept.</summary>
    internal WeightStep? Step { get; set; }

    /// <summary>SHA-256 of all weights in order, hexadecimal.</summary>
    public string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var parameter in Parameters)
            hash.AppendData(MemoryMarshal.AsBytes(parameter.Buffer.Span));
        foreach (var matrix in narrow)
        {
            hash.AppendData(matrix.Bytes);
            if (matrix.Scales is { } scales)
                hash.AppendData(MemoryMarshal.AsBytes(scales.Buffer.Span));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var item in owned)
            item.Dispose();
    }

    private T Own<T>(T item) where T : IDisposable
    {
        owned.Add(item);
        return item;
    }

    private static NarrowWeight Narrowed(ParameterSpec described, Action<ParameterSpec, Span<float>> fill)
    {
        // Outside the managed heap, which would keep the room of the largest matrix.
        using var values = new FloatBuffer(described.Count);
        fill(described, values.Span);
        return new(described, values.Span);
    }
}
