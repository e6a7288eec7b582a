using G2RL.Onnx.Graphs;
using Google.FlatBuffers;
using Slots = G2RL.Onnx.Artifacts.Training.OrtCheckpointFormat;

namespace G2RL.Onnx.Artifacts.Training;

/// <summary>
/// Writes checkpoints of ONNX Runtime's training API (flatbuffer, identifier ODTC, version 2). Large ones keep their tensors in a file
/// beside them, so that neither the format's 2 GiB nor memory is a limit.
/// </summary>
public static class OrtCheckpointWriter
{
    /// <summary>Bytes of tensors up to which a checkpoint is one file.</summary>
    public const long LargestInline = 1L << 30;

    /// <summary>The file beside a checkpoint that holds the tensors of a large one.</summary>
    public static string DataFile(string path) => path + Slots.DataSuffix;

    /// <summary>Writes a checkpoint; it appears whole or not at all.</summary>
    /// <param name="path">The file; must not exist, nor the data file beside it.</param>
    /// <param name="content">What it holds.</param>
    /// <param name="largestInline">Bytes of tensors above which they go into the data file.</param>
    /// <exception cref="InputException">A file exists or cannot be written.</exception>
    /// <exception cref="ArgumentException">A name twice, moments that do not match the parameters, a type that the runtime does not read,
    /// or a tensor that wrote another number of bytes than its shape says.</exception>
    public static void Write(string path, OrtCheckpointContent content, long largestInline = LargestInline)
    {
        Check(content);
        var data = DataFile(path);
        foreach (var file in new[] { path, data })
            if (Path.Exists(file))
                throw new InputException($"{file} exists; a checkpoint is never written over another. Choose another name, or remove it.");
        var bytes = All(content).Sum(t => t.Length);
        var (aside, dataAside) = (path + ".tmp", data + ".tmp");
        var done = false;
        try
        {
            if (bytes > largestInline)
            {
                using (var stream = new FileStream(dataAside, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
                {
                    Save(aside, new Builder(stream, 1 << 16).Build(content));
                    stream.Flush(flushToDisk: true);
                }
                File.Move(dataAside, data);
            }
            else
            {
                Save(aside, new Builder(null, checked((int)bytes) + (1 << 16)).Build(content));
            }
            File.Move(aside, path);
            done = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"The checkpoint {path} cannot be written: {e.Message}", e);
        }
        finally
        {
            foreach (var leftover in new[] { aside, dataAside, data })
                if (!done && File.Exists(leftover))
                    File.Delete(leftover);
        }
    }

    private static void Save(string path, ArraySegment<byte> bytes)
    {
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write);
        stream.Write(bytes);
        stream.Flush(flushToDisk: true);
    }

    private static IEnumerable<OrtTensor> All(OrtCheckpointContent content) =>
        content.Trainable.Concat(content.Frozen).Concat(content.Moments is { } m ? m.First.Concat(m.Second) : []);

    // The runtime checks neither names nor counts.
    private static void Check(OrtCheckpointContent content)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in content.Trainable.Concat(content.Frozen))
            if (tensor.Name.Length == 0 || !names.Add(tensor.Name))
                throw new ArgumentException($"The parameter name '{tensor.Name}' is empty or given twice.", nameof(content));
        foreach (var tensor in All(content))
            if (!OrtTensor.IsAllowed(tensor.Type))
                throw new ArgumentException($"'{tensor.Name}' is {tensor.Type}; the training runtime reads float32, float64, int8, uint8, "
                    + "int64 and bool. Convert it.", nameof(content));
        foreach (var name in content.Properties.Where(p => p.Value is not (long or float or string)).Select(p => p.Key))
            throw new ArgumentException(
                $"The property '{name}' is {content.Properties[name]?.GetType().Name ?? "null"}; properties are long, float or string.",
                nameof(content));
        if (content.Moments is not { } moments)
            return;
        ArgumentOutOfRangeException.ThrowIfNegative(moments.Step, nameof(content));
        foreach (var list in new[] { moments.First, moments.Second })
            if (!list.Select(t => t.Name).SequenceEqual(content.Trainable.Select(t => t.Name), StringComparer.Ordinal) || list.Zip(
                content.Trainable).Any(p => p.First.Type != p.Second.Type || !p.First.Shape.AsSpan().SequenceEqual(p.Second.Shape)))
                throw new ArgumentException(
                    "Moments need the names, types and shapes of the parameters that learn, in their order.",
                    nameof(content));
    }

    private sealed class Builder(Stream? outside, int size)
    {
        private static readonly byte[] Zeros = new byte[8];

        private readonly FlatBufferBuilder builder = new(size);

        public ArraySegment<byte> Build(OrtCheckpointContent content)
        {
            var (trainable, frozen) = (Vector(content.Trainable, t => Tensor(t, t.Name)), Vector(content.Frozen, t => Tensor(t, t.Name)));
            builder.StartTable(Slots.ModuleState.Slots);
            builder.AddOffset(Slots.ModuleState.Trainable, trainable, 0);
            builder.AddOffset(Slots.ModuleState.Frozen, frozen, 0);
            builder.AddBool(Slots.ModuleState.IsNominal, false, false);
            builder.AddBool(Slots.ModuleState.HasExternalData, outside is not null, false);
            var module = builder.EndTable();
            var groups = content.Moments is { } moments ? Vector([moments], Group) : 0;
            var properties = content.Properties.Count > 0 ? Properties(content.Properties) : 0;
            builder.StartTable(Slots.Checkpoint.Slots);
            builder.AddInt(Slots.Checkpoint.Version, Slots.Version, 0);
            builder.AddOffset(Slots.Checkpoint.ModuleState, module, 0);
            builder.AddOffset(Slots.Checkpoint.OptimizerGroups, groups, 0);
            builder.AddOffset(Slots.Checkpoint.PropertyBag, properties, 0);
            builder.Finish(builder.EndTable(), Slots.Identifier);
            var buffer = builder.DataBuffer;
            return buffer.ToArraySegment(buffer.Position, buffer.Length - buffer.Position);
        }

        private int Group(OrtMoments moments)
        {
            var states = Vector([.. moments.First.Zip(moments.Second)], State);
            var name = builder.CreateString(Slots.Group).Value;
            builder.StartTable(Slots.OptimizerGroup.Slots);
            builder.AddLong(Slots.OptimizerGroup.Step, moments.Step, 0);
            builder.AddOffset(Slots.OptimizerGroup.Name, name, 0);
            builder.AddFloat(Slots.OptimizerGroup.InitialLearningRate, OrtOptimizerModel.NeutralRate, 0);
            builder.AddOffset(Slots.OptimizerGroup.States, states, 0);
            return builder.EndTable();
        }

        private int State((OrtTensor First, OrtTensor Second) moments)
        {
            var both = Vector([(moments.First, Slots.FirstMoment), (moments.Second, Slots.SecondMoment)], m => Tensor(m.Item1, m.Item2));
            var name = builder.CreateString(moments.First.Name).Value;
            builder.StartTable(Slots.ParameterState.Slots);
            builder.AddOffset(Slots.ParameterState.Name, name, 0);
            builder.AddOffset(Slots.ParameterState.Moments, both, 0);
            return builder.EndTable();
        }

        private int Tensor(OrtTensor tensor, string name)
        {
            var title = builder.CreateString(name).Value;
            builder.StartVector(sizeof(long), tensor.Shape.Length, sizeof(long));
            foreach (var length in tensor.Shape.Reverse())
                builder.AddLong(length);
            var dims = builder.EndVector().Value;
            var external = outside is not null && tensor.Length >= Slots.SmallestOutside;
            var (offset, raw) = external ? (Outside(tensor), 0) : (-1L, Inside(tensor));
            builder.StartTable(Slots.Tensor.Slots);
            builder.AddLong(Slots.Tensor.ExternalDataOffset, offset, -1);
            builder.AddOffset(Slots.Tensor.Name, title, 0);
            builder.AddOffset(Slots.Tensor.Dims, dims, 0);
            builder.AddInt(Slots.Tensor.DataType, (int)tensor.Type, 0);
            builder.AddOffset(Slots.Tensor.RawData, raw, 0);
            return builder.EndTable();
        }

        private int Inside(OrtTensor tensor)
        {
            var bytes = new byte[checked((int)tensor.Length)];
            using (var stream = new MemoryStream(bytes))
            {
                tensor.Write(stream);
                Wrote(tensor, stream.Position);
            }
            builder.StartVector(1, bytes.Length, 16);
            if (bytes.Length > 0)
                builder.Put(bytes);
            return builder.EndVector().Value;
        }

        // Aligned to the element, so that a mapped file can be read in place.
        private long Outside(OrtTensor tensor)
        {
            var pad = (int)(-outside!.Position & (Math.Max(4, tensor.Type.Size()) - 1));
            outside.Write(Zeros.AsSpan(0, pad));
            var start = outside.Position;
            tensor.Write(outside);
            Wrote(tensor, outside.Position - start);
            return start;
        }

        private static void Wrote(OrtTensor tensor, long bytes)
        {
            if (bytes != tensor.Length)
                throw new ArgumentException($"Tensor '{tensor.Name}' wrote {bytes} bytes; "
                    + $"{tensor.Type} [{string.Join(", ", tensor.Shape)}] has {tensor.Length}.");
        }

        private int Properties(IReadOnlyDictionary<string, object> properties)
        {
            var sorted = properties.OrderBy(p => p.Key, StringComparer.Ordinal).ToArray();
            int Kind<T>() => Vector([.. sorted.Where(p => p.Value is T)], Property);
            var (ints, floats, strings) = (Kind<long>(), Kind<float>(), Kind<string>());
            builder.StartTable(Slots.PropertyBag.Slots);
            builder.AddOffset(Slots.PropertyBag.Ints, ints, 0);
            builder.AddOffset(Slots.PropertyBag.Floats, floats, 0);
            builder.AddOffset(Slots.PropertyBag.Strings, strings, 0);
            return builder.EndTable();
        }

        private int Property(KeyValuePair<string, object> property)
        {
            var name = builder.CreateString(property.Key).Value;
            var text = property.Value is string t ? builder.CreateString(t).Value : 0;
            builder.StartTable(Slots.Property.Slots);
            builder.AddOffset(Slots.Property.Name, name, 0);
            if (property.Value is long whole)
                builder.AddLong(Slots.Property.Value, whole, 0);
            else if (property.Value is float number)
                builder.AddFloat(Slots.Property.Value, number, 0);
            else
                builder.AddOffset(Slots.Property.Value, text, 0);
            return builder.EndTable();
        }

        private int Vector<T>(IReadOnlyList<T> items, Func<T, int> write)
        {
            var offsets = items.Select(write).ToArray();
            builder.StartVector(sizeof(int), offsets.Length, sizeof(int));
            for (var i = offsets.Length - 1; i >= 0; i--)
                builder.AddOffset(offsets[i]);
            return builder.EndVector().Value;
        }
    }
}
