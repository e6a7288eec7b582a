using System.Runtime.InteropServices;
using System.Text.Json;
using G2RL.Onnx.Checkpoints;

namespace G2RL.Onnx.Converter;

/// <summary>Golden vectors that another program computed: golden.json, golden.safetensors and, for training, grads.safetensors.</summary>
internal sealed class GoldenFolder : IDisposable
{
    private readonly JsonDocument document;
    private readonly SafeTensorsFile tensors;

    public GoldenFolder(string folder)
    {
        Folder = folder;
        var path = Path.Combine(folder, "golden.json");
        if (!File.Exists(path))
            throw new InputException($"{path} does not exist; --golden takes a folder with golden.json and golden.safetensors.");
        tensors = SafeTensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        try
        {
            document = JsonDocument.Parse(File.ReadAllBytes(path));
        }
        catch (JsonException e)
        {
            tensors.Dispose();
            throw new InputException($"{path} is not valid JSON: {e.Message}", e);
        }
    }

    public string Folder { get; }

    public JsonElement Json => document.RootElement;

    public bool Has(string name) => tensors.Tensors.ContainsKey(name);

    public long[] Shape(string name) => tensors.Find(name).Shape;

    public float[] Floats(string name)
    {
        var values = new float[tensors.Find(name).Count];
        tensors.ReadFloats(name, values);
        return values;
    }

    public long[] Integers(string name) => MemoryMarshal.Cast<byte, long>(tensors.RawBytes(name)).ToArray();

    public void Dispose()
    {
        document.Dispose();
        tensors.Dispose();
    }
}
