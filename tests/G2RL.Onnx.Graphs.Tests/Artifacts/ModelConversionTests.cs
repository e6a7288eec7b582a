using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Graphs.Tests.Artifacts;

[TestClass]
public sealed class ModelConversionTests
{
    private static readonly ConvertedObjective Objective = new(
        (op, logProbs, _) => op.Neg(op.ReduceSum(logProbs, keepDims: false, 0)),
        new Dictionary<string, double>());

    // Two matrices of 16 MiB each; what a conversion allocates must not grow with them.
    [TestMethod]
    [DataRow(null)]
    [DataRow(SafeTensorsDtype.BF16)]
    public void Conversion_HoldsNoTensor(SafeTensorsDtype? precision)
    {
        using var folder = new TemporaryFolder();
        var model = Model(folder["model"], vocabulary: 131_072);
        var before = GC.GetAllocatedBytesForCurrentThread();
        ModelConversion.Convert(model, folder["onnx"], new() { Precision = precision }, Objective);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.IsGreaterThan(
            2 * 131_072 * 32 * (precision is null ? 4 : 2),
            new FileInfo(Path.Combine(folder["onnx"], "weights.bin")).Length);
        Assert.IsLessThan(8 << 20, allocated, $"{allocated} bytes were allocated");
    }

    [TestMethod]
    public void Conversion_ThatIsBrokenOff_LeavesNothing()
    {
        using var folder = new TemporaryFolder();
        var model = Model(folder["model"], vocabulary: 40);
        var calls = 0;
        Assert.ThrowsExactly<OperationCanceledException>(() => ModelConversion.Convert(model, folder["onnx"], new(), Objective, (_, _) =>
        {
            if (++calls == 5)
                throw new OperationCanceledException();
        }));
        CollectionAssert.AreEqual(new[] { model }, Directory.GetFileSystemEntries(folder.Path));
        Assert.IsFalse(ModelConversion.WasInterrupted(folder["onnx"]));
        Directory.CreateDirectory(folder["onnx.partial"]);
        Assert.IsTrue(ModelConversion.WasInterrupted(folder["onnx"] + Path.DirectorySeparatorChar));
    }

    [TestMethod]
    public void TooLittleRoom_IsNamedBeforeAnythingIsWritten()
    {
        using var folder = new TemporaryFolder();
        ModelConversion.CheckRoom(Path.Combine(folder["deep"], "deeper"), 1);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => ModelConversion.CheckRoom(Path.Combine(folder["deep"], "deeper"), 1L << 60)).Message,
            $"needs {1L << 40} MiB");
        Assert.IsEmpty(Directory.GetFileSystemEntries(folder.Path));
    }

    private static string Model(string folder, int vocabulary)
    {
        var spec = Architectures.Parse(
            $$"""{"model_type": "llama", "vocab_size": {{vocabulary}}, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4, "max_position_embeddings": 64}""",
            "test");
        var counts = spec.Parameters.ToDictionary(p => p.Name, p => p.Count, StringComparer.Ordinal);
        HuggingFaceCheckpoint.Create(folder, spec, name => new float[counts[name]]);
        return folder;
    }
}
