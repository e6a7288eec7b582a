using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>Exit codes are what scripts read; each is stated here as a number, not by the name of the constant.</summary>
[TestClass]
[DoNotParallelize]
public sealed class FailuresTests
{
    [TestMethod]
    public void Run_EveryEnd_HasItsExitCode()
    {
        Assert.AreEqual((0, ""), Run(() => 0));
        Assert.AreEqual((3, ""), Run(() => 3));
        Assert.AreEqual((130, ""), Run(() => throw new OperationCanceledException()));
        Assert.AreEqual((130, ""), Run(() => throw new TaskCanceledException()));
        Assert.AreEqual((2, "what to do\n"), Run(() => throw new InputException("what to do")));
        Assert.AreEqual((1, "step 3 diverged\n"), Run(() => throw new NonFiniteException("step 3 diverged")));
    }

    [TestMethod]
    public void Run_Defect_KeepsItsStackTrace()
    {
        var (code, error) = Run(() => throw new InvalidOperationException("a defect"));
        Assert.AreEqual(1, code);
        Assert.Contains("a defect", error);
        Assert.Contains("   at G2RL", error);
    }

    [TestMethod]
    public void Run_OutOfMemory_WhereverItIsMet_SaysWhatToLower()
    {
        Exception[] all =
        [
            new InsufficientMemoryException(),
            new DllNotFoundException("libonnxruntime.so: failed to map segment from shared object"),
            new AggregateException(new InvalidOperationException("x"), new InsufficientMemoryException()),
            new InvalidOperationException("a step", new InsufficientMemoryException()),
        ];
        foreach (var e in all)
        {
            var (code, error) = Run(() => throw e);
            Assert.AreEqual(2, code, e.ToString());
            Assert.Contains("There is not enough memory", error);
            Assert.Contains("training.tokensPerMicrobatch", error);
        }
        // Another library that is missing is no lack of memory.
        Assert.AreEqual(1, Run(() => throw new DllNotFoundException("libonnxruntime.so: no such file")).Code);
    }

    private static (int Code, string Error) Run(Func<int> command)
    {
        var before = Console.Error;
        using var error = new StringWriter { NewLine = "\n" };
        Console.SetError(error);
        try
        {
            return (Failures.Run(command), error.ToString());
        }
        finally
        {
            Console.SetError(before);
        }
    }
}
