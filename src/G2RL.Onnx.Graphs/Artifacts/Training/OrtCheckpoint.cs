using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Graphs;
using Slots = G2RL.Onnx.Artifacts.Training.OrtCheckpointFormat;

namespace G2RL.Onnx.Artifacts.Training;

/// <summary>A tensor of an ORT checkpoint.</summary>
/// <param name="Name">Its name; a moment has its parameter's.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="IsOutside">Whether its bytes lie in the data file.</param>
/// <param name="Offset">Its first byte there, or in the checkpoint.</param>
public sealed record OrtTensorInfo(string Name, ElementType Type, long[] Shape, bool IsOutside, long Offset)
{
    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (a, b) => checked(a * b));
}

/// <summary>
/// A checkpoint of ONNX Runtime's training API, mapped into memory: parameters, moments, step and properties. Every byte is distrusted.
/// </summary>
public sealed class OrtCheckpoint : IDisposable
{
    private const int MostAxes = 64;

    private readonly MappedFile file;
    private readonly MappedFile? data;

    private OrtCheckpoint(string path, MappedFile file)
    {
        (Path, this.file) = (path, file);
        if (file.Length > int.MaxValue)
            throw new InputException($"{path} has {file.Length} bytes; a flatbuffer ends at 2 GiB. "
                + "It is no ORT checkpoint, or is damaged.");
        var bytes = file.Bytes(0, (int)file.Length);
        if (bytes.Length < 8 || !bytes.Slice(4, 4).SequenceEqual("ODTC"u8))
            throw new InputException($"{path} does not bear the mark {Slots.Identifier}. It is no checkpoint of ONNX Runtime's training "
                + "API, or is truncated.");
        var root = FlatTable.Root(bytes, path);
        var version = root.Int32(Slots.Checkpoint.Version, 0);
        if (version != Slots.Version)
            throw new InputException($"{path} is a checkpoint of version {version}; "
                + $"{(version < Slots.Version ? "an older" : "a newer")} ONNX Runtime wrote it. "
                + $"Version {Slots.Version}, that of releases 1.17 to 1.19, is read here: load and save it with one of them.");
        if (!root.Has(Slots.Checkpoint.ModuleState))
            throw new InputException($"{path} holds no parameters (its module state is missing). "
                + "Save it from a session whose model is loaded.");
        var module = root.Table(Slots.Checkpoint.ModuleState);
        if (module.Bool(Slots.ModuleState.IsNominal))
            throw new InputException($"{path} is a nominal checkpoint: it names the parameters but holds none. "
                + "Save it with its parameters.");
        if (!module.Has(Slots.ModuleState.Trainable) || !module.Has(Slots.ModuleState.Frozen))
            throw new InputException($"{path}: both lists of parameters, trainable and frozen, must be there (they may be empty). "
                + "It is damaged.");
        if (module.Bool(Slots.ModuleState.HasExternalData))
            data = new MappedFile(OrtCheckpointWriter.DataFile(path), why: $"{path} keeps its tensors in a file beside it");
        try
        {
            Trainable = Tensors(module, Slots.ModuleState.Trainable, moments: false);
            Frozen = Tensors(module, Slots.ModuleState.Frozen, moments: false);
            if (Trainable.Keys.FirstOrDefault(Frozen.ContainsKey) is { } twice)
                throw new InputException($"{path} names parameter '{twice}' both trainable and frozen.");
            Properties = ReadProperties(root);
            var optimizer = ReadOptimizer(root);
            (Step, InitialLearningRate, FirstMoments, SecondMoments) = (optimizer.Step, optimizer.Rate, optimizer.First, optimizer.Second);
        }
        catch
        {
            data?.Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Parameters that learn, by name.</summary>
    public IReadOnlyDictionary<string, OrtTensorInfo> Trainable { get; }

    /// <summary>Parameters that do not learn, by name.</summary>
    public IReadOnlyDictionary<string, OrtTensorInfo> Frozen { get; }

    /// <summary>Whether there is optimizer state.</summary>
    public bool HasMoments => FirstMoments.Count > 0;

    /// <summary>Updates done; 0 without optimizer state.</summary>
    public long Step { get; }

    /// <summary>The learning rate that the runtime noted; it never restores it.</summary>
    public float InitialLearningRate { get; }

    /// <summary>First moments, by parameter; empty without optimizer state.</summary>
    public IReadOnlyDictionary<string, OrtTensorInfo> FirstMoments { get; }

    /// <summary>Second moments, by parameter; empty without optimizer state.</summary>
    public IReadOnlyDictionary<string, OrtTensorInfo> SecondMoments { get; }

    /// <summary>Properties: long, float or string by name.</summary>
    public IReadOnlyDictionary<string, object> Properties { get; }

    /// <summary>Maps a checkpoint and checks its structure.</summary>
    /// <exception cref="InputException">Missing, truncated, damaged, of another version, or nominal; the message says which.</exception>
    public static OrtCheckpoint Open(string path)
    {
        var mapped = new MappedFile(path);
        try
        {
            return new(path, mapped);
        }
        catch
        {
            mapped.Dispose();
            throw;
        }
    }

    /// <summary>A parameter's elements, read in place. Valid until this object is disposed.</summary>
    /// <param name="name">A parameter, trainable or frozen.</param>
    /// <exception cref="InputException">No such parameter, one that is not float32, or of more than 2^31 - 1 elements.</exception>
    public ReadOnlySpan<float> Parameter(string name) =>
        Floats(Trainable.GetValueOrDefault(name) ?? Frozen.GetValueOrDefault(name)
            ?? throw new InputException($"{Path} holds no parameter '{name}'. It belongs to another model."));

    /// <summary>A tensor's elements, read in place. Valid until this object is disposed.</summary>
    /// <exception cref="InputException">It is not float32, or has more than 2^31 - 1 elements.</exception>
    public ReadOnlySpan<float> Floats(OrtTensorInfo tensor)
    {
        if (tensor.Type != ElementType.Float32)
            throw new InputException($"{Path}: '{tensor.Name}' is {tensor.Type}; weights and moments must be float32.");
        if (tensor.Count > int.MaxValue)
            throw new InputException($"{Path}: '{tensor.Name}' has {tensor.Count} elements; {int.MaxValue} is the most that is read here.");
        return (tensor.IsOutside ? data! : file).Floats(tensor.Offset, (int)tensor.Count);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        file.Dispose();
        data?.Dispose();
    }

    private Dictionary<string, OrtTensorInfo> Tensors(FlatTable owner, int slot, bool moments)
    {
        var tensors = new Dictionary<string, OrtTensorInfo>(StringComparer.Ordinal);
        for (var i = 0; i < owner.Count(slot); i++)
        {
            var tensor = Tensor(owner.Item(slot, i));
            if (!tensors.TryAdd(tensor.Name, tensor))
                throw new InputException($"{Path} holds {(moments ? "moment" : "parameter")} '{tensor.Name}' twice.");
        }
        return tensors;
    }

    private OrtTensorInfo Tensor(FlatTable table)
    {
        var name = table.Text(Slots.Tensor.Name) is { Length: > 0 } text
            ? text
            : throw new InputException($"{Path} holds a tensor without a name. It is damaged.");
        var shape = table.Longs(Slots.Tensor.Dims) ?? throw new InputException($"{Path}: tensor '{name}' has no shape. It is damaged.");
        var type = (ElementType)table.Int32(Slots.Tensor.DataType, 0);
        if (!OrtTensor.IsAllowed(type))
            throw new InputException($"{Path}: tensor '{name}' has element type {(int)type}; float32, float64, int8, uint8, int64 and bool "
                + "are read.");
        if (shape.Length > MostAxes)
            throw new InputException($"{Path}: tensor '{name}' has {shape.Length} axes; {MostAxes} is the most. It is damaged.");
        Int128 length = type.Size();
        foreach (var size in shape)
        {
            if (size < 0 || length > long.MaxValue)
                throw new InputException($"{Path}: tensor '{name}' has the shape [{string.Join(", ", shape)}], which no tensor can have.");
            length *= size;
        }
        var offset = table.Int64(Slots.Tensor.ExternalDataOffset, -1);
        if (offset >= 0)
        {
            if (data is null)
                throw new InputException($"{Path}: tensor '{name}' lies outside, but the checkpoint says that nothing does. "
                    + "It is damaged.");
            if (length > data.Length - (Int128)offset)
                throw new InputException($"{data.Path}: tensor '{name}' needs {length} bytes from byte {offset}; "
                    + $"the file has {data.Length}. It is truncated, or belongs to another checkpoint.");
            return new(name, type, shape, IsOutside: true, offset);
        }
        var (start, count) = table.Bytes(Slots.Tensor.RawData)
            ?? throw new InputException($"{Path}: tensor '{name}' has no data. It is damaged.");
        if (count != length)
            throw new InputException($"{Path}: tensor '{name}' has {count} bytes; {type} [{string.Join(", ", shape)}] needs {length}.");
        return new(name, type, shape, IsOutside: false, start);
    }

    private OptimizerState ReadOptimizer(FlatTable root)
    {
        var (first, second) =
            (new Dictionary<string, OrtTensorInfo>(StringComparer.Ordinal), new Dictionary<string, OrtTensorInfo>(StringComparer.Ordinal));
        var groups = root.Count(Slots.Checkpoint.OptimizerGroups);
        if (groups == 0)
            return new(0, 0, first, second);
        var group = root.Item(Slots.Checkpoint.OptimizerGroups, 0);
        if (groups > 1 || group.Text(Slots.OptimizerGroup.Name) is not Slots.Group)
            throw new InputException($"{Path} has {groups} optimizer groups, the first named '{group.Text(Slots.OptimizerGroup.Name)}'; "
                + $"exactly one, '{Slots.Group}', is read.");
        var step = group.Int64(Slots.OptimizerGroup.Step, 0);
        if (step < 0)
            throw new InputException($"{Path}: its step is {step}; it must be 0 or more.");
        for (var i = 0; i < group.Count(Slots.OptimizerGroup.States); i++)
        {
            var state = group.Item(Slots.OptimizerGroup.States, i);
            var name = state.Text(Slots.ParameterState.Name) ?? "";
            var moments = Tensors(state, Slots.ParameterState.Moments, moments: true);
            if (!Trainable.TryGetValue(name, out var parameter))
                throw new InputException($"{Path} has optimizer state of '{name}', which is no parameter that learns.");
            foreach (var (kind, list) in new[] { (Slots.FirstMoment, first), (Slots.SecondMoment, second) })
            {
                if (moments.Count != 2 || !moments.TryGetValue(kind, out var moment))
                    throw new InputException($"{Path}: the optimizer state of '{name}' holds "
                        + $"{string.Join(", ", moments.Keys.Order(StringComparer.Ordinal))}; AdamW's {Slots.FirstMoment} and "
                        + $"{Slots.SecondMoment} are read.");
                if (moment.Type != parameter.Type || !moment.Shape.AsSpan().SequenceEqual(parameter.Shape))
                    throw new InputException($"{Path}: {kind} of '{name}' is {moment.Type} [{string.Join(", ", moment.Shape)}]; "
                        + $"the parameter is {parameter.Type} [{string.Join(", ", parameter.Shape)}].");
                if (!list.TryAdd(name, moment with { Name = name }))
                    throw new InputException($"{Path} has optimizer state of '{name}' twice.");
            }
        }
        if (first.Count > 0 && Trainable.Keys.FirstOrDefault(n => !first.ContainsKey(n)) is { } without)
            throw new InputException($"{Path} has no optimizer state of '{without}', though it has that of others. It is damaged.");
        return new(step, group.Single(Slots.OptimizerGroup.InitialLearningRate, 0), first, second);
    }

    private Dictionary<string, object> ReadProperties(FlatTable root)
    {
        var properties = new Dictionary<string, object>(StringComparer.Ordinal);
        if (!root.Has(Slots.Checkpoint.PropertyBag))
            return properties;
        var bag = root.Table(Slots.Checkpoint.PropertyBag);
        foreach (var kind in new[] { Slots.PropertyBag.Ints, Slots.PropertyBag.Floats, Slots.PropertyBag.Strings })
            for (var i = 0; i < bag.Count(kind); i++)
            {
                var item = bag.Item(kind, i);
                object? value = kind switch
                {
                    Slots.PropertyBag.Ints => item.Int64(Slots.Property.Value, 0),
                    Slots.PropertyBag.Floats => item.Single(Slots.Property.Value, 0),
                    _ => item.Text(Slots.Property.Value),
                };
                if (item.Text(Slots.Property.Name) is not { Length: > 0 } name || value is null || !properties.TryAdd(name, value))
                    throw new InputException($"{Path} has a property without a name or value, or two of one name. It is damaged.");
            }
        return properties;
    }

    private sealed record OptimizerState(
        long Step,
        float Rate,
        IReadOnlyDictionary<string, OrtTensorInfo> First,
        IReadOnlyDictionary<string, OrtTensorInfo> Second);
}
