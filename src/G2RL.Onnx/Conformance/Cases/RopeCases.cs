using System.Diagnostics;
using System.Text.Json;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>
/// Rotary positions: an object of {"config", "transformers_VERSION": {"inv_freq", "attention_scaling", "positions", "cos", "sin"}} by name.
/// </summary>
internal static class RopeCases
{
    // The reference takes powers in float32 to 1 ulp, and its cosines are float32.
    private const double OneUlp = 1.2e-7;
    private const string Reference = "transformers_";

    /// <summary>Whether a file holds such cases.</summary>
    public static bool Is(
        JsonElement root) => root.ValueKind == JsonValueKind.Object && root.EnumerateObject().Any() && root.EnumerateObject().All(c =>
        c.Value.ValueKind == JsonValueKind.Object
            && c.Value.TryGetProperty("config", out var config)
            && config.ValueKind == JsonValueKind.Object
            && Expected(c.Value) is not null);

    /// <summary>Runs a file's cases.</summary>
    public static FileResult Run(JsonElement root, string path) =>
        new(path, [.. root.EnumerateObject().Select(c => Case(c.Name, c.Value, path))]);

    private static CaseResult Case(string name, JsonElement element, string path)
    {
        var started = Stopwatch.GetTimestamp();
        var check = new Check(0, 0);
        string? unsupported = null;
        try
        {
            unsupported = Run(Spec(name, element.GetProperty("config"), path), Expected(element)!.Value, check);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InputException($"{path}, case {name}: {e.Message}", e);
        }
        return new(
            name,
            unsupported ?? "rotary positions",
            unsupported is null,
            check.Fault,
            check.Largest,
            Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static string? Run(DecoderSpec spec, JsonElement expected, Check check)
    {
        var rope = new RotaryEmbedding(spec);
        int[] positions = [.. expected.GetProperty("positions").EnumerateArray().Select(p => p.GetInt32())];
        var rows = positions.Max() + 1;
        if (spec.Rope!.Kind == RopeKind.Dynamic && rows > spec.Rope.OriginalMaxPositions)
            return "dynamic RoPE beyond its original length";
        check.Near("inv_freq", rope.InverseFrequencies(), Numbers(expected.GetProperty("inv_freq")), OneUlp, 0);
        check.Near("attention_scaling", [rope.AttentionScaling], [expected.GetProperty("attention_scaling").GetDouble()], 1e-15, 0);
        if (expected.GetProperty("cos").ValueKind == JsonValueKind.Null)
            return null;
        var half = rope.HeadDimension / 2;
        float[] cos = new float[rows * half], sin = new float[rows * half];
        rope.Fill(cos, sin, rows);
        double[] At(float[] table) => [.. positions.SelectMany(p => table.AsSpan(p * half, half).ToArray()).Select(v => (double)v)];
        double[] Table(string name) => [.. expected.GetProperty(name).EnumerateArray().SelectMany(Numbers)];
        check.Near("cos", At(cos), Table("cos"), 0, OneUlp);
        check.Near("sin", At(sin), Table("sin"), 0, OneUlp);
        return null;
    }

    // The newest version that says something of its own: versions stand in their order, and a later one may be "identical".
    private static JsonElement? Expected(JsonElement element)
    {
        JsonElement? newest = null;
        foreach (var member in element.EnumerateObject())
            if (member.Name.StartsWith(Reference, StringComparison.Ordinal) && member.Value.ValueKind == JsonValueKind.Object)
                newest = member.Value;
        return newest;
    }

    // The cases hold only what rotary positions need; the rest is filled in to make a whole configuration.
    private static DecoderSpec Spec(string name, JsonElement config, string path)
    {
        var keys = config.EnumerateObject().Select(m => $"{JsonSerializer.Serialize(m.Name)}: {m.Value.GetRawText()}");
        return Architectures.Parse(
            $$"""{{{string.Join(", ", keys)}}, "model_type": "llama", "vocab_size": 10, "intermediate_size": 8, "num_hidden_layers": 1}""",
            $"{path}, case {name}");
    }

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(n => n.GetDouble())];
}
