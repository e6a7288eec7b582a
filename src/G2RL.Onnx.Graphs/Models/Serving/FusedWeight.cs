namespace G2RL.Onnx.Models;

/// <summary>Parameters that lie one behind the other in memory and are read as one matrix [sum of rows, columns] or vector.</summary>
/// <param name="Name">The graph input's name.</param>
/// <param name="Parts">The parameters' names, in order.</param>
/// <param name="Shape">Of the whole.</param>
internal sealed record FusedWeight(string Name, IReadOnlyList<string> Parts, IReadOnlyList<long> Shape)
{
    /// <summary>What the serving graph of a model reads fused: queries, keys and values; gate and up.</summary>
    public static IReadOnlyList<FusedWeight> Of(DecoderSpec spec)
    {
        var names = DecoderNames.Of(spec);
        var shapes = spec.Parameters.ToDictionary(p => p.Name, p => p.Shape, StringComparer.Ordinal);
        var found = new List<FusedWeight>();
        for (var layer = 0; layer < spec.Layers; layer++)
            foreach (var (parts, whole) in new[] { (names.QueryKeyValue, QueryKeyValue), (names.GateUp, GateUp) })
                foreach (var suffix in new[] { ".weight", ".bias" })
                {
                    string[] own = [.. parts.Select(p => names.Prefix(layer) + p + suffix)];
                    if (!own.All(shapes.ContainsKey))
                        continue;
                    var rows = own.Sum(p => (long)shapes[p][0]);
                    found.Add(new(names.Prefix(layer) + whole + suffix, own, [rows, .. shapes[own[0]].Skip(1).Select(n => (long)n)]));
                }
        return found;
    }

    internal const string QueryKeyValue = "fused.qkv";

    internal const string GateUp = "fused.gate_up";
}
