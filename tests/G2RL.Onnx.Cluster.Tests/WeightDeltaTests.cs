using System.Runtime.InteropServices;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Weights;
using G2RL.Onnx.Cluster.Workers;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Lagging;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>Differences of weights lose nothing, in either direction, and refuse what is not theirs.</summary>
[TestClass]
public sealed class WeightDeltaTests
{
    // 1,100,003 numbers: two parts, blocks that are not full, a parameter that begins within a block.
    private static readonly int[] Sizes = [7, 1_000_000, 99_996];

    private readonly List<IDisposable> owned = [];

    [TestCleanup]
    public void End() => owned.ForEach(o => o.Dispose());

    [TestMethod]
    [DataRow("equal", 0.0001)]
    [DataRow("one", 0.0001)]
    [DataRow("some", 0.17)]
    [DataRow("adam", 0.55)]
    [DataRow("rounded", 0.02)]
    [DataRow("random", 1.01)]
    [DataRow("signs", 1.01)]
    public void Advance_Applied_GivesTheOtherVersionToTheBit(string kind, double most)
    {
        var (from, to) = (Filled(i => 0.02f * MathF.Sin(i)), Filled(i => Changed(kind, i)));
        if (kind == "rounded")
            foreach (var weights in new[] { from, to })
                Change(weights, bits => (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
        var (first, second) = (from.Hash(), to.Hash());
        var (before, after) = (WeightIdentity.Of(from), WeightIdentity.Of(to));
        var here = Filled(_ => 0);
        Copy(from, here);
        var aside = Filled(_ => 0);
        var (others, _) = WeightDelta.Advance(from, to, form: null, aside);
        Assert.AreEqual((first, second), (from.Hash(), aside.Hash()), "the version before stays where the next one lies elsewhere");
        var (parts, change) = WeightDelta.Advance(from, to, form: null, from);
        Assert.AreEqual(second, from.Hash(), "the base follows");
        Assert.AreEqual(after, before + change, "the identity is known without a look");
        for (var i = 0; i < parts.Length; i++)
            CollectionAssert.AreEqual(others[i], parts[i]);
        Assert.HasCount(2, parts);
        Assert.IsLessThan(most, parts.Sum(p => (double)p.Length) / to.Length);
        var there = before;
        for (var i = parts.Length - 1; i >= 0; i--)
            there += WeightDelta.Apply(here, i, parts[i], forward: true);
        Assert.AreEqual(second, here.Hash());
        Assert.AreEqual(after, there);
        for (var i = 0; i < parts.Length; i++)
            there += WeightDelta.Apply(here, i, parts[i], forward: false);
        Assert.AreEqual(first, here.Hash());
        Assert.AreEqual(before, there);
    }

    [TestMethod]
    public void Apply_AnyBitFlippedOrByteLost_IsRefusedAndChangesNothing()
    {
        var (from, to) = (Filled(i => 0.02f * MathF.Sin(i)), Filled(i => Changed("adam", i)));
        var here = Filled(_ => 0);
        Copy(from, here);
        var before = here.Hash();
        var part = WeightDelta.Advance(from, to, form: null, from).Parts[1];
        for (var at = 0; at < part.Length; at += 997)
        {
            var spoilt = part.ToArray();
            spoilt[at] ^= (byte)(1 << (at % 8));
            Assert.ThrowsExactly<InvalidDataException>(() => WeightDelta.Apply(here, 1, spoilt, forward: true));
        }
        Assert.ThrowsExactly<InvalidDataException>(() => WeightDelta.Apply(here, 1, part.AsSpan(0, part.Length - 1), forward: true));
        Assert.ThrowsExactly<InvalidDataException>(() => WeightDelta.Apply(here, 2, part, forward: true));
        Assert.ThrowsExactly<InvalidDataException>(() => WeightDelta.Apply(here, 1, [], forward: true));
        Assert.AreEqual(before, here.Hash());
    }

    [TestMethod]
    [DataRow("a", "c", "ab> bc>")]
    [DataRow("c", "a", "bc< ab<")]
    [DataRow("b", "c", "bc>")]
    [DataRow("x", "c", null)]
    [DataRow("", "c", null)]
    [DataRow("a", "x", null)]
    [DataRow("c", "d", null)]
    public void Path_OfDifferences_LeadsFromWhatIsHereOrIsNone(string own, string wanted, string? expected)
    {
        // The last one is larger than the weights.
        DeltaCard[] deltas = [new("a", "b", 10), new("b", "c", 20), new("c", "d", 200)];
        var path = WeightTransfers.Path(new("", 3, wanted, 100, "", false, deltas), own);
        Assert.AreEqual(
            expected,
            path is null ? null : string.Join(' ', path.Select(p => p.Delta.Base + p.Delta.Content + (p.Forward ? '>' : '<'))));
    }

    [TestMethod]
    public void Weights_OverTheConnection_GoAsDifferencesOnceAWorkerHasABase()
    {
        using var cluster = new LoopbackCluster(d => d with { Weights = G2RL.Onnx.Configuration.WeightTransfer.Delta });
        using var trainer = cluster.Trainer();
        cluster.Worker();
        for (var i = 0; i < 4; i++)
        {
            Assert.AreEqual(cluster.Alone(), cluster.Draw(trainer));
            cluster.Update();
        }
        var bytes = cluster.Accounts.Select(a => a.WeightBytes).ToArray();
        // The worker loads the first version itself.
        Assert.AreEqual(0, bytes[0]);
        Assert.IsTrue(bytes[1..].All(b => b is > 0 and < 1000), string.Join(' ', bytes));
        Assert.AreEqual(0, cluster.Accounts.Sum(a => a.Failures));
    }

    // Once a version has gone whole, who had the last one finds no way to it but that.
    [TestMethod]
    public void Chain_AfterAsManyDifferencesAsItKeeps_SendsAVersionWhole()
    {
        using var tiny = new G2RL.Onnx.Tests.TinyModel();
        using var policy = Policy.Load(tiny.Folder, 40);
        using var chain = new DeltaChain(3, areTold: false);
        var counts = new List<int>();
        for (var i = 0; i < 9; i++)
        {
            policy.Trainable[0].Buffer.Span[0] = i;
            policy.Updates++;
            chain.Add(policy, policy.Identify().Content);
            counts.Add(chain.Cards.Length);
        }
        CollectionAssert.AreEqual(new[] { 0, 1, 2, 3, 0, 1, 2, 3, 0 }, counts);
    }

    // What is told of a step leads from the last version, or the next one goes whole; memory that somebody else wrote to is noticed then.
    [TestMethod]
    public void Chain_ToldOfSteps_TakesThoseThatFitAndLooksAtAllNumbersBetween()
    {
        using var tiny = new G2RL.Onnx.Tests.TinyModel();
        using var policy = Policy.Load(tiny.Folder, 40);
        using var history = new PolicyHistory(policy, 0, DrawnWeights.BFloat16);
        using var chain = new DeltaChain(2, areTold: true);
        using var worker = policy.Copy();
        var slot = history.Of(0);
        var counts = new List<int>();
        void Step(int step)
        {
            foreach (ref var w in policy.Trainable[1].Buffer.Span)
                w += 0.01f * w;
            policy.Updates++;
            history.Keep(step);
            chain.Add(slot, slot.Identify().Content);
            counts.Add(chain.Cards.Length);
        }
        Step(0);
        new FlatWeights(slot).CopyTo(new(worker), form: null);
        Step(1);
        var card = chain.Cards.Single();
        WeightDelta.Apply(new(worker), 0, chain.Read(card.Base, card.Content, 0)!, forward: true);
        Assert.AreEqual(slot.Version.Content, worker.Identify().Content);
        Assert.AreEqual(new FlatWeights(slot).Hash(), slot.Version.Content);
        Step(2);
        slot.Trainable[0].Buffer.Span[0] += 1;
        StringAssert.Contains(Assert.ThrowsExactly<InvalidOperationException>(() => Step(3)).Message, "Something else wrote to them");
        CollectionAssert.AreEqual(new[] { 0, 1, 2 }, counts);
    }

    private static float Changed(string kind, int i)
    {
        var old = 0.02f * MathF.Sin(i);
        return kind switch
        {
            "equal" => old,
            "some" => i % 11 == 3 || i % 200 < 4 ? old + (i % 7 < 5 ? 1e-6f : 1) : old,
            "one" => i == 77_777 ? old + 1 : old,
            "adam" or "rounded" => old + (1e-6f * MathF.Sin(3.7f * i)),
            "signs" => i % 3 == 0 ? -old : i % 5 == 0 ? -0f : float.NaN,
            _ => BitConverter.Int32BitsToSingle(unchecked((int)(2654435761u * (uint)(i + 1)))),
        };
    }

    private FlatWeights Filled(Func<int, float> value)
    {
        var next = 0;
        var parameters = Sizes.Select((size, p) => new Parameter($"p{p}", size)).ToArray();
        owned.AddRange(parameters);
        foreach (var parameter in parameters)
            foreach (ref var w in parameter.Buffer.Span)
                w = value(next++);
        return new(parameters);
    }

    private static void Copy(FlatWeights from, FlatWeights into)
    {
        var bytes = new byte[from.Length];
        from.Read(0, bytes);
        into.Write(0, bytes);
    }

    private static void Change(FlatWeights weights, Func<uint, uint> change)
    {
        var bytes = new byte[weights.Length];
        weights.Read(0, bytes);
        foreach (ref var bits in MemoryMarshal.Cast<byte, uint>(bytes.AsSpan()))
            bits = change(bits);
        weights.Write(0, bytes);
    }
}
