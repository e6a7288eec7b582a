using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Curriculum;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class PassRateFilterTests
{
    [TestMethod]
    public void Batch_AlwaysOrNeverSolved_StayOutForTheWindowAndComeBack()
    {
        var filter = new PassRateFilter(Set(), new() { Window = 3 });
        var plain = Set().Batch(0, 4, 1);
        CollectionAssert.AreEqual(plain.ToArray(), filter.Batch(0, 4, 1).ToArray(), "nothing is known yet");
        // 20 problems, 5 batches of 4 an epoch: three of the first batch are dull, one is of use.
        filter.Record(0, [(plain[0].Id, 0), (plain[1].Id, 1), (plain[2].Id, 0.5), (plain[3].Id, 0)]);
        Assert.AreEqual(3, filter.LeftOut(1));
        for (var step = 1; step <= 3; step++)
            for (var seed = 0UL; seed < 20; seed++)
            {
                var batch = filter.Batch(step, 4, seed);
                Assert.AreEqual(4, batch.Select(p => p.Id).Distinct().Count());
                Assert.IsFalse(
                    batch.Any(p => p.Id == plain[0].Id || p.Id == plain[1].Id || p.Id == plain[3].Id),
                    $"step {step}, seed {seed}");
            }
        Assert.IsTrue(
            Enumerable.Range(0, 20).Any(seed => filter.Batch(4, 4, (ulong)seed).Any(p => p.Id == plain[0].Id)),
            "back after the window");
        CollectionAssert.AreEqual(filter.Batch(2, 4, 7).ToArray(), filter.Batch(2, 4, 7).ToArray());
    }

    [TestMethod]
    public void Batch_AllLeftOut_IsStillFull()
    {
        var filter = new PassRateFilter(Set(), new() { Window = 100, Low = 0.5 });
        filter.Batch(0, 30, 1);
        Assert.AreEqual(0, filter.Replaced, "repeats are no replacements");
        filter.Record(0, Set().Batch(0, 20, 1).Select(p => (p.Id, 0.25)));
        Assert.AreEqual(20, filter.LeftOut(1));
        Assert.AreEqual(4, filter.Batch(1, 4, 1).Select(p => p.Id).Distinct().Count());
        Assert.AreEqual(4, filter.Replaced);
        Assert.AreEqual(30, filter.Batch(1, 30, 1).Count);
    }

    [TestMethod]
    public void State_SavedAndLoaded_GivesTheSameBatches()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-curriculum").FullName;
        try
        {
            var (first, second) = (new PassRateFilter(Set(), new() { Window = 5 }), new PassRateFilter(Set(), new() { Window = 5 }));
            first.Record(0, [("p3", 0), ("p1", 1.0 / 3), ("p7", 1)]);
            first.Save(folder);
            second.Load(folder);
            for (var step = 1; step < 8; step++)
                CollectionAssert.AreEqual(first.Batch(step, 6, 3).ToArray(), second.Batch(step, 6, 3).ToArray());
            second.Save(folder + "/..");
            CollectionAssert.AreEqual(
                File.ReadAllBytes(Path.Combine(folder, "curriculum.json")),
                File.ReadAllBytes(Path.Combine(folder, "..", "curriculum.json")));
            File.Delete(Path.Combine(folder, "..", "curriculum.json"));
            File.WriteAllText(Path.Combine(folder, "curriculum.json"), "[]");
            Assert.ThrowsExactly<InputException>(() => second.Load(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static FunctionProblemSet Set() =>
        new(
            "fixture",
            [.. Enumerable.Range(0, 20).Select(i => new Problem($"p{i}", $"prompt {i}", "1"))],
            [new Problem("h", "held", "1")],
            (_, _) => Outcome.Judged(true));
}
