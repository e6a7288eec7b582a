using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Training.Logging;

/// <summary>The machine and the software behind a run.</summary>
public static class RunEnvironment
{
    private const string ProcessorFile = "/proc/cpuinfo";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    // By these ONNX Runtime chooses its kernels; it asks the processor itself, whatever .NET may use.
    private static readonly string[] Features =
    [
        "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni",
        "amx_tile", "amx_int8", "amx_bf16",
        "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2", "sme",
    ];

    // Where one of these is another, sums may be rounded in another way. The rest only says where a run was.
    private static readonly string[] Rounding =
        ["build", "runtime", "architecture", "onnxruntime", "vector_bits", "instruction_sets", "processor_features"];

    /// <summary>Operating system, runtime, processor, instruction sets and versions.</summary>
    public static JsonObject Describe() => Describe(File.Exists(ProcessorFile) ? File.ReadAllLines(ProcessorFile) : []);

    /// <summary>The same with what Linux says of the processor.</summary>
    /// <param name="processor">Lines of /proc/cpuinfo; none elsewhere.</param>
    internal static JsonObject Describe(string[] processor) => new()
    {
        ["g2rl"] = typeof(RunEnvironment).Assembly.GetName().Version?.ToString(3),
        ["build"] = typeof(RunEnvironment).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion,
        ["os"] = RuntimeInformation.OSDescription,
        ["runtime"] = RuntimeInformation.FrameworkDescription,
        ["architecture"] = RuntimeInformation.ProcessArchitecture.ToString(),
        ["processor"] = Lines(processor, "model name").FirstOrDefault()
            ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown",
        ["cores"] = Environment.ProcessorCount,
        ["memory_mib"] = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20,
        ["onnxruntime"] = OrtEnv.Instance().GetVersionString(),
        ["vector_bits"] = System.Numerics.Vector<byte>.Count * 8,
        ["instruction_sets"] = InstructionSets(),
        ["processor_features"] = string.Join(
            ' ',
            Lines(processor, "flags").Concat(Lines(processor, "Features"))
                .Take(1)
                .SelectMany(l => l.Split(' '))
                .Intersect(Features, StringComparer.Ordinal)),
    };

    /// <summary>The description as the text of environment.json.</summary>
    internal static string ToJson() => Describe().ToJsonString(Indented) + "\n";

    /// <summary>
    /// What may make sums round differently on one machine than on another; what one of them does not tell counts as the same.
    /// </summary>
    /// <param name="before">A description.</param>
    /// <param name="after">Another.</param>
    internal static IReadOnlyList<SettingChange> Differences(JsonObject before, JsonObject after) =>
    [
        .. Rounding.Where(name => before[name] is not null && after[name] is not null && !JsonNode.DeepEquals(before[name], after[name]))
            .Select(name => new SettingChange(name, before[name]!.ToJsonString(), after[name]!.ToJsonString())),
    ];

    // What .NET may use, and so the kernels here: DOTNET_EnableAVX2=0 and its kin take some away.
    private static string InstructionSets()
    {
        (string Name, bool Is)[] all =
        [
            ("sse4.2", Sse42.IsSupported), ("avx", Avx.IsSupported), ("avx2", Avx2.IsSupported), ("fma", Fma.IsSupported),
            ("avx512f", Avx512F.IsSupported),
            ("advsimd", AdvSimd.IsSupported), ("dp", Dp.IsSupported),
        ];
        return string.Join(' ', all.Where(s => s.Is).Select(s => s.Name));
    }

    private static IEnumerable<string> Lines(string[] processor, string name) => processor
        .Where(l => l.StartsWith(name, StringComparison.Ordinal) && l.Contains(':', StringComparison.Ordinal))
        .Select(l => l[(l.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim());
}
