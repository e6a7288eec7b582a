using System.Text.Json;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Conformance.Models;

/// <summary>A checkpoint with golden vectors of its own beside the weights.</summary>
internal sealed class GoldenModel : IDisposable
{
    // Golden batches reach to position 407.
    private const int Positions = 512;

    private readonly GoldenFolder vectors;

    public GoldenModel(string folder)
    {
        vectors = new GoldenFolder(folder);
        Policy = Policy.Load(folder, Positions);
    }

    public string Folder => vectors.Folder;

    public Policy Policy { get; }

    public JsonElement Json => vectors.Json;

    public bool Has(string name) => vectors.Has(name);

    public long[] Shape(string name) => vectors.Shape(name);

    public float[] Floats(string name) => vectors.Floats(name);

    public long[] Ints(string name) => vectors.Integers(name);

    public int[] Integers(params string[] path) => [.. Find(path).EnumerateArray().Select(e => e.GetInt32())];

    public double Number(params string[] path) => Find(path).GetDouble();

    public JsonElement Find(params string[] path)
    {
        var element = Json;
        foreach (var name in path)
            element = element.TryGetProperty(name, out var next)
                ? next
                : throw new InputException($"{Folder}/golden.json has no {string.Join('.', path)}.");
        return element;
    }

    public void Dispose()
    {
        Policy.Dispose();
        vectors.Dispose();
    }

    /// <summary>The architecture that config.json names; empty if it names none.</summary>
    public static string Architecture(string folder)
    {
        using var config = GoldenFolder.Read(Path.Combine(folder, "config.json"));
        return config.RootElement.TryGetProperty("architectures", out var list)
            && list.ValueKind == JsonValueKind.Array
            && list.GetArrayLength() > 0 ? list[0].ToString() : "";
    }
}
