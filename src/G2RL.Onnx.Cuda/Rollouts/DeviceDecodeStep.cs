using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Graphs;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// Device memory that a call of the decode graph reads and writes; several calls may share it, since all are in stream order.
/// </summary>
/// <param name="Ids">input_ids, int64.</param>
/// <param name="Places">position_ids, int64, from a byte on.</param>
/// <param name="PlaceOffset">The byte.</param>
/// <param name="Ends">seqlens_k, int32, from a byte on.</param>
/// <param name="EndOffset">The byte.</param>
/// <param name="Logits">[rows, V], of a single row too room for two.</param>
/// <param name="Hidden">[rows, D], likewise.</param>
internal sealed record DecodeMemory(
    DeviceBuffer Ids,
    DeviceBuffer Places,
    long PlaceOffset,
    DeviceBuffer Ends,
    long EndOffset,
    DeviceBuffer Logits,
    DeviceBuffer Hidden);

/// <summary>Which decode graph a lane runs, and how.</summary>
/// <param name="Serves">Whether it is the serving graph.</param>
/// <param name="Captures">Whether steps are captured as CUDA graphs, with the cache's length for total length.</param>
/// <param name="Logits">Type of the logits.</param>
internal sealed record DecodeKind(bool Serves, bool Captures, ElementType Logits)
{
    /// <summary>Bytes of a logit.</summary>
    public int LogitBytes => Logits == ElementType.Float32 ? sizeof(float) : sizeof(short);
}

/// <summary>One bound call of the decode graph over rows [first, first + rows) of a cache, the same number of new tokens each.</summary>
internal sealed class DeviceDecodeStep : IDisposable
{
    private readonly DeviceBinding binding;
    private readonly DeviceBuffer last;
    private readonly int[] longest = new int[1];
    private readonly int total;
    private readonly int tokens;
    private readonly int read;

    /// <summary>Binds everything.</summary>
    /// <param name="session">The decode graph's.</param>
    /// <param name="memory">The device's memory.</param>
    /// <param name="policy">The weights.</param>
    /// <param name="cache">Keys and values.</param>
    /// <param name="at">Inputs and outputs.</param>
    /// <param name="vocabulary">V</param>
    /// <param name="width">D</param>
    /// <param name="first">First row of the cache.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="tokens">New tokens of each.</param>
    /// <param name="kind">Which graph.</param>
    /// <param name="graph">Number of the CUDA graph as which the call is captured; none for prompts, whose lengths vary.</param>
    public DeviceDecodeStep(
        DeviceSession session,
        DeviceMemory memory,
        DevicePolicy policy,
        DeviceCache cache,
        DecodeMemory at,
        int vocabulary,
        int width,
        int first,
        int rows,
        int tokens,
        DecodeKind kind,
        int graph = DeviceBinding.NotCaptured)
    {
        this.tokens = tokens;
        total = graph != DeviceBinding.NotCaptured ? cache.Positions : 0;
        // Logits of two rows at least: a product of one takes another path and gives other bits.
        read = Math.Max(2, rows);
        last = memory.Allocate(Purpose.Small, read * sizeof(long));
        Point([.. Enumerable.Repeat(tokens, rows)]);
        binding = session.Bind();
        if (kind.Captures)
            binding.Capture(graph);
        if (kind.Serves)
            policy.ServeTo(binding);
        else
            policy.BindTo(binding);
        cache.BindTo(binding, first, rows);
        binding.Input("input_ids", at.Ids, TensorElementType.Int64, 0, rows, tokens);
        if (!kind.Serves)
            binding.Input("position_ids", at.Places, TensorElementType.Int64, at.PlaceOffset, rows, tokens);
        binding.Input("rows", last, TensorElementType.Int64, 0, read);
        binding.Input("seqlens_k", at.Ends, TensorElementType.Int32, at.EndOffset, rows);
        // The operator reads this one on the host.
        binding.HostInput("total_sequence_length", longest, 1);
        binding.Output("logits", at.Logits, (TensorElementType)(int)kind.Logits, 0, read, vocabulary);
        binding.Output("last_hidden_state", at.Hidden, TensorElementType.Float, 0, read, width);
    }

    /// <summary>Says how many of the new tokens of each row count: the last of them gives the row's logits.</summary>
    public void Point(ReadOnlySpan<int> lengths)
    {
        var at = new long[read];
        for (var row = 0; row < read; row++)
        {
            var given = Math.Min(row, lengths.Length - 1);
            at[row] = ((long)given * tokens) + lengths[given] - 1;
        }
        last.Write<long>(at);
    }

    /// <summary>Runs the graph, in stream order.</summary>
    /// <param name="longestRow">Tokens of the longest row after this call.</param>
    public void Run(int longestRow)
    {
        longest[0] = total > 0 ? total : longestRow;
        binding.Run();
    }

    public void Dispose()
    {
        binding.Dispose();
        last.Dispose();
    }
}
