namespace G2RL.Onnx.Models.Rotary;

/// <summary>
/// A pair of graph inputs that holds cosines and sines of every position, each [P, Width / 2], attention scaling included.
/// </summary>
/// <param name="Cos">Name of the input with the cosines.</param>
/// <param name="Sin">Name of the input with the sines.</param>
/// <param name="Rope">Base and scaling.</param>
/// <param name="Width">How many numbers of a head are rotated.</param>
public sealed record RotaryTable(string Cos, string Sin, RopeSpec Rope, int Width)
{
    /// <summary>
    /// The tables that a model's graphs read: one, two where local layers turn otherwise, none where positions are learned.
    /// </summary>
    public static IReadOnlyList<RotaryTable> Of(DecoderSpec spec)
    {
        var width = spec.RotaryDimension ?? spec.HeadDimension;
        var tables = new List<RotaryTable>();
        if (spec.Rope is { } rope && Enumerable.Range(0, spec.Layers).Any(layer => !spec.IsLocal(layer)))
            tables.Add(new(DecoderGraph.RopeCos, DecoderGraph.RopeSin, rope, width));
        if (spec.LocalRope is { } local && Enumerable.Range(0, spec.Layers).Any(spec.IsLocal))
            tables.Add(new(DecoderGraph.LocalRopeCos, DecoderGraph.LocalRopeSin, local, width));
        return tables;
    }
}
