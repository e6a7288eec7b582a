using System.Text.Json;

namespace G2RL.Onnx.Checkpoints.SafeTensors;

/// <summary>
/// Reads and checks a safetensors header. Anything that the format does not allow is an <see cref="InputException"/>, so what comes out can
/// be used for pointer arithmetic: every tensor lies inside the file, and the tensors tile the data without gap or overlap.
/// </summary>
/// <remarks>Source: the format's description, github.com/huggingface/safetensors (8-byte length, JSON, data).</remarks>
internal sealed record SafeTensorsHeader(IReadOnlyDictionary<string, TensorInfo> Tensors, IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>The reference implementation's limit.</summary>
    public const long MaxBytes = 100_000_000;

    /// <summary>Checks the first eight bytes; gives the header's length.</summary>
    public static int CheckLength(ulong headerBytes, long fileBytes, string source)
    {
        if (headerBytes > MaxBytes)
            throw new InputException($"{source}: the header claims {headerBytes} bytes; at most {MaxBytes} are allowed. "
                + "Is it a safetensors file?");
        if ((long)headerBytes > fileBytes - 8)
            throw new InputException($"{source}: the header claims {headerBytes} bytes, but only {fileBytes - 8} follow. "
                + "The file is truncated; fetch it again.");
        return (int)headerBytes;
    }

    public static SafeTensorsHeader Parse(ReadOnlyMemory<byte> json, long dataStart, long dataBytes, string source)
    {
        if (json.IsEmpty || json.Span[0] != (byte)'{')
            throw new InputException($"{source}: the header does not begin with '{{'. Is it a safetensors file?");
        using var document = JsonInput.ParseObject(json, $"{source}: the header");
        var tensors = new Dictionary<string, TensorInfo>(StringComparer.Ordinal);
        IReadOnlyDictionary<string, string> metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, element) in JsonInput.Members(document.RootElement, $"{source}: the header"))
            if (name == "__metadata__")
                metadata = ReadMetadata(element, source);
            else
                tensors.Add(name, ReadTensor(name, element, dataStart, dataBytes, source));
        CheckTiling(tensors.Values, dataStart, dataBytes, source);
        return new SafeTensorsHeader(tensors, metadata);
    }

    private static Dictionary<string, string> ReadMetadata(JsonElement element, string source)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        // Some writers say null for none.
        if (element.ValueKind != JsonValueKind.Null)
            foreach (var (key, value) in JsonInput.Members(element, $"{source}: __metadata__"))
                metadata.Add(key, JsonInput.Text(value)
                    ?? throw new InputException($"{source}: __metadata__.{key} is {JsonInput.Shown(value)}; it must be a text."));
        return metadata;
    }

    private static TensorInfo ReadTensor(string name, JsonElement element, long dataStart, long dataBytes, string source)
    {
        var tensor = $"{source}: tensor '{name}'";
        var members = JsonInput.Members(element, tensor);
        if (members.Count != 3 || !members.TryGetValue("dtype", out var dtypeName) || !members.TryGetValue("shape", out var sizes)
            || !members.TryGetValue("data_offsets", out var offsets))
            throw new InputException($"{tensor} has the keys {string.Join(", ", members.Keys.Take(8))}; exactly dtype, shape and "
                + "data_offsets are expected.");
        var text = JsonInput.Text(dtypeName);
        if (text is null
            || !char.IsAsciiLetterUpper(text.FirstOrDefault())
            || !Enum.TryParse<SafeTensorsDtype>(text, out var dtype)
            || dtype.ToString() != text)
            throw new InputException($"{tensor} has the dtype {JsonInput.Shown(dtypeName)}; "
                + $"known are {string.Join(", ", Enum.GetNames<SafeTensorsDtype>())}.");

        var shape = Integers(sizes, $"{tensor}: shape");
        var range = Integers(offsets, $"{tensor}: data_offsets");
        if (range.Length != 2 || range[0] > range[1] || range[1] > dataBytes)
            throw new InputException($"{tensor} has data_offsets {JsonInput.Shown(offsets)}; they must be [begin, end] with begin <= end "
                + $"<= {dataBytes}, the bytes of data in the file. Is it truncated?");
        Int128 bytes = dtype.Bytes();
        foreach (var size in shape)
        {
            bytes *= size;
            if (bytes > long.MaxValue)
                throw new InputException($"{tensor} has the shape {JsonInput.Shown(sizes)}, which is too large for any file.");
        }
        if (bytes != range[1] - range[0])
            throw new InputException($"{tensor} is {dtype} {JsonInput.Shown(sizes)}, {bytes} bytes, but its data_offsets "
                + $"{JsonInput.Shown(offsets)} span {range[1] - range[0]}.");
        return new TensorInfo(name, dtype, shape, dataStart + range[0], range[1] - range[0]);
    }

    private static long[] Integers(JsonElement list, string what)
    {
        if (list.ValueKind != JsonValueKind.Array)
            throw new InputException($"{what} is {JsonInput.Shown(list)}; it must be a list of whole numbers.");
        var values = new long[list.GetArrayLength()];
        var i = 0;
        foreach (var item in list.EnumerateArray())
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out values[i++]) || values[i - 1] < 0)
                throw new InputException($"{what} is {JsonInput.Shown(list)}; it must be a list of whole numbers, none negative.");
        return values;
    }

    private static void CheckTiling(IEnumerable<TensorInfo> tensors, long dataStart, long dataBytes, string source)
    {
        var end = dataStart;
        foreach (var tensor in tensors.OrderBy(t => t.Offset).ThenBy(t => t.Length))
        {
            if (tensor.Offset != end)
                throw new InputException($"{source}: tensor '{tensor.Name}' begins at data byte {tensor.Offset - dataStart}, but the one "
                    + $"before it ends at {end - dataStart}; tensors must neither overlap nor leave gaps.");
            end += tensor.Length;
        }
        if (end != dataStart + dataBytes)
            throw new InputException($"{source}: the tensors end at data byte {end - dataStart}, but the file has {dataBytes}. "
                + "It is damaged, or was written twice; fetch it again.");
    }
}
