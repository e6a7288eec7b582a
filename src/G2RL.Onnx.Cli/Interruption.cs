using System.Runtime.InteropServices;

namespace G2RL.Onnx.Cli;

/// <summary>
/// Turns Ctrl-C, SIGTERM and a closed terminal into a cancellation, so that work ends at its next safe point and is saved; the second one
/// ends at once.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private static readonly PosixSignal[] Signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];

    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public Interruption() => registrations = [.. Signals.Select(signal => PosixSignalRegistration.Create(signal, Handle))];

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
        source.Dispose();
    }

    /// <summary>The first signal is taken over; of the second the operating system does what it always does.</summary>
    internal void Handle(PosixSignalContext context)
    {
        if (source.IsCancellationRequested)
            return;
        context.Cancel = true;
        source.Cancel();
    }
}
