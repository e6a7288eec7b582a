using System.Runtime.InteropServices;
using System.Text.Json;
using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Conformance;

/// <summary>
/// Golden vectors of a model that another program computed: golden.json, golden.safetensors and perhaps grads.safetensors and parameters.
/// </summary>
public sealed class GoldenFolder : IDisposable
{
    private const string Wanted = "A folder of golden vectors has golden.json and golden.safetensors.";

    private readonly JsonDocument document;
    private readonly SafeTensorsFile tensors;

    /// <summary>Opens the vectors of a folder.</summary>
    /// <exception cref="InputException">A file is missing or broken.</exception>
    public GoldenFolder(string folder)
    {
        Folder = folder;
        document = Read(Path.Combine(folder, "golden.json"));
        try
        {
            tensors = SafeTensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        }
        catch
        {
            document.Dispose();
            throw;
        }
    }

    /// <summary>Where they lie.</summary>
    public string Folder { get; }

    /// <summary>golden.json.</summary>
    public JsonElement Json => document.RootElement;

    /// <summary>Whether golden.safetensors has a tensor.</summary>
    public bool Has(string name) => tensors.Tensors.ContainsKey(name);

    /// <summary>A tensor's shape.</summary>
    public long[] Shape(string name) => tensors.Find(name).Shape;

    /// <summary>A tensor of numbers.</summary>
    public float[] Floats(string name)
    {
        var values = new float[tensors.Find(name).Count];
        tensors.ReadFloats(name, values);
        return values;
    }

    /// <summary>A tensor of int64.</summary>
    public long[] Integers(string name) => MemoryMarshal.Cast<byte, long>(tensors.RawBytes(name)).ToArray();

    /// <inheritdoc/>
    public void Dispose()
    {
        document.Dispose();
        tensors.Dispose();
    }

    internal static JsonDocument Read(string path)
    {
        try
        {
            return JsonDocument.Parse(InputFile.Bytes(path, Array.MaxLength, Wanted));
        }
        catch (JsonException e)
        {
            throw new InputException($"{path} cannot be read: {e.Message} {Wanted}", e);
        }
    }
}
