using System.Runtime.InteropServices;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Tests.Distribution;

[TestClass]
public sealed class WeightIdentityTests
{
    // Two runs and a bit, in parameters that end within a run and within a vector.
    private static readonly int[] Sizes = [5, 4099, 4100];

    private readonly List<IDisposable> owned = [];

    [TestCleanup]
    public void End() => owned.ForEach(o => o.Dispose());

    // One number at a time, from nothing: the same sums by the way that knows changes as by the one that looks at all.
    [TestMethod]
    public void Of_AllNumbers_IsTheSumOfTheirChangesFromZero()
    {
        var weights = Filled(i => MathF.Sin(i) * (i % 3 == 0 ? -1e20f : 1e-20f));
        var bytes = new byte[weights.Length];
        weights.Read(0, bytes);
        var bits = MemoryMarshal.Cast<byte, int>(bytes);
        var expected = default(WeightIdentity);
        for (var i = 0; i < bits.Length; i++)
        {
            var sums = WeightIdentity.InRun(i / WeightIdentity.RunWords);
            sums.Change(i, 0, bits[i]);
            expected += sums.Total;
        }
        Assert.AreEqual(expected, WeightIdentity.Of(weights));
        Assert.AreEqual(default, WeightIdentity.Of(Filled(_ => 0)));
        Assert.AreEqual(expected, WeightIdentity.OfChange(0, new int[bits.Length], bits.ToArray()));
    }

    // Any bit of any number, numbers that change places, and as many zeros more.
    [TestMethod]
    public void Name_AnythingElse_IsAnotherName()
    {
        var names = new HashSet<string> { Filled(i => i).Hash() };
        foreach (var place in new[] { 0, 4, 5, 4095, 4096, 8191, 8192, 8203 })
            for (var bit = 0; bit < 32; bit++)
                Assert.IsTrue(names.Add(Filled(i => i == place
                    ? BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(i) ^ (1 << bit))
                    : i).Hash()), $"bit {bit} of number {place}");
        foreach (var (one, other) in new[] { (1, 2), (1, 4097), (4096, 0), (8000, 4000) })
            Assert.IsTrue(names.Add(Filled(i => i == one ? other : i == other ? one : i).Hash()), $"{one} and {other}");
        Assert.AreNotEqual(default(WeightIdentity).Name(4), default(WeightIdentity).Name(8));
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
}
