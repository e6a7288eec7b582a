namespace G2RL.Onnx.Execution.Kernels.Products;

/// <summary>
/// The order in which micro-batches that are at work at once add to sums that they share. All run one graph, whose nodes come in one order:
/// so the n-th piece of a micro-batch is added when the n-th of the one before has been, to the bits of one after the other.
/// </summary>
/// <remarks>A lane has one thread, and its kernels run on it; elsewhere there are no turns, and nothing waits.</remarks>
/// <param name="count">Micro-batches.</param>
internal sealed class LaneTurns(int count)
{
    private const int Spins = 20;
    private const int Ended = int.MaxValue;

    [ThreadStatic]
    private static (LaneTurns? Turns, int Number) here;

    private readonly int[] added = new int[count];
    private readonly object gate = new();
    private bool failed;

    /// <summary>Whether this thread works on a micro-batch that takes turns.</summary>
    public static bool AreTaken => here.Turns is not null;

    /// <summary>From now on this thread works on a micro-batch; every one is begun, and ended or failed.</summary>
    public void Begin(int number) => here = (this, number);

    /// <summary>Waits until all of the micro-batch before has been added.</summary>
    /// <exception cref="OperationCanceledException">Another failed.</exception>
    public void AwaitLast(int number) => Await(number, Ended);

    /// <summary>All of a micro-batch has been added.</summary>
    public void End(int number)
    {
        here = default;
        Set(number, Ended);
    }

    /// <summary>Nobody waits any more for the turn of a micro-batch that is gone.</summary>
    public void Fail()
    {
        here = default;
        lock (gate)
        {
            Volatile.Write(ref failed, true);
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Waits for the turn of this thread's next piece.</summary>
    /// <exception cref="OperationCanceledException">Another micro-batch failed.</exception>
    public static void Await()
    {
        if (here is { Turns: { } turns, Number: var number })
            turns.Await(number, turns.added[number] + 1);
    }

    /// <summary>This thread's piece has been added.</summary>
    public static void Pass()
    {
        if (here is { Turns: { } turns, Number: var number })
            turns.Set(number, turns.added[number] + 1);
    }

    private void Await(int number, int pieces)
    {
        if (number > 0 && !Reached())
        {
            // Two that keep step wait for less than a change of threads would take.
            for (var (spins, spin) = (0, default(SpinWait)); spins < Spins && !Reached(); spins++)
                spin.SpinOnce(sleep1Threshold: -1);
            lock (gate)
                while (!Reached() && !failed)
                    Monitor.Wait(gate);
        }
        if (Volatile.Read(ref failed))
            throw new OperationCanceledException("Another micro-batch failed.");

        bool Reached() => Volatile.Read(ref added[number - 1]) >= pieces;
    }

    private void Set(int number, int pieces)
    {
        lock (gate)
        {
            Volatile.Write(ref added[number], pieces);
            Monitor.PulseAll(gate);
        }
    }
}
