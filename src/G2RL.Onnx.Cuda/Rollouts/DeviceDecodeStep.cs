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
/// <param name="Logits">[rows, V]</param>
/// <param name="Hidden">[rows, D]</param>
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
/// <param name="Captures">Whether steps are captured as CUDA graphs, with the capacity for total length.</param>
/// <param name="Logits">Type of the logits.</param>
/// <param name="Capacity">Positions of a row.</param>
internal sealed record DecodeKind(bool Serves, bool Captures, ElementType Logits, int Capacity)
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
        DecodeKind kind)
    {
        total = kind is { Captures: true, Capacity: var capacity } && tokens == 1 ? capacity : 0;
        last = memory.Allocate(Purpose.Small, rows * sizeof(long));
        last.Write<long>([.. Enumerable.Range(1, rows).Select(row => ((long)row * tokens) - 1)]);
        binding = session.Bind();
        if (kind.Captures)
            // A prompt is not captured: its length comes once.
            binding.Capture(total > 0 ? rows : DeviceBinding.NotCaptured);
        if (kind.Serves)
            policy.ServeTo(binding);
        else
            policy.BindTo(binding);
        cache.BindTo(binding, first, rows);
        binding.Input("input_ids", at.Ids, TensorElementType.Int64, 0, rows, tokens);
        if (!kind.Serves)
            binding.Input("position_ids", at.Places, TensorElementType.Int64, at.PlaceOffset, rows, tokens);
        binding.Input("rows", last, TensorElementType.Int64, 0, rows);
        binding.Input("seqlens_k", at.Ends, TensorElementType.Int32, at.EndOffset, rows);
        // The operator reads this one on the host.
        binding.HostInput("total_sequence_length", longest, 1);
        binding.Output("logits", at.Logits, (TensorElementType)(int)kind.Logits, 0, rows, vocabulary);
        binding.Output("last_hidden_state", at.Hidden, TensorElementType.Float, 0, rows, width);
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
