using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// The weights that an <see cref="AdapterSpec"/> implies, under PEFT's names without its prefix, and the nodes that read them.
/// </summary>
internal static class AdapterParameters
{
    /// <summary>The base weights as they are stored, then A and B of every module with an adapter, in the order of the modules.</summary>
    public static IReadOnlyList<ParameterSpec> Of(DecoderSpec spec, IReadOnlyList<ParameterSpec> own)
    {
        if (spec is { Adapter: null, Storage: WeightStorage.Float32 })
            return own;
        var modules = LinearModule.Of(spec);
        if (spec.Storage != WeightStorage.Float32)
        {
            var narrow = modules.Select(m => m.Name + ".weight").ToHashSet(StringComparer.Ordinal);
            own = [.. own.Select(p => narrow.Contains(p.Name) ? p with { Storage = spec.Storage } : p)];
        }
        if (spec.Adapter is not { } adapter)
            return own;
        return [.. own, .. modules.Where(m => adapter.Covers(m.Name)).SelectMany(m => new[]
        {
            new ParameterSpec(m.Name + AdapterSpec.DownSuffix, [adapter.Rank, m.Inputs], "rank x inputs") { IsAdapter = true },
            new ParameterSpec(m.Name + AdapterSpec.UpSuffix, [m.Outputs, adapter.Rank], "outputs x rank") { IsAdapter = true },
        })];
    }

    /// <summary>y + scale (x A^T) B^T where the module has an adapter, else y. With B zero every bit of y stays.</summary>
    public static Value Added(OpBuilder op, DecoderSpec spec, string module, Value x, Value y)
    {
        if (spec.Adapter is not { } adapter || !adapter.Covers(module))
            return y;
        var down = op.Gemm(x, op.Graph[module + AdapterSpec.DownSuffix], transposeB: true);
        return op.Gemm(op.Mul(down, op.Scalar(adapter.Scale)), op.Graph[module + AdapterSpec.UpSuffix], y, transposeB: true);
    }
}
