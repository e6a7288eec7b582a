using G2RL.Onnx.Execution.Kernels.Attention;
using G2RL.Onnx.Execution.Kernels.Products;
using G2RL.Onnx.Execution.Kernels.Simd;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>The memory that operators take beside inputs and outputs while they run: what no value of a graph shows.</summary>
internal static class KernelScratch
{
    /// <summary>Bytes of a node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="length">Lengths of its axes.</param>
    /// <param name="threads">Threads that work on it at once.</param>
    public static long Of(Node node, Func<Dimension, long> length, int threads)
    {
        long Axis(int input, int axis) => length(node.Inputs[input]!.Shape[axis]);
        // Parts of the work that are at hand at once, each with a block of its own.
        long Parts(long parts) => Math.Clamp(parts, 1, threads);
        var floats = node.Op switch
        {
            "Product" => Product(node, Axis, Parts),
            "RmsNormGrad" => RmsNorm.Scratch(
                node.Inputs[1]!.Shape.Aggregate(1L, (product, axis) => product * length(axis)) / Axis(2, 0),
                Axis(2, 0)),
            "CausalAttention" => Parts(Axis(0, 0) * Axis(1, 2))
                * CausalAttention<Simd512, Simd512>.ForwardScratch(Whole(Axis(0, 1)), Whole(Axis(0, 3))),
            "CausalAttentionGrad" => Parts(Axis(1, 0) * Axis(2, 2))
                * CausalAttention<Simd512, Simd512>.BackwardScratch(Whole(Axis(1, 1)), Whole(Axis(1, 3))),
            "RowProduct" or "RowProducts" => RowProduct<Simd512>.Scratch(Axis(0, 0), Axis(0, 1)),
            "CachedAttention" or "CachedAttentionBFloat16" or "CachedAttentionInt8" => CacheState.Scratch(
                Axis(0, 0) * Axis(0, 1),
                Axis(0, 2),
                Axis(1, 2),
                Axis(3, 2),
                Axis(3, 3),
                threads),
            "GroupQueryAttention" => Grouped(node, Axis),
            _ => 0,
        };
        return floats * sizeof(float);
    }

    private static long Product(Node node, Func<int, int, long> axis, Func<long, long> parts)
    {
        var (turnA, turnB) = (node.Int("transA", 0) != 0, node.Int("transB", 0) != 0);
        var (rows, columns) = (axis(0, turnA ? 1 : 0), axis(1, turnB ? 0 : 1));
        return parts((columns + MatrixProduct<Simd512>.MostColumns - 1) / MatrixProduct<Simd512>.MostColumns)
            * (node.Int(FusedOperators.InTurn, 0) == 1
                ? MatrixProduct<Simd512>.ScratchInTurn(rows, axis(0, turnA ? 0 : 1), columns, turnA)
                : MatrixProduct<Simd512>.Scratch(rows, columns, turnA));
    }

    // ONNX Runtime's: the shares of every head, and queries, keys and values once more with heads before tokens.
    private static long Grouped(Node node, Func<int, int, long> axis)
    {
        var (rows, tokens, width, positions) = (axis(0, 0), axis(0, 1), axis(0, 2), axis(3, 2));
        return (rows * node.Int("num_heads", 1) * tokens * positions) + (rows * tokens * (width + axis(1, 2) + axis(2, 2)));
    }

    private static long Whole(long length) => (length + 15) / 16 * 16;
}
