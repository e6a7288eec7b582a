using System.Runtime.InteropServices;
using System.Text.Json;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Conformance;

/// <summary>A checkpoint with golden vectors of its own: golden.json and golden.safetensors beside the weights.</summary>
internal sealed class GoldenModel : IDisposable
{
    // Golden batches reach to position 407.
    private const int Positions = 512;

    private readonly SafeTensorsFile tensors;
    private readonly JsonDocument json;

    public GoldenModel(string folder)
    {
        Folder = folder;
        json = Read(Path.Combine(folder, "golden.json"));
        tensors = SafeTensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        Policy = Policy.Load(folder, Positions);
    }

    public string Folder { get; }

    public Policy Policy { get; }

    public JsonElement Json => json.RootElement;

    public bool Has(string name) => tensors.Tensors.ContainsKey(name);

    public long[] Shape(string name) => tensors.Find(name).Shape;

    public float[] Floats(string name)
    {
        var values = new float[tensors.Find(name).Count];
        tensors.ReadFloats(name, values);
        return values;
    }

    public long[] Ints(string name) => MemoryMarshal.Cast<byte, long>(tensors.RawBytes(name)).ToArray();

    public int[] Integers(params string[] path) => [.. Find(path).EnumerateArray().Select(e => e.GetInt32())];

    public double Number(params string[] path) => Find(path).GetDouble();

    public JsonElement Find(params string[] path)
    {
        var element = Json;
        foreach (var name in path)
            element = element.TryGetProperty(name, out var next) ? next : throw new InputException($"{Folder}/golden.json has no {string.Join('.', path)}.");
        return element;
    }

    public void Dispose()
    {
        Policy.Dispose();
        tensors.Dispose();
        json.Dispose();
    }

    /// <summary>The architecture that config.json names; empty if it names none.</summary>
    public static string Architecture(string folder)
    {
        using var config = Read(Path.Combine(folder, "config.json"));
        return config.RootElement.TryGetProperty("architectures", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 ? list[0].ToString() : "";
    }

    private static JsonDocument Read(string path)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
