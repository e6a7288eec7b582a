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
        Assert.AreEqual(Avx2.IsSupported, described["instruction_sets"]!.GetValue<string>().Split(' ').Contains("avx2"));
        Assert.AreEqual(Sse42.IsSupported, described["instruction_sets"]!.GetValue<string>().Split(' ').Contains("sse4.2"));
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
