using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using Google.FlatBuffers;

namespace G2RL.Onnx.Artifacts;

/// <summary>
/// Writes adapters as ONNX Runtime's own adapter file (.onnx_adapter): a flatbuffer of named tensors that a run gives to the graph's inputs
/// of the same names, by OrtLoraAdapter and RunOptions.AddActiveLoraAdapter, or by ONNX Runtime GenAI's Adapters.
/// </summary>
/// <remarks>
/// Source of the format: ONNX Runtime's onnxruntime/lora/adapter_format/adapter_schema.fbs, identifier TORT, format version 1, read by
/// every release since 1.20. Adapter: format_version 0, adapter_version 1, model_version 2, parameters 3. Parameter: name 0, dims 1,
/// data_type 2, raw_data 3 (8-byte aligned).
/// </remarks>
public static class OnnxAdapterFile
{
    /// <summary>The usual end of its name.</summary>
    public const string Extension = ".onnx_adapter";

    // A flatbuffer ends at 2 GiB.
    private const long Largest = (1L << 31) - (1L << 20);
    private const int FormatVersion = 1;

    /// <summary>Writes the adapters of a model; the file appears whole or not at all.</summary>
    /// <param name="path">The file; must not exist.</param>
    /// <param name="spec">The model with its adapter.</param>
    /// <param name="weights">Gives each of the adapter's parameters.</param>
    /// <exception cref="InputException">The file exists, cannot be written, or would be larger than the format allows.</exception>
    public static void Write(string path, DecoderSpec spec, WeightSource weights)
    {
        ParameterSpec[] parameters = [.. spec.Parameters.Where(p => p.IsAdapter)];
        var bytes = parameters.Sum(p => p.Count * sizeof(float));
        if (bytes > Largest)
            throw new InputException($"{path} would have {bytes} bytes; an adapter file ends at 2 GiB. "
                + "Lower the rank, or target fewer modules.");
        if (Path.Exists(path))
            throw new InputException($"{path} exists; an adapter file is never written over another. Choose another name, or remove it.");
        var aside = path + ".tmp";
        try
        {
            using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write))
            {
                stream.Write(ToBytes(parameters, weights));
                stream.Flush(flushToDisk: true);
            }
            File.Move(aside, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"The adapter file {path} cannot be written: {e.Message}", e);
        }
        finally
        {
            if (File.Exists(aside))
                File.Delete(aside);
        }
    }

    private static ArraySegment<byte> ToBytes(ParameterSpec[] parameters, WeightSource weights)
    {
        var builder = new FlatBufferBuilder(checked((int)parameters.Sum(p => (p.Count * sizeof(float)) + 256)) + 1024);
        var offsets = parameters.Select(p => Parameter(builder, p, weights(p.Name))).ToArray();
        builder.StartVector(sizeof(int), offsets.Length, sizeof(int));
        for (var i = offsets.Length - 1; i >= 0; i--)
            builder.AddOffset(offsets[i]);
        var all = builder.EndVector().Value;
        builder.StartTable(4);
        builder.AddInt(0, FormatVersion, 0);
        builder.AddInt(1, 1, 0);
        builder.AddInt(2, 1, 0);
        builder.AddOffset(3, all, 0);
        builder.Finish(builder.EndTable(), "TORT");
        var buffer = builder.DataBuffer;
        return buffer.ToArraySegment(buffer.Position, buffer.Length - buffer.Position);
    }

    private static int Parameter(FlatBufferBuilder builder, ParameterSpec parameter, ReadOnlySpan<float> values)
    {
        var name = builder.CreateString(parameter.Name).Value;
        builder.StartVector(sizeof(long), parameter.Shape.Length, sizeof(long));
        foreach (var length in parameter.Shape.Reverse())
            builder.AddLong(length);
        var dims = builder.EndVector().Value;
        // The schema aligns the data to 8 bytes, so that the runtime reads them where they lie.
        builder.StartVector(1, checked(values.Length * sizeof(float)), 8);
        builder.Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).ToArray());
        var data = builder.EndVector().Value;
        builder.StartTable(4);
        builder.AddOffset(0, name, 0);
        builder.AddOffset(1, dims, 0);
        builder.AddInt(2, (int)ElementType.Float32, 0);
        builder.AddOffset(3, data, 0);
        return builder.EndTable();
    }
}
