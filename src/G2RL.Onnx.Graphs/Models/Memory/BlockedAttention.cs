using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// Causal attention in blocks of queries, each over the keys up to the block's end, so that what lies above the diagonal is not computed
/// and no tensor of T x T exists. The backward pass takes the blocks in the same order, computes a block's shares again, and adds what it
/// gives to keys and values before the next block begins: the sums grow with what has been seen, and one block's parts are held at a time.
/// </summary>
/// <remarks>Standard operators; the recomputation is that of FlashAttention, arXiv:2205.14135, a whole row of shares at a time.</remarks>
internal sealed class BlockedAttention
{
    private readonly OpBuilder op;
    private readonly DecoderBlocks blocks;
    private readonly Value[] places;
    private readonly Value[] masks;

    /// <param name="op">Receives the nodes.</param>
    /// <param name="blocks">The decoder's own attention, used for each block.</param>
    /// <param name="mask">1 on tokens, 0 on padding [B, T].</param>
    /// <param name="count">Blocks, 2 to 64.</param>
    public BlockedAttention(OpBuilder op, DecoderBlocks blocks, Value mask, int count)
    {
        (this.op, this.blocks) = (op, blocks);
        places = op.SplitEvenly(blocks.Places(), 0, count);
        masks = op.SplitEvenly(mask, 1, count);
    }

    /// <summary>Queries [B, T, heads, head_dim], keys and values [B, T, kv heads, head_dim] -> [B*T, heads * head_dim].</summary>
    public Value Run(Value q, Value k, Value v, int window)
    {
        Value Forward()
        {
            var (queries, keys, values) = (Parts(q), Parts(k), Parts(v));
            var all = op.Concat(1, [.. queries.Select((query, i) => Block(i, query, UpTo(keys, i, 1), UpTo(values, i, 1), window))]);
            return op.Reshape(all, -1, all.Shape[2].Size);
        }

        return op.Recompute(Forward, (at, _, gradient) =>
        {
            var (ofQueries, ofKeys, ofValues) = Backward(Parts(at(q)), Parts(at(k)), Parts(at(v)), gradient, window);
            return [(q, ofQueries), (k, ofKeys), (v, ofValues)];
        });
    }

    // dS of a block is that of its queries alone; dK and dV are sums over all blocks that see a key.
    private (Value Queries, Value Keys, Value Values) Backward(Value[] queries, Value[] keys, Value[] values, Value gradient, int window)
    {
        var gradients = Parts(blocks.ByRow(gradient, (int)gradient.Shape[1].Size));
        var ofQueries = new List<Value>();
        Value? ofKeys = null, ofValues = null;
        for (var i = 0; i < queries.Length; i++)
        {
            Value[] read = [queries[i], keys[0], values[0], gradients[i]];
            if (ofKeys is not null)
                read = op.AllAfter(read, ofQueries[^1], ofKeys, ofValues!);
            var (query, own) = (read[0], read[3]);
            var (seenKeys, seenValues) = (UpTo([read[1], .. keys[1..]], i, 1), UpTo([read[2], .. values[1..]], i, 1));
            var first = op.Graph.Nodes.Count;
            var mixed = Block(i, query, seenKeys, seenValues, window);
            var found = Differentiator.Backward(
                op,
                [.. op.Graph.Nodes.Skip(first)],
                regions: [],
                [(mixed, own)],
                [query, seenKeys, seenValues],
                GradientRules.All);
            ofQueries.Add(found[query]);
            (ofKeys, ofValues) = (Sum(ofKeys, found[seenKeys], keys[i]), Sum(ofValues, found[seenValues], values[i]));
        }
        return (op.Concat(1, [.. ofQueries]), ofKeys!, ofValues!);
    }

    // What was seen before, and a block beyond it of which nothing was.
    private Value Sum(Value? before, Value found, Value beyond) => before is null
        ? found
        : op.Add(op.ReshapeLike(op.Concat(1, before, op.ZerosLike(beyond)), found), found);

    private Value Block(int i, Value query, Value keys, Value values, int window) => blocks.PartialAttention(
        query,
        keys,
        values,
        blocks.CausalBias(places[i], UpTo(places, i, 0), UpTo(masks, i, 1), window));

    private Value[] Parts(Value x) => op.SplitEvenly(x, 1, places.Length);

    private Value UpTo(Value[] parts, int last, int axis) => last == 0 ? parts[0] : op.Concat(axis, parts[..(last + 1)]);
}
