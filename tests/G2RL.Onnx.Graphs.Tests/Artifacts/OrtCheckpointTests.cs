using System.Runtime.InteropServices;
using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Graphs.Tests.Checkpoints;

namespace G2RL.Onnx.Graphs.Tests.Artifacts;

/// <summary>
/// The checkpoint: our writer against our reader, our reader against files built by hand as ONNX Runtime builds them, and damage.
/// </summary>
[TestClass]
public sealed class OrtCheckpointTests
{
    [TestMethod]
    public void Open_HandBuilt_GivesEveryField()
    {
        using var folder = new TemporaryFolder();
        using var read = Open(folder, new HandBuiltCheckpoint().Build());
        CollectionAssert.AreEqual((string[])["v", "w"], read.Trainable.Keys.ToArray());
        CollectionAssert.AreEqual((float[])[1, 2], read.Parameter("v").ToArray());
        CollectionAssert.AreEqual((float[])[3, 4, 5], read.Parameter("w").ToArray());
        CollectionAssert.AreEqual((long[])[1, 3], read.Trainable["w"].Shape);
        CollectionAssert.AreEqual((float[])[6], read.Parameter("f").ToArray());
        Assert.AreEqual(41, read.Step);
        Assert.AreEqual(0.001f, read.InitialLearningRate);
        CollectionAssert.AreEqual((float[])[0.1f, 0.2f], read.Floats(read.FirstMoments["v"]).ToArray());
        CollectionAssert.AreEqual((float[])[2, 2, 2], read.Floats(read.SecondMoments["w"]).ToArray());
        Assert.AreEqual(7L, read.Properties["epoch"]);
        Assert.AreEqual(1.5f, read.Properties["best"]);
        Assert.AreEqual("grün", read.Properties["note"]);
    }

    [TestMethod]
    public void Write_ThenOpen_GivesBackEveryBit()
    {
        using var folder = new TemporaryFolder();
        foreach (var inline in new[] { long.MaxValue, 0 })
        {
            var path = folder[$"checkpoint-{inline}"];
            OrtCheckpointWriter.Write(path, Content(), inline);
            Assert.AreEqual(inline == 0, File.Exists(path + ".data"));
            using var read = OrtCheckpoint.Open(path);
            foreach (var tensor in Content().Trainable.Concat(Content().Frozen).Where(t => t.Type == ElementType.Float32))
                CollectionAssert.AreEqual(Bytes(tensor), MemoryMarshal.AsBytes(read.Parameter(tensor.Name)).ToArray(), tensor.Name);
            var moments = Content().Moments!;
            foreach (var (list, back) in new[] { (moments.First, read.FirstMoments), (moments.Second, read.SecondMoments) })
                foreach (var tensor in list)
                    CollectionAssert.AreEqual(Bytes(tensor), MemoryMarshal.AsBytes(read.Floats(back[tensor.Name])).ToArray(), tensor.Name);
            Assert.AreEqual((long.MaxValue / 3, ElementType.Int64), (read.Step, read.Frozen["counts"].Type));
            CollectionAssert.AreEquivalent(Content().Properties.ToArray(), read.Properties.ToArray());
        }
    }

    [TestMethod]
    public void Write_ForcedOutside_LaysTheDataFileOutByteForByte()
    {
        using var folder = new TemporaryFolder();
        float[] a = [.. Enumerable.Range(0, 17).Select(i => i + 0.5f)], b = [.. Enumerable.Range(0, 16).Select(i => -i / 3f)];
        byte[] flags = [.. Enumerable.Range(0, 65).Select(i => (byte)(i & 1))];
        long[] counts = [.. Enumerable.Range(0, 8).Select(i => 1L << (7 * i))];
        OrtCheckpointWriter.Write(folder["c"], new OrtCheckpointContent
        {
            Trainable = [OrtTensor.Floats("a", [17], _ => a), OrtTensor.Floats("small", [15], _ => a.AsSpan(0, 15))],
            Frozen =
            [
                new("flags", [65], ElementType.Bool, s => s.Write(flags)),
                OrtTensor.Floats("b", [4, 4], _ => b),
                new("counts", [8], ElementType.Int64, s => s.Write(MemoryMarshal.AsBytes<long>(counts))),
            ],
        }, largestInline: 0);
        // a at 0 (68 bytes); small has 60 bytes, fewer than 64, and stays inside; flags at 68 (65 bytes, ends at 133); b at the next
        // multiple of 4, 136 (64 bytes, ends at 200); counts at 200, a multiple of 8.
        byte[] expected = [.. MemoryMarshal.AsBytes<float>(a), .. flags, 0, 0, 0, .. MemoryMarshal.AsBytes<float>(b),
            .. MemoryMarshal.AsBytes<long>(counts)];
        CollectionAssert.AreEqual(expected, File.ReadAllBytes(folder["c.data"]));
        using var read = OrtCheckpoint.Open(folder["c"]);
        CollectionAssert.AreEqual(
            (string[])["a True 0", "small False", "flags True 68", "b True 136", "counts True 200"],
            read.Trainable.Values.Concat(read.Frozen.Values)
                .Select(t => $"{t.Name} {t.IsOutside}{(t.IsOutside ? $" {t.Offset}" : "")}")
                .ToArray());
        CollectionAssert.AreEqual(a[..15], read.Parameter("small").ToArray());
        CollectionAssert.AreEqual(b, read.Parameter("b").ToArray());
    }

    [TestMethod]
    public void Write_BesideAnother_IsRefusedAndLeavesItWhole()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["c"], "mine");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => OrtCheckpointWriter.Write(folder["c"], Content())).Message,
            "never written over another");
        Assert.AreEqual("mine", File.ReadAllText(folder["c"]));
        Assert.HasCount(1, Directory.GetFiles(folder.Path));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => OrtCheckpointWriter.Write(folder[Path.Combine("no", "c")], Content())).Message,
            "cannot be written");
    }

    [TestMethod]
    public void Write_WhatTheRuntimeWouldNotCheck_IsRefused()
    {
        using var folder = new TemporaryFolder();
        OrtTensor Floats(string name, params long[] shape) =>
            OrtTensor.Floats(name, shape, _ => new float[shape.Aggregate(1L, (a, b) => a * b)]);
        void Refused(string what, OrtCheckpointContent content)
        {
            StringAssert.Contains(
                Assert.ThrowsExactly<ArgumentException>(() => OrtCheckpointWriter.Write(folder["c"], content)).Message,
                what);
            Assert.HasCount(0, Directory.GetFiles(folder.Path), what);
        }
        Refused("given twice", new() { Trainable = [Floats("a", 1), Floats("a", 2)] });
        Refused("given twice", new() { Trainable = [Floats("a", 1)], Frozen = [Floats("a", 1)] });
        Refused("is empty", new() { Trainable = [Floats("", 1)] });
        Refused("wrote 8 bytes", new() { Trainable = [new("a", [3], ElementType.Float32, s => s.Write(new byte[8]))] });
        Refused("the training runtime reads", new() { Trainable = [new("a", [3], ElementType.Float16, s => s.Write(new byte[6]))] });
        Refused(
            "the training runtime reads",
            new() { Trainable = [], Frozen = [new("a", [3], ElementType.BFloat16, s => s.Write(new byte[6]))] });
        Refused("Moments need", new() { Trainable = [Floats("a", 2)], Moments = new(1, [Floats("a", 2)], [Floats("b", 2)]) });
        Refused("Moments need", new() { Trainable = [Floats("a", 2)], Moments = new(1, [Floats("a", 3)], [Floats("a", 2)]) });
        Refused("properties are", new() { Trainable = [Floats("a", 2)], Properties = new Dictionary<string, object> { ["x"] = 1 } });
    }

    [TestMethod]
    public void Write_EmptyLists_AreStillThere()
    {
        using var folder = new TemporaryFolder();
        OrtCheckpointWriter.Write(folder["c"], new() { Trainable = [], Frozen = [] });
        using var read = OrtCheckpoint.Open(folder["c"]);
        Assert.IsFalse(read.Trainable.Any() || read.Frozen.Any() || read.HasMoments);
        // A scalar has no axis and one element; a tensor may have no element.
        OrtCheckpointWriter.Write(
            folder["d"],
            new() { Trainable = [OrtTensor.Floats("scalar", [], _ => new float[] { 3 }), OrtTensor.Floats("none", [0, 5], _ => [])] });
        using var more = OrtCheckpoint.Open(folder["d"]);
        CollectionAssert.AreEqual((float[])[3], more.Parameter("scalar").ToArray());
        Assert.AreEqual(0, more.Parameter("none").Length);
    }

    [TestMethod]
    public void Open_WrongInSomeField_NamesTheReason()
    {
        Refused("an older ONNX Runtime", new() { Version = 1 });
        Refused("a newer ONNX Runtime", new() { Version = 3 });
        Refused("does not bear the mark ODTC", new() { Identifier = "ORTM" });
        Refused("nominal", new() { Nominal = true });
        Refused("holds no parameters", new() { WithModule = false });
        Refused("both lists", new() { WithFrozenList = false });
        Refused("'v' twice", new() { Second = "v" });
        Refused("both trainable and frozen", new() { Second = "f" });
        Refused("element type 10", new() { Type = 10 });
        Refused("element type 16", new() { Type = 16 });
        Refused("8 bytes; Float32 [3] needs 12", new() { FirstLength = 3 });
        Refused("8 bytes; Float64 [2] needs 16", new() { Type = 11 });
        Refused("which no tensor can have", new() { FirstLength = -2 });
        Refused("needs", new() { FirstLength = long.MaxValue });
        Refused("has no data", new() { WithData = false });
        Refused("says that nothing does", new() { Offset = 0 });
        Refused("exactly one, 'group0'", new() { Group = "group1" });
        Refused("AdamW's momentum0 and momentum1", new() { Moment = "momentum2" });
        Refused("moment 'momentum0' twice", new() { Moment = "momentum0" });
        Refused("no parameter that learns", new() { StateOf = "f" });
        Refused("momentum0 of 'w' is Float32 [2]", new() { StateOf = "w" });

        static void Refused(string what, HandBuiltCheckpoint built)
        {
            using var folder = new TemporaryFolder();
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Open(folder, built.Build())).Message, what);
        }
    }

    [TestMethod]
    public void Open_DataFileMissingOrShort_NamesIt()
    {
        using var folder = new TemporaryFolder();
        OrtCheckpointWriter.Write(folder["c"], Content(), largestInline: 0);
        var data = File.ReadAllBytes(folder["c.data"]);
        File.WriteAllBytes(folder["c.data"], data[..^1]);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => OrtCheckpoint.Open(folder["c"])).Message,
            "is truncated, or belongs to another checkpoint");
        File.WriteAllBytes(folder["c.data"], []);
        Assert.ThrowsExactly<InputException>(() => OrtCheckpoint.Open(folder["c"]));
        File.Delete(folder["c.data"]);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => OrtCheckpoint.Open(folder["c"])).Message, "c.data does not exist");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => OrtCheckpoint.Open(folder["nothing"])).Message, "does not exist");
        Assert.ThrowsExactly<InputException>(() => OrtCheckpoint.Open(folder.Path));
    }

    [TestMethod]
    public void Open_TruncatedAnywhere_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var whole = new HandBuiltCheckpoint().Build();
        for (var length = 0; length < whole.Length; length++)
        {
            // A file may lack padding at its end, or a tensor that nobody has read; what is read must be inside.
            try
            {
                using var read = Open(folder, whole[..length]);
                Touch(read);
                Assert.IsGreaterThan(whole.Length - 8, length, "more than padding was missing");
            }
            catch (InputException e)
            {
                Assert.IsGreaterThan(20, e.Message.Length);
            }
        }
    }

    [TestMethod]
    public void Open_FuzzedBytes_GivesAnInputExceptionOrAReadableCheckpoint()
    {
        using var folder = new TemporaryFolder();
        OrtCheckpointWriter.Write(folder["ours"], Content());
        OrtCheckpointWriter.Write(folder["outside"], Content(), largestInline: 0);
        File.Copy(folder["outside.data"], folder["fuzzed.data"]);
        byte[][] seeds = [new HandBuiltCheckpoint().Build(), File.ReadAllBytes(folder["ours"]), File.ReadAllBytes(folder["outside"])];
        var random = new Random(4);
        var (refused, read) = (0, 0);
        for (var round = 0; round < 3000; round++)
        {
            var bytes = (byte[])seeds[round % seeds.Length].Clone();
            switch (random.Next(4))
            {
                case 0:
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                    break;
                case 1:
                    for (var i = random.Next(1, 30); i > 0; i--)
                        bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    BitConverter.TryWriteBytes(
                        bytes.AsSpan(random.Next(bytes.Length / 4 - 1) * 4),
                        random.Next(2) == 0 ? random.Next() : -random.Next(64));
                    break;
                default:
                    random.NextBytes(bytes.AsSpan(8, random.Next(bytes.Length - 8)));
                    break;
            }
            File.WriteAllBytes(folder["fuzzed"], bytes);
            try
            {
                using var checkpoint = OrtCheckpoint.Open(folder["fuzzed"]);
                Touch(checkpoint);
                read++;
            }
            catch (InputException)
            {
                refused++;
            }
        }
        // Weights may be any bits, so some damage is invisible; most is not.
        Assert.IsGreaterThan(300, refused);
        Assert.IsGreaterThan(300, read);
    }

    private static OrtCheckpointContent Content()
    {
        OrtTensor Floats(string name, int seed, params long[] shape) => OrtTensor.Floats(
            name,
            shape,
            _ => Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(i => (float)Math.Sin(i + seed)).ToArray());
        return new()
        {
            Trainable = [Floats("model.embed_tokens.weight", 1, 11, 7), Floats("bias", 2, 3), Floats("x", 3, 40)],
            Frozen = [Floats("scale", 4), new("counts", [9], ElementType.Int64, s => s.Write(new byte[72]))],
            Moments = new(
                long.MaxValue / 3,
                [Floats("model.embed_tokens.weight", 5, 11, 7), Floats("bias", 6, 3), Floats("x", 7, 40)],
                [Floats("model.embed_tokens.weight", 8, 11, 7), Floats("bias", 9, 3), Floats("x", 10, 40)]),
            Properties = new Dictionary<string, object> { ["n"] = -5L, ["x"] = 0.25f, ["text"] = "{\"a\": \"ü\"}", ["empty"] = "" },
        };
    }

    private static OrtCheckpoint Open(TemporaryFolder folder, byte[] bytes)
    {
        File.WriteAllBytes(folder["checkpoint"], bytes);
        return OrtCheckpoint.Open(folder["checkpoint"]);
    }

    // Reads every element that can be read.
    private static double Touch(OrtCheckpoint checkpoint)
    {
        var sum = 0d;
        foreach (var tensor in checkpoint.Trainable.Values.Concat(checkpoint.Frozen.Values)
            .Concat(checkpoint.FirstMoments.Values)
            .Concat(checkpoint.SecondMoments.Values))
            if (tensor.Type == ElementType.Float32)
                foreach (var value in checkpoint.Floats(tensor))
                    sum += value;
        return sum;
    }

    private static byte[] Bytes(OrtTensor tensor)
    {
        using var stream = new MemoryStream();
        tensor.Write(stream);
        return stream.ToArray();
    }
}
