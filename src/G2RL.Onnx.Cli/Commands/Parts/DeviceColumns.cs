using System.Globalization;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Diagnosis;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>The memory columns of a run's devices, none of which needs to be here: then each is taken for one of 80 GB.</summary>
internal static class DeviceColumns
{
    /// <summary>The columns.</summary>
    /// <param name="config">The run; where it runs on the host, the host comes first and one GPU in bfloat16 beside it.</param>
    /// <param name="spec">The model, adapters included.</param>
    public static IReadOnlyList<MemoryColumn> Of(RunConfig config, DecoderSpec spec)
    {
        var execution = config.Execution;
        if (execution.Lead == ExecutionConfig.Cpu)
        {
            var threads = execution.Threads > 0 ? execution.Threads : Environment.ProcessorCount;
            return
            [
                new("cpu, float32", MemoryFit.Available, c => MemoryPlan.Of(c, spec, threads)),
                Lead(config, "cuda:0", MemoryFit.EightyGigabytes, spec, ElementType.BFloat16),
            ];
        }
        var type = Enum.Parse<ElementType>(execution.Precision, ignoreCase: true);
        var here = CudaProbe.Look().Devices;
        long BytesOf(string device)
        {
            var ordinal = int.Parse(device.AsSpan(device.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture);
            return here.FirstOrDefault(d => d.Ordinal == ordinal)?.Bytes ?? MemoryFit.EightyGigabytes;
        }
        return
        [
            Lead(config, execution.Lead, BytesOf(execution.Lead), spec, type),
            .. execution.Devices.Skip(1).Select(device => new MemoryColumn(
                $"{Label(device, BytesOf(device), type)}: draws, scores",
                BytesOf(device),
                c => MemoryPlan.OfFollower(c, spec, type, BytesOf(device)))
            { Trains = false }),
        ];
    }

    private static MemoryColumn Lead(RunConfig config, string device, long bytes, DecoderSpec spec, ElementType type)
    {
        // As asked, not in fewer rows that need no recomputation.
        MemoryPlan Smallest(RunConfig c) => MemoryPlan.OfDevice(
            c.Training.Recompute == Recomputation.Auto ? c with { Training = c.Training with { Recompute = Recomputation.Layers } } : c,
            spec,
            type,
            bytes);
        return new(Label(device, bytes, type), bytes, c => MemoryPlan.OfDevice(c, spec, type, bytes))
        {
            Smallest = Smallest,
            // Some seconds of a large model: where a GPU was asked for.
            Longest = config.Execution.Lead == ExecutionConfig.Cpu ? null : c => MemoryFit.LongestSequence(
                c, bytes, spec.MaxPositions, length => KvCache.BytesPerRow(spec, length, type.Size()), Smallest),
        };
    }

    private static string Label(string device, long bytes, ElementType type) =>
        $"{device} of {(bytes == MemoryFit.EightyGigabytes ? "80 GB" : $"{bytes >> 30} GiB")}, {type.ToString().ToLowerInvariant()}";
}
