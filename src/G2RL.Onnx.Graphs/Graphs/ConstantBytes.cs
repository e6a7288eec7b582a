namespace G2RL.Onnx.Graphs;

/// <summary>The bytes of a constant, wherever they are.</summary>
internal static class ConstantBytes
{
    /// <summary>Writes the bytes of a constant.</summary>
    /// <exception cref="GraphException">Another number of bytes than the shape says, or a data file that is not known or too
    /// short.</exception>
    public static void CopyTo(Value value, Stream stream)
    {
        var data = value.Constant!;
        var start = stream.Position;
        if (data.Writer is { } write)
            write(stream);
        else if (data.External is { } place)
            CopyPlace(value.Name, place, stream);
        else
            stream.Write(data.Bytes.Span);
        if (stream.Position - start != data.Length)
            throw new GraphException($"Constant '{value.Name}' wrote {stream.Position - start} bytes; "
                + $"{data.Type} [{string.Join(", ", data.Shape)}] needs {data.Length}.");
    }

    /// <summary>The bytes of a constant in memory.</summary>
    /// <inheritdoc cref="CopyTo"/>
    public static ReadOnlyMemory<byte> ToMemory(Value value)
    {
        if (value.Constant!.IsHere)
            return value.Constant.Bytes;
        using var buffer = new MemoryStream(checked((int)value.Constant.Length));
        CopyTo(value, buffer);
        return buffer.ToArray();
    }

    private static void CopyPlace(string name, ExternalData place, Stream stream)
    {
        if (place.Folder is null)
            throw new GraphException($"Constant '{name}' lies in '{place.Location}', and the folder of that file is not known. "
                + "Load the model from its file.");
        using var file =
            new FileStream(Path.Combine(place.Folder, place.Location), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        file.Position = place.Offset;
        var buffer = new byte[(int)Math.Min(place.Length, 1 << 20)];
        for (var left = place.Length; left > 0;)
        {
            var read = file.Read(buffer, 0, (int)Math.Min(left, buffer.Length));
            if (read == 0)
                throw new GraphException($"Constant '{name}': {file.Name} ended {left} bytes early. "
                    + "It was changed after the model was loaded.");
            stream.Write(buffer, 0, read);
            left -= read;
        }
    }
}
