namespace G2RL.Onnx.Models;

/// <summary>How <see cref="DecoderGraph.Decode"/> reads its cache.</summary>
public enum CacheAttention
{
    /// <summary>
    /// GroupQueryAttention, which reads what a row has filled: on the CPU in float32, on CUDA in float16 and bfloat16 only.
    /// </summary>
    Grouped,

    /// <summary>
    /// Scatter, two products and a softmax in ONNX's own operators, in any type. A new token's place in the cache is its position, so
    /// positions must not come twice in a row. The whole capacity is read at every step, and what is not filled must be finite: zero the
    /// cache once. seqlens_k and total_sequence_length stay inputs, unread.
    /// </summary>
    Plain,

    /// <summary>
    /// Operators of ours throughout (<see cref="G2RL.Onnx.Graphs.Fused.FusedOperators"/>): sessions on the CPU in float32. A row's numbers
    /// depend on that row alone, whatever is computed beside it. total_sequence_length stays an input, unread.
    /// </summary>
    Fused,
}
