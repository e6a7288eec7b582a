using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Training.Logging;

/// <summary>The machine and the software behind a run.</summary>
public static class RunEnvironment
{
    /// <summary>Operating system, runtime, processor and versions.</summary>
    public static JsonObject Describe() => new()
    {
        ["g2rl"] = typeof(RunEnvironment).Assembly.GetName().Version?.ToString(3),
        ["os"] = RuntimeInformation.OSDescription,
        ["runtime"] = RuntimeInformation.FrameworkDescription,
        ["architecture"] = RuntimeInformation.ProcessArchitecture.ToString(),
        ["processor"] = Processor(),
        ["cores"] = Environment.ProcessorCount,
        ["memory_mib"] = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20,
        ["onnxruntime"] = OrtEnv.Instance().GetVersionString(),
        ["vector_bits"] = System.Numerics.Vector<byte>.Count * 8,
    };

    private static string Processor()
    {
        const string path = "/proc/cpuinfo";
        var line = File.Exists(path) ? File.ReadLines(path).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line is null ? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown" : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}
