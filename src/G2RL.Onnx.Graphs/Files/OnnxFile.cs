using G2RL.Onnx.Graphs;
using Google.Protobuf;

namespace G2RL.Onnx.Files;

/// <summary>How <see cref="OnnxFile.Save"/> stores constants.</summary>
/// <param name="ExternalFrom">
/// Constants of at least this many bytes go to a data file beside the model: 0 sends all weights there, <see cref="long.MaxValue"/> none.
/// Short integer constants always stay inside: they are shapes and axes, which ONNX Runtime does not look for outside.
/// </param>
public sealed record OnnxSaveSettings(long ExternalFrom = 1024)
{
    private const long ShortBytes = 1024;

    internal bool GoesOutside(TensorData data) =>
        data.Length > 0 && data.Length >= ExternalFrom && (data.Type.IsFloat() || data.Length >= ShortBytes);
}

/// <summary>Graphs as ONNX protobuf files.</summary>
public static class OnnxFile
{
    /// <summary>IR version that is written; the newest that the ORT training runtime reads.</summary>
    public const int IrVersion = 10;

    /// <summary>Where constants begin in a data file: the page size of every system, so that a runtime can map them.</summary>
    public const int Alignment = 4096;

    /// <summary>The graph as the bytes of an ONNX model, constants inside; external ones stay references.</summary>
    /// <exception cref="GraphException">The constants exceed what one protobuf message holds (2 GiB): use <see cref="Save"/>.</exception>
    public static byte[] ToBytes(Graph graph) => OnnxWriter.ToModel(graph).ToByteArray();

    /// <summary>Reads the bytes of an ONNX model, every node through the same shape rules as a graph that is built here.</summary>
    /// <param name="bytes">The model; they are copied.</param>
    /// <param name="source">What messages should name.</param>
    /// <param name="folder">Where external data lies; null keeps external constants as unchecked references.</param>
    /// <exception cref="InputException">The bytes are no ONNX model, or one that breaks a rule or needs something that is not supported;
    /// the message names the node or value.</exception>
    public static Graph FromBytes(ReadOnlySpan<byte> bytes, string source, string? folder = null) =>
        new OnnxReader(source, folder).Read(bytes);

    /// <summary>Reads a model. Constants of less than 1 KiB come into memory; larger external ones stay in their file.</summary>
    /// <inheritdoc cref="FromBytes"/>
    public static Graph Load(string path) => FromBytes(ReadBytes(path), path, Path.GetDirectoryName(Path.GetFullPath(path)));

    /// <summary>A model file's bytes.</summary>
    /// <exception cref="InputException">It is missing, cannot be read, or is larger than any protobuf message.</exception>
    internal static byte[] ReadBytes(string path) =>
        InputFile.Bytes(path, Array.MaxLength, "An ONNX model has at most 2^31 - 1 bytes, its weights lie in external data.");

    /// <summary>
    /// Writes a model, and beside it <c>NAME.data</c> with the larger constants, so that a model of any size can be written. Both are
    /// written aside, flushed to the disk and then renamed; a model that exists is replaced. After a crash there is either a model with its
    /// own data, or no model.
    /// </summary>
    /// <param name="graph">The graph. Constants that were left in another model's data file are copied.</param>
    /// <param name="path">The model's file.</param>
    /// <param name="settings">What goes to the data file; null: the defaults.</param>
    /// <exception cref="GraphException">A constant wrote another number of bytes than its shape says, or lies in a file that is not
    /// known.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Save(Graph graph, string path, OnnxSaveSettings? settings = null)
    {
        settings ??= new();
        var (dataPath, dataAside, modelAside) = (path + ".data", path + ".data.tmp", path + ".tmp");
        try
        {
            Dictionary<Value, ExternalData> places = new(ReferenceEqualityComparer.Instance);
            var outside = graph.Initializers.Where(v => settings.GoesOutside(v.Constant!)).ToArray();
            if (outside.Length > 0)
                using (var data = NewFile(dataAside))
                {
                    foreach (var value in outside)
                    {
                        data.SetLength((data.Length + Alignment - 1) / Alignment * Alignment);
                        data.Position = data.Length;
                        places.Add(value, new(Path.GetFileName(dataPath), data.Position, value.Constant!.Length));
                        ConstantBytes.CopyTo(value, data);
                    }
                    data.Flush(flushToDisk: true);
                }
            using (var model = NewFile(modelAside))
            {
                OnnxWriter.ToModel(graph, places, inlineOthers: true).WriteTo(model);
                model.Flush(flushToDisk: true);
            }
            // An old model must never meet the new data.
            File.Delete(path);
            if (places.Count > 0)
                File.Move(dataAside, dataPath, overwrite: true);
            else
                File.Delete(dataPath);
            File.Move(modelAside, path);
        }
        finally
        {
            File.Delete(dataAside);
            File.Delete(modelAside);
        }
    }

    private static FileStream NewFile(string path) => new(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
}
