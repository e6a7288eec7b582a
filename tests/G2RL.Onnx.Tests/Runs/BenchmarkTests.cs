using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Runs;

/// <summary>What of an evaluation's settings a benchmark takes, and that none of its problems is trained on.</summary>
[TestClass]
public sealed class BenchmarkTests
{
    [TestMethod]
    public void Open_EachBenchmark_TakesItsOwnNumbersOrTheEvaluations()
    {
        var config = new EvaluationConfig
        {
            Problems = 7,
            Samples = 3,
            Benchmarks = [new() { Set = "arithmetic" }, new() { Set = "arithmetic", Name = "own", Problems = 2, Samples = 5 }],
        };
        Assert.AreEqual("arithmetic 7 3, own 2 5", Told(config));
        // The best answer is one.
        Assert.AreEqual("arithmetic 7 1, own 2 1", Told(config with { Greedy = true }));

        static string Told(EvaluationConfig c) =>
            string.Join(", ", Benchmark.Open(c).Select(b => $"{b.Name} {b.Problems} {b.Samples}"));
    }

    [TestMethod]
    public void RefuseOverlap_QuestionsOfABenchmark_AreNamedFiveAtMost()
    {
        Problem[] train = [.. Enumerable.Range(0, 9).Select(i => new Problem($"t{i}", $"asked: {i}", "") { Question = $"{i}" })];
        Benchmark Bench(string name, params int[] questions) => new(
            name,
            Set([new("own", "own", "")], [.. questions.Select(q => new Problem($"{name}/{q}", $"{q}", ""))]),
            1,
            1);
        Benchmark.RefuseOverlap([], Set(train, []));
        Benchmark.RefuseOverlap([Bench("b", 10, 11)], Set(train, []));
        Assert.AreEqual(
            "1 training problems are in a benchmark, too (t1 = b b/1); "
                + "training on them would spoil it. Remove them from the training file.",
            Assert.ThrowsExactly<InputException>(
                () => Benchmark.RefuseOverlap([Bench("b", 1, 10), Bench("c", 1)], Set(train, []))).Message);
        Assert.AreEqual(
            "6 training problems are in a benchmark, too (t0 = b b/0, t1 = b b/1, t2 = b b/2, t3 = c c/3, t4 = c c/4); "
                + "training on them would spoil it. Remove them from the training file.",
            Assert.ThrowsExactly<InputException>(
                () => Benchmark.RefuseOverlap([Bench("b", 0, 1, 2), Bench("c", 3, 4, 5, 20)], Set(train, []))).Message);
    }

    private static FunctionProblemSet Set(Problem[] train, Problem[] held) => new("own", train, held, (_, _) => Outcome.Judged(true));
}
