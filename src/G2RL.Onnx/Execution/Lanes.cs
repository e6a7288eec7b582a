using System.Runtime.ExceptionServices;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution;

/// <summary>
/// How threads share work: side by side on whole batches, with one thread inside the operators, where the model is small enough for every
/// thread to hold a gradient of its own; else together inside the operators. Side by side is faster, and no bit of a result depends on the
/// number of threads: ONNX Runtime splits a product among threads in ways that change the order of its sums.
/// </summary>
/// <param name="Count">Batches at work at once, >= 1.</param>
/// <param name="ThreadsEach">Threads inside the operators of each.</param>
internal readonly record struct Lanes(int Count, int ThreadsEach)
{
    private const long GradientBudget = 256L << 20;

    // Batches into which a mini-batch is divided, so that as many threads have work; and the tokens below which a product would run slower.
    private const int FewestBatches = 8;
    private const int FewestTokens = 256;

    /// <summary>
    /// Padded tokens of a batch: at most what is asked for, and of a small model few enough that several threads find work. A function of
    /// model and batch alone: no bit may depend on the threads.
    /// </summary>
    /// <param name="spec">The model.</param>
    /// <param name="total">Tokens of all batches together.</param>
    /// <param name="most">The limit.</param>
    public static int TokensPerBatch(DecoderSpec spec, long total, int most) =>
        spec.ParameterCount <= GradientBudget / sizeof(float) / 2
            ? (int)Math.Min(most, Math.Max(FewestTokens, (total + FewestBatches - 1) / FewestBatches))
            : most;

    /// <summary>The division for a model.</summary>
    /// <param name="spec">Its architecture.</param>
    /// <param name="threads">Threads, >= 1.</param>
    public static Lanes For(DecoderSpec spec, int threads) =>
        spec.ParameterCount <= GradientBudget / sizeof(float) / threads ? new(threads, 1) : new(1, threads);

    /// <summary>Whether a model's lanes share its work on any machine of several threads: a property of the model alone.</summary>
    public static bool IsLarge(DecoderSpec spec) => For(spec, threads: 2).Count == 1;

    /// <summary>
    /// Runs <paramref name="work"/> once on each of <paramref name="count"/> threads, given its number, and rethrows the first failure when
    /// all have ended.
    /// </summary>
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
