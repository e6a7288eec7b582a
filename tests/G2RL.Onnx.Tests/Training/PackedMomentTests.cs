using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

/// <summary>Moments in few bits, to the bit: what a checkpoint holds must not change with the version.</summary>
[TestClass]
public sealed class PackedMomentTests
{
    // Austin Appleby's finaliser of MurmurHash3, at the place's share of the golden ratio.
    private static uint Random(int index, bool second, long step, uint place)
    {
        var h = unchecked(
            ((uint)((2 * index) + (second ? 1 : 0)) * 0x9E3779B9) + ((uint)step * 0x85EBCA6B) + (place * 0x9E3779B1));
        h ^= h >> 16;
        h = unchecked(h * 0x85EBCA6B);
        h ^= h >> 13;
        h = unchecked(h * 0xC2B2AE35);
        return h ^ (h >> 16);
    }

    [TestMethod]
    public void Random_OfTheReference_IsMurmurs() => Assert.AreEqual(0x514E28B7u, Fmix(1));

    private static uint Fmix(uint h)
    {
        h = unchecked((h ^ (h >> 16)) * 0x85EBCA6B);
        h = unchecked((h ^ (h >> 13)) * 0xC2B2AE35);
        return h ^ (h >> 16);
    }

    [TestMethod]
    [DataRow(0, false, 1)]
    [DataRow(3, true, 7)]
    public void BFloat16_WrittenAtAnOffset_IsRoundedByItsPlace(int index, bool second, int step)
    {
        using var parameter = new Parameter("w", 40);
        using var moment = new PackedMoment(parameter, MomentStorage.BFloat16, second, index);
        float[] values = [.. Enumerable.Range(0, 24).Select(i => (i + 1) * 0.0123f * (i % 2 == 0 ? 1 : -1))];
        moment.Write(8, [.. values], step);
        var read = new float[24];
        moment.Read(8, read);
        for (var i = 0; i < values.Length; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(values[i]);
            var up = (bits & 0xFFFF) + (Random(index, second, step, (uint)(8 + i)) & 0xFFFF) >= 0x10000;
            Assert.AreEqual(BitConverter.UInt32BitsToSingle((bits & 0xFFFF0000) + (up ? 0x10000u : 0)), read[i], $"{i}");
        }
        Assert.AreEqual(80, moment.Bytes);
    }

    // Exponent and three bits of fraction of the share of the block's largest.
    [TestMethod]
    [DataRow(0, 1)]
    [DataRow(2, 9)]
    public void Int8_FirstMoments_AreSharesOfTheirBlocksLargest(int index, int step)
    {
        using var parameter = new Parameter("w", 300);
        using var moment = new PackedMoment(parameter, MomentStorage.Int8, isSecond: false, index);
        float[] values = [.. Enumerable.Range(0, 300).Select(i => (i % 7 == 0 ? -1 : 1) * (1 + i) * 0.01f)];
        (values[5], values[6]) = (0, -1e-9f);
        moment.Write(0, [.. values], step);
        var read = new float[300];
        moment.Read(0, read);
        for (var i = 0; i < 300; i++)
        {
            var largest = i < 256 ? 2.56f : 3f;
            var share = Math.Abs(values[i] / largest);
            // The next eighth of a power of two below, or above with the chance of what is left.
            var step8 = Math.Pow(2, Math.Floor(Math.Log2(share))) / 8;
            var (below, up) = (Math.Floor(share / step8) * step8, (Random(index, false, step, (uint)i) & 0xFFFFF) / 1048576.0);
            var expected = values[i] == 0 || share < Math.Pow(2, -15) ? 0 : share / step8 % 1 + up >= 1 ? below + step8 : below;
            Assert.AreEqual(Math.Sign(values[i]) * expected * largest, read[i], 2e-6 * largest, $"{i}");
        }
        // 75 words of codes and two scales; of a whole block 64 and one.
        Assert.AreEqual(77 * 4, moment.Bytes);
        using var block = new Parameter("w", 256);
        using var whole = new PackedMoment(block, MomentStorage.Int8, isSecond: false, index);
        Assert.AreEqual(65 * 4, whole.Bytes);
    }

    [TestMethod]
    [DataRow(MomentStorage.BFloat16, false)]
    [DataRow(MomentStorage.Int8, true)]
    public void Tensors_WrittenAndLoaded_AreTheSame(MomentStorage storage, bool second)
    {
        using var parameter = new Parameter("w", 10, 31);
        using var moment = new PackedMoment(parameter, storage, second, 1);
        moment.Write(0, [.. Enumerable.Range(1, 310).Select(i => i * 0.3f)], 4);
        var path = Path.GetTempFileName();
        try
        {
            SafeTensorsWriter.Write(path, [.. moment.Tensors("m")]);
            using var file = SafeTensorsFile.Open(path);
            CollectionAssert.AreEqual(new long[] { 10, 31 }, file.Tensors["m"].Shape.ToArray());
            Assert.AreEqual(storage == MomentStorage.BFloat16 ? SafeTensorsDtype.BF16 : SafeTensorsDtype.U8, file.Tensors["m"].Dtype);
            Assert.AreEqual(storage == MomentStorage.Int8, file.Tensors.ContainsKey("m.scale"));
            using var other = new PackedMoment(parameter, storage, second, 1);
            other.Load(file, "m");
            var (a, b) = (new float[310], new float[310]);
            moment.Read(0, a);
            other.Read(0, b);
            CollectionAssert.AreEqual(a, b);
            using var narrow = new Parameter("w", 9, 31);
            using var wrong = new PackedMoment(narrow, storage, second, 1);
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => wrong.Load(file, "m")).Message, "another configuration");
        }
        finally
        {
            File.Delete(path);
        }
    }
}
