using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// Causal attention in blocks of queries, each over the keys up to the block's end, so that what lies above the diagonal is not computed
/// and no tensor of T x T exists. The backward pass computes a block's shares again.
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
        var (queries, keys, values) =
            (op.SplitEvenly(q, 1, places.Length), op.SplitEvenly(k, 1, places.Length), op.SplitEvenly(v, 1, places.Length));
        var mixed = new Value[places.Length];
        for (var i = 0; i < mixed.Length; i++)
        {
            var block = i;
            mixed[i] = op.Recompute(() => blocks.PartialAttention(
                queries[block],
                UpTo(keys, block, 1),
                UpTo(values, block, 1),
                blocks.CausalBias(places[block], UpTo(places, block, 0), UpTo(masks, block, 1), window)));
        }
        var all = op.Concat(1, mixed);
        return op.Reshape(all, -1, all.Shape[2].Size);
    }

    private Value UpTo(Value[] parts, int last, int axis) => last == 0 ? parts[0] : op.Concat(axis, parts[..(last + 1)]);
}
