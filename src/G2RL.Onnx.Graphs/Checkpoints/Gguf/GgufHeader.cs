namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// Reads and checks what stands before a GGUF file's data. What comes out can be used for pointer arithmetic: every value and tensor lies
/// inside the file, and the tensors follow each other as the alignment wants it. Nothing is allocated by a claimed count, only for entries
/// that are there.
/// </summary>
/// <remarks>Source: the format's description, docs/gguf.md of ggml-org/ggml.</remarks>
internal sealed record GgufHeader(
    uint Version,
    IReadOnlyDictionary<string, GgufValue> Metadata,
    IReadOnlyDictionary<string, GgufTensor> Tensors)
{
    /// <summary>Magic, version, two counts.</summary>
    public const int LeastBytes = 4 + 4 + 8 + 8;

    private const uint Magic = 0x4655_4747;
    private const int LongestKey = 65_535;
    private const int LongestName = 64;
    private const int MostAxes = 4;
    private const uint DefaultAlignment = 32;
    private const uint MostAlignment = 1 << 16;

    // A key's length, one letter, a type, one byte; a name's length, one letter, an axis count, an axis, a type, an offset.
    private const int LeastEntry = 8 + 1 + 4 + 1;
    private const int LeastTensor = 8 + 1 + 4 + 8 + 4 + 8;

    public static GgufHeader Read(MappedFile file)
    {
        var cursor = new GgufCursor(file);
        if (cursor.UInt32("the first bytes") != Magic)
            throw cursor.Fault("it does not begin with 'GGUF'. Is it a GGUF file?");
        var version = cursor.UInt32("the version");
        if (version is not (2 or 3))
            throw cursor.Fault(version is 0x0200_0000 or 0x0300_0000
                ? "it is big-endian; only little-endian files are read."
                : $"it has version {version} of the format; 2 and 3 are read. Convert it with a newer tool.");
        var tensorCount = Count(cursor, "tensors", LeastTensor);
        var entryCount = Count(cursor, "metadata entries", LeastEntry);

        var metadata = new Dictionary<string, GgufValue>(StringComparer.Ordinal);
        for (var i = 0L; i < entryCount; i++)
        {
            var key = cursor.Text($"the key of metadata entry {i}", LongestKey);
            if (!metadata.TryAdd(key, cursor.Value(key)))
                throw cursor.Fault($"the metadata holds the key '{key}' twice.");
        }
        var alignment = Alignment(file, metadata, cursor);
        var entries = new List<GgufTensor>();
        for (var i = 0L; i < tensorCount; i++)
            entries.Add(Tensor(cursor, i, alignment));
        return new(version, metadata, Placed(entries, Padded(cursor.Position, alignment), file.Length, alignment, cursor));
    }

    private static long Count(GgufCursor cursor, string what, int least)
    {
        var count = cursor.UInt64($"the number of {what}");
        return count <= (ulong)(cursor.Left / least) ? (long)count : throw cursor.Fault(
            $"it claims {count} {what}, but only {cursor.Left} bytes follow. The file is truncated or damaged; fetch it again.");
    }

    private static uint Alignment(MappedFile file, Dictionary<string, GgufValue> metadata, GgufCursor cursor)
    {
        if (!metadata.TryGetValue("general.alignment", out var value))
            return DefaultAlignment;
        if (value is not { Type: GgufType.UInt32, IsArray: false } || new GgufCursor(file, value.Offset)
            .UInt32("general.alignment") is var alignment && (alignment is < 8 or > MostAlignment || !uint.IsPow2(alignment)))
            throw cursor.Fault($"general.alignment must be a power of two from 8 to {MostAlignment}, stored as UInt32.");
        return alignment;
    }

    // Offset is still counted from the start of the data.
    private static GgufTensor Tensor(GgufCursor cursor, long index, uint alignment)
    {
        var name = cursor.Text($"the name of tensor {index}", LongestName);
        var tensor = $"tensor '{name}'";
        var axes = cursor.UInt32(tensor);
        if (axes is < 1 or > MostAxes)
            throw cursor.Fault($"{tensor} has {axes} axes; 1 to {MostAxes} are allowed.");
        var shape = new long[axes];
        for (var axis = shape.Length - 1; axis >= 0; axis--)
        {
            var size = cursor.UInt64(tensor);
            shape[axis] = size is > 0 and <= int.MaxValue
                ? (long)size
                : throw cursor.Fault($"{tensor} has an axis of {size} elements; 1 to {int.MaxValue} are allowed.");
        }
        var number = cursor.UInt32(tensor);
        var type = (GgmlType)number;
        if (!Enum.IsDefined(type))
            throw cursor.Fault($"{tensor} is {GgmlTypes.NameOf(number)}; {string.Join(", ", Enum.GetNames<GgmlType>())} are read. "
                + "Fetch the model in one of these.");
        var offset = cursor.UInt64(tensor);
        if (offset > long.MaxValue / 2 || offset % alignment != 0)
            throw cursor.Fault($"{tensor} begins at data byte {offset}, which is no multiple of the alignment, {alignment}, or beyond any "
                + "file.");
        if (shape[^1] % type.BlockElements() != 0)
            throw cursor.Fault($"{tensor} is {type} with rows of {shape[^1]} elements; they must be a multiple of {type.BlockElements()}.");
        Int128 blocks = 1;
        foreach (var size in shape)
            blocks *= size;
        var bytes = blocks / type.BlockElements() * type.BlockBytes();
        return bytes <= long.MaxValue / 2
            ? new(name, type, shape, (long)offset, (long)bytes)
            : throw cursor.Fault($"{tensor} has the shape [{string.Join(", ", shape)}], which is too large for any file.");
    }

    private static Dictionary<string, GgufTensor> Placed(
        List<GgufTensor> entries,
        long dataStart,
        long fileBytes,
        uint alignment,
        GgufCursor cursor)
    {
        var tensors = new Dictionary<string, GgufTensor>(StringComparer.Ordinal);
        var end = 0L;
        foreach (var entry in entries.OrderBy(t => t.Offset))
        {
            if (entry.Offset != end)
                throw cursor.Fault($"tensor '{entry.Name}' begins at data byte {entry.Offset}, but the one before it ends, with padding, "
                    + $"at {end}; tensors must neither overlap nor leave gaps.");
            if (entry.Length > fileBytes - dataStart - entry.Offset)
                throw cursor.Fault($"tensor '{entry.Name}' would end at byte {dataStart + entry.Offset + entry.Length}, but the file has "
                    + $"{fileBytes}. It is truncated; fetch it again.");
            if (!tensors.TryAdd(entry.Name, entry with { Offset = dataStart + entry.Offset }))
                throw cursor.Fault($"the name '{entry.Name}' is given to two tensors.");
            end = Padded(entry.Offset + entry.Length, alignment);
        }
        if (tensors.Count > 0 && fileBytes - dataStart > end)
            throw cursor.Fault($"the tensors end at data byte {end}, but the file has {fileBytes - dataStart}. "
                + "It is damaged, or was written twice; fetch it again.");
        return tensors;
    }

    private static long Padded(long at, uint alignment) => (at + alignment - 1) / alignment * alignment;
}
