using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class RunEnvironmentTests
{
    private static readonly string[] Names =
    [
        "g2rl", "build", "os", "runtime", "architecture", "processor", "cores", "memory_mib", "onnxruntime", "vector_bits",
        "instruction_sets", "processor_features",
    ];

    [TestMethod]
    public void Describe_EachName_HasAValueOfThisMachine()
    {
        var described = RunEnvironment.Describe();
        CollectionAssert.AreEqual(Names, described.Select(d => d.Key).ToArray());
        foreach (var (name, value) in described)
            Assert.IsFalse(value is null || (name != "processor_features" && value.ToString().Length == 0), name);
        Assert.AreEqual(Environment.ProcessorCount, described["cores"]!.GetValue<int>());
        Assert.AreEqual(typeof(RunEnvironment).Assembly.GetName().Version!.ToString(3), described["g2rl"]!.GetValue<string>());
        StringAssert.StartsWith(described["build"]!.GetValue<string>(), described["g2rl"]!.GetValue<string>());
        Assert.AreEqual(
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1048576.0, described["memory_mib"]!.GetValue<long>(), 1, "MiB");
        Assert.AreEqual(8 * System.Numerics.Vector<byte>.Count, described["vector_bits"]!.GetValue<int>());
        (string Name, bool Is)[] sets =
        [
            ("sse4.2", Sse42.IsSupported), ("avx", Avx.IsSupported), ("avx2", Avx2.IsSupported), ("fma", Fma.IsSupported),
            ("avx512f", Avx512F.IsSupported), ("advsimd", AdvSimd.IsSupported), ("dp", Dp.IsSupported),
        ];
        Assert.AreEqual(
            string.Join(' ', sets.Where(s => s.Is).Select(s => s.Name)), described["instruction_sets"]!.GetValue<string>());
        Assert.IsTrue(JsonNode.DeepEquals(described, JsonNode.Parse(RunEnvironment.ToJson())));
        StringAssert.EndsWith(RunEnvironment.ToJson(), "}\n");
        StringAssert.Contains(RunEnvironment.ToJson(), "\n  \"os\": ");
    }

    [TestMethod]
    public void Describe_Processor_IsWhatTheKernelSays()
    {
        if (!File.Exists("/proc/cpuinfo"))
            Assert.Inconclusive("There is no /proc/cpuinfo.");
        var text = File.ReadAllText("/proc/cpuinfo");
        var described = RunEnvironment.Describe();
        var features = described["processor_features"]!.GetValue<string>().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var flags = text.Split('\n').First(l => l.StartsWith("flags") || l.StartsWith("Features"))[9..].Split(' ', ':', '\t');
        foreach (var known in "avx avx2 fma f16c avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 avx_vnni amx_tile amx_int8 "
            .Split(' ').Concat("amx_bf16 asimd asimddp asimdhp i8mm bf16 sve sve2 sme".Split(' ')).Where(k => k.Length > 0))
            Assert.AreEqual(flags.Contains(known), features.Contains(known), known);
        if (text.Contains("model name"))
            StringAssert.Contains(text, $": {described["processor"]!.GetValue<string>()}\n");
    }

    // The first processor's lines, whatever stands behind them; names in the order of the kernel, of those that matter.
    [TestMethod]
    [DataRow(
        "processor : 0\nmodel name\t: A: one\nflags\t\t: fpu avx f16c avx2 fma avx512f avx512bw avx512vl avx512_vnni avx512_bf16 "
            + "avx512_fp16 avx_vnni amx_tile amx_int8 amx_bf16 sse4_2\nmodel name\t: B\nflags\t\t: avx\nFeatures : sve",
        "A: one",
        "avx f16c avx2 fma avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 avx_vnni amx_tile amx_int8 amx_bf16")]
    [DataRow(
        "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp sve sve2 i8mm bf16 sme aes\nFeatures\t: fp",
        null,
        "asimd asimdhp asimddp sve sve2 i8mm bf16 sme")]
    [DataRow("model name without a colon\nflags without one", null, "")]
    [DataRow("", null, "")]
    public void Describe_LinesOfTheKernel_GiveProcessorAndFeatures(string lines, string? processor, string features)
    {
        var described = RunEnvironment.Describe(lines.Split('\n'));
        Assert.AreEqual(features, described["processor_features"]!.GetValue<string>());
        Assert.AreEqual(
            processor ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown",
            described["processor"]!.GetValue<string>());
    }

    // Elsewhere than on Linux a variable names it.
    [TestMethod]
    public void Describe_NoLines_TakesTheVariable()
    {
        const string name = "PROCESSOR_IDENTIFIER";
        var before = Environment.GetEnvironmentVariable(name);
        try
        {
            Environment.SetEnvironmentVariable(name, "Family 6");
            Assert.AreEqual("Family 6", RunEnvironment.Describe([])["processor"]!.GetValue<string>());
            Assert.AreEqual("X", RunEnvironment.Describe(["model name : X"])["processor"]!.GetValue<string>());
        }
        finally
        {
            Environment.SetEnvironmentVariable(name, before);
        }
    }

    [TestMethod]
    public void Differences_AreOfWhatRounds()
    {
        string[] rounds = ["build", "runtime", "architecture", "onnxruntime", "vector_bits", "instruction_sets", "processor_features"];
        foreach (var name in Names)
        {
            var (before, after) = (RunEnvironment.Describe(), RunEnvironment.Describe());
            Assert.IsEmpty(RunEnvironment.Differences(before, after));
            after[name] = "other";
            var told = RunEnvironment.Differences(before, after);
            Assert.AreEqual(rounds.Contains(name) ? 1 : 0, told.Count, name);
            if (told.Count > 0)
                Assert.AreEqual((name, before[name]!.ToJsonString(), "\"other\""), (told[0].Name, told[0].From, told[0].To));
            after.Remove(name);
            Assert.IsEmpty(RunEnvironment.Differences(before, after), name);
            Assert.IsEmpty(RunEnvironment.Differences(after, before), name);
        }
    }
}
