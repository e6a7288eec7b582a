using G2RL.Onnx.Cuda.Checks;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Cuda.Tests.Backend;

/// <summary>The check of gpu-test that a stream race fails, here without one.</summary>
[TestClass]
public sealed class DrawChecksTests
{
    [TestMethod]
    public void Run_OnOneStream_Passes()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var backend = new CudaBackend(new InterpreterDriver());
        var results = DrawChecks.Run(backend, policy, tokenizer, tokenizer.Encode("1+1="), steps: 6);
        Assert.HasCount(2, results);
        Assert.AreEqual("", string.Join("; ", results.Where(r => !r.Passed)));
    }
}
