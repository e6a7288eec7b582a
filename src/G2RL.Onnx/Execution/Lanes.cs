using System.Runtime.ExceptionServices;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution;

/// <summary>
/// How threads share work: side by side on whole batches, with one thread inside the operators, where the model is small enough for every thread to hold
/// a gradient of its own; else together inside the operators. Side by side is faster, and no bit of a result depends on the number of threads: ONNX Runtime
/// splits a product among threads in ways that change the order of its sums.
/// </summary>
/// <param name="Count">Batches at work at once, >= 1.</param>
/// <param name="ThreadsEach">Threads inside the operators of each.</param>
internal readonly record struct Lanes(int Count, int ThreadsEach)
{
    private const long GradientBudget = 256L << 20;

    /// <summary>The division for a model.</summary>
    /// <param name="spec">Its architecture.</param>
    /// <param name="threads">Threads, >= 1.</param>
    public static Lanes For(DecoderSpec spec, int threads) =>
        spec.ParameterCount <= GradientBudget / sizeof(float) / threads ? new(threads, 1) : new(1, threads);

    /// <summary>Runs <paramref name="work"/> once on each of <paramref name="count"/> threads, given its number, and rethrows the first failure when all have ended.</summary>
    public static void Run(int count, Action<int> work)
    {
        if (count == 1)
        {
            work(0);
            return;
        }
        var (gate, failure) = (new Lock(), (Exception?)null);
        var threads = new Thread[count];
        for (var i = 0; i < count; i++)
        {
            var lane = i;
            threads[i] = new Thread(() =>
            {
                try
                {
                    work(lane);
                }
#pragma warning disable CA1031 // carried to the calling thread
                catch (Exception e)
                {
                    lock (gate)
                        failure ??= e;
                }
#pragma warning restore CA1031
            })
            { IsBackground = true, Name = $"g2rl lane {i}" };
            threads[i].Start();
        }
        foreach (var thread in threads)
            thread.Join();
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }
}
