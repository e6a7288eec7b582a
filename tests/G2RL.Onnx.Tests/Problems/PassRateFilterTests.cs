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
    public void Batch_WithoutAnythingLeftOut_IsThatOfTheSet()
    {
        var filter = new PassRateFilter(Set(), new() { Window = 5 });
        filter.Record(0, [("p1", 0.5), ("p2", 0.25)]);
        foreach (var count in new[] { 0, 6, 20, 50 })
            CollectionAssert.AreEqual(Set().Batch(3, count, 7).ToArray(), filter.Batch(3, count, 7).ToArray(), $"{count}");
        Assert.AreEqual(0, filter.Replaced);
    }

    [TestMethod]
    public void Replaced_CountsThePlacesThatOthersTook()
    {
        var (all, filter) = (Set(100), new PassRateFilter(Set(100), new() { Window = 5 }));
        filter.Record(0, all.Batch(0, 40, 1).Select(p => (p.Id, 0.0)));
        var without = all.Batch(0, 40, 1).Select(p => p.Id).ToHashSet();
        for (var seed = 0UL; seed < 5; seed++)
        {
            var batch = filter.Batch(1, 10, seed);
            Assert.AreEqual(all.Batch(1, 10, seed).Count(p => without.Contains(p.Id)), filter.Replaced);
            Assert.HasCount(10, batch.Select(p => p.Id).Distinct());
            CollectionAssert.AreEqual(
                all.Batch(1, 10, seed).Where(p => !without.Contains(p.Id)).ToArray(), batch.Take(10 - filter.Replaced).ToArray());
        }
    }

    [TestMethod]
    public void Batch_WhereTooFewAreLeft_TakesTheLongestLeftOutFirst()
    {
        for (var seed = 0UL; seed < 10; seed++)
        {
            var byStep = new PassRateFilter(Set(3), new() { Window = 9 });
            byStep.Record(0, [("p2", 0)]);
            byStep.Record(1, [("p1", 0)]);
            byStep.Record(2, [("p0", 1)]);
            CollectionAssert.AreEqual(new[] { "p2", "p1" }, byStep.Batch(3, 2, seed).Select(p => p.Id).ToArray());
            var byName = new PassRateFilter(Set(3), new() { Window = 9 });
            byName.Record(0, [("p2", 0), ("p0", 0), ("p1", 0)]);
            CollectionAssert.AreEqual(new[] { "p0", "p1" }, byName.Batch(1, 2, seed).Select(p => p.Id).ToArray());
            var one = new PassRateFilter(Set(3), new() { Window = 9 });
            one.Record(0, [("p0", 0), ("p1", 0)]);
            CollectionAssert.AreEqual(new[] { "p2", "p0" }, one.Batch(1, 2, seed).Select(p => p.Id).ToArray());
        }
    }

    [TestMethod]
    public void LeftOut_FromTheNextStepToTheEndOfTheWindow()
    {
        Assert.IsTrue(new PassRateConfig { Window = 2 }.IsOn);
        Assert.IsFalse(new PassRateConfig().IsOn);
        var filter = new PassRateFilter(Set(), new() { Window = 2 });
        filter.Record(3, [("p0", 0)]);
        CollectionAssert.AreEqual(new[] { 0, 1, 1, 0 }, Enumerable.Range(3, 4).Select(filter.LeftOut).ToArray());
    }

    [TestMethod]
    public void State_OfAWindow_IsAllThatIsKept()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-curriculum").FullName;
        try
        {
            var file = Path.Combine(folder, "curriculum.json");
            var filter = new PassRateFilter(Set(3), new() { Window = 2 });
            filter.Record(1, [("p0", 0)]);
            filter.Record(3, [("p1", 0)]);
            filter.Save(folder);
            var text = File.ReadAllText(file);
            Assert.IsTrue(text.Contains("p1") && !text.Contains("p0"), text);
            var other = new PassRateFilter(Set(3), new() { Window = 2 });
            other.Record(3, [("p0", 0)]);
            other.Load(folder);
            Assert.AreEqual(1, other.LeftOut(4));
            Assert.IsTrue(other.Batch(4, 2, 1).All(p => p.Id != "p1"), "what was known before is forgotten");
            foreach (var wrong in new[] { "null", "[]", "{" })
            {
                File.WriteAllText(file, wrong);
                StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => other.Load(folder)).Message, $"{file} is not what a run");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
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

    private static FunctionProblemSet Set(int count = 20) =>
        new(
            "fixture",
            [.. Enumerable.Range(0, count).Select(i => new Problem($"p{i}", $"prompt {i}", "1"))],
            [new Problem("h", "held", "1")],
            (_, _) => Outcome.Judged(true));
}
