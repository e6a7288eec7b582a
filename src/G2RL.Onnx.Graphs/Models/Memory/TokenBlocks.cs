using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// What treats every token alike, so many of them at a time: a block ends before the next begins, and the backward pass computes it again,
/// so that what lies between its first and its last value is held for one block alone.
/// </summary>
internal static class TokenBlocks
{
    /// <summary>Writes the blocks.</summary>
    /// <param name="op">Receives the nodes.</param>
    /// <param name="x">All tokens, along the first axis.</param>
    /// <param name="count">Blocks, 2 to 64.</param>
    /// <param name="write">Writes what becomes of a block, whose tokens lie along the first axis, too.</param>
    public static Value Run(OpBuilder op, Value x, int count, Func<Value, Value> write) => op.Recompute(
        () => op.ReshapeLike(op.Concat(0, [.. op.SplitEvenly(x, 0, count).Select(write)]), x),
        (at, learns, gradient) =>
            Backward(op, op.SplitEvenly(at(x), 0, count), op.SplitEvenly(gradient, 0, count), write, learns, x));

    private static IReadOnlyList<(Value, Value)> Backward(
        OpBuilder op,
        Value[] blocks,
        Value[] gradients,
        Func<Value, Value> write,
        Predicate<Value> learns,
        Value x)
    {
        var ofBlocks = new List<Value>();
        var sums = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < blocks.Length; i++)
        {
            Value[] read = [blocks[i], gradients[i]];
            if (i > 0)
                read = op.AllAfter(read, [ofBlocks[^1], .. sums.Values]);
            var first = op.Graph.Nodes.Count;
            var made = write(read[0]);
            Node[] nodes = [.. op.Graph.Nodes.Skip(first)];
            Value[] weights = [.. nodes.SelectMany(n => n.Inputs).OfType<Value>().Where(v => v != read[0] && learns(v)).Distinct()];
            var found = Differentiator.Backward(op, nodes, regions: [], [(made, read[1])], [read[0], .. weights], GradientRules.All);
            ofBlocks.Add(found[read[0]]);
            foreach (var weight in weights)
                sums[weight] = sums.TryGetValue(weight, out var sum) ? GradientSums.Add(op, sum, found[weight]) : found[weight];
        }
        // Whoever waits for the tokens' gradient waits for the last block's products, too.
        ofBlocks[^1] = op.AllAfter([ofBlocks[^1]], [.. sums.Values]).Single();
        return [(x, op.ReshapeLike(op.Concat(0, [.. ofBlocks]), x)), .. sums.Select(s => (s.Key, s.Value))];
    }
}
