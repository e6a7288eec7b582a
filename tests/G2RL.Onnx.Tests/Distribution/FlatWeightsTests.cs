using System.Runtime.InteropServices;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests.Distribution;

[TestClass]
public sealed class FlatWeightsTests
{
    [TestMethod]
    public void Read_AnyRange_IsThatPartOfAllParametersInOrder()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var flat = new FlatWeights(policy);
        byte[] expected = [.. policy.Trainable.SelectMany(p => MemoryMarshal.AsBytes(p.Buffer.Span).ToArray())];
        Assert.AreEqual(expected.Length, flat.Length);
        for (ulong trial = 0; trial < 200; trial++)
        {
            var offset = (int)(Seeds.Derive(trial, Seeds.Purpose.Shuffle) % (ulong)flat.Length);
            var count = (int)(Seeds.Derive(trial, Seeds.Purpose.Sampling) % (ulong)(flat.Length - offset + 1));
            var read = new byte[count];
            flat.Read(offset, read);
            Assert.IsTrue(read.AsSpan().SequenceEqual(expected.AsSpan(offset, count)), $"{count} bytes from {offset}");
        }
    }

    [TestMethod]
    public void Write_InPieces_MakesTheOtherPolicyEqual()
    {
        using var model = new TinyModel();
        using var from = Policy.Load(model.Folder, 40);
        using var to = Policy.Load(model.Folder, 40);
        Seeds.Normal(3, 0, from.Trainable[1].Buffer.Span);
        var (source, target) = (new FlatWeights(from), new FlatWeights(to));
        Assert.AreNotEqual(source.Hash(), target.Hash());
        var piece = new byte[1001];
        for (long at = 0; at < source.Length; at += piece.Length)
        {
            var part = piece.AsSpan(0, (int)Math.Min(piece.Length, source.Length - at));
            source.Read(at, part);
            target.Write(at, part);
        }
        Assert.AreEqual(from.Hash(), to.Hash());
        Assert.AreEqual(source.Hash(), target.Hash());
    }

    [TestMethod]
    public void Identify_OneFlippedBit_IsAnotherContentOfTheSameCounterAndOrigin()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        Assert.AreEqual("", policy.Version.Content);
        var before = policy.Identify();
        Assert.AreEqual(before, policy.Version);
        MemoryMarshal.AsBytes(policy.Trainable[^1].Buffer.Span)[5] ^= 1;
        policy.Updates = policy.Version.Counter;
        var after = policy.Identify();
        Assert.AreEqual((before.Counter, before.Origin), (after.Counter, after.Origin));
        Assert.AreNotEqual(before.Content, after.Content);
        Assert.AreEqual(before.ToString(), after.ToString());
    }

    [TestMethod]
    public void Range_Outside_IsRefused()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var flat = new FlatWeights(policy);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => flat.Read(flat.Length - 1, new byte[2]));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => flat.Write(-1, new byte[2]));
    }

    [TestMethod]
    public void Length_WithAdapters_IsTheirsAlone()
    {
        using var model = new TinyModel();
        var adapter = new AdapterSpec { Rank = 2, Alpha = 4 };
        using var policy = Policy.Load(model.Folder, 40, new PolicyAdapter(adapter, WeightStorage.Float32, (_, w) => w.Fill(0.5f)));
        Assert.AreEqual(policy.TrainableCount * sizeof(float), new FlatWeights(policy).Length);
        Assert.IsLessThan(policy.ParameterCount * sizeof(float), new FlatWeights(policy).Length);
    }
}
