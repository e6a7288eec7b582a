using System.Runtime.InteropServices;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>The first signal ends work at its next safe point; who sends a second one does not want to wait for that.</summary>
[TestClass]
public sealed class InterruptionTests
{
    [TestMethod]
    [DataRow(PosixSignal.SIGINT, PosixSignal.SIGINT)]
    [DataRow(PosixSignal.SIGTERM, PosixSignal.SIGINT)]
    [DataRow(PosixSignal.SIGHUP, PosixSignal.SIGTERM)]
    public void Handle_FirstSignal_CancelsAndTheSecondIsLeftToTheSystem(PosixSignal first, PosixSignal second)
    {
        using var interruption = new Interruption();
        Assert.IsFalse(interruption.Token.IsCancellationRequested);
        var context = new PosixSignalContext(first);
        interruption.Handle(context);
        Assert.IsTrue(context.Cancel, "the first signal would end the process before its work is saved");
        Assert.IsTrue(interruption.Token.IsCancellationRequested);
        context = new PosixSignalContext(second);
        interruption.Handle(context);
        Assert.IsFalse(context.Cancel, "the second signal is swallowed: nobody could end a program that hangs");
    }
}
