using System.Diagnostics;
using G2RL.Onnx.Execution;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cli;

/// <summary>Exit codes: 0 done, 1 failed, 2 wrong input, 77 inconclusive (gpu-test without a GPU), 130 interrupted (and saved).</summary>
internal static class Failures
{
    public const int Failed = 1;
    public const int Input = 2;

    /// <summary>Nothing could be tested; other test harnesses read 77 as skipped.</summary>
    public const int Inconclusive = 77;
    public const int Interrupted = 130;

    private static readonly string[] Words =
        ["bad_alloc", "bad allocation", "failed to allocate memory", "out of memory", "failed to map segment", "Cannot allocate memory"];

    /// <summary>
    /// Prints wrong input plainly, and so a training that diverged: its message says where and what to do, and no stack trace would add to
    /// it. Anything else is a fault of the program and keeps its stack trace.
    /// </summary>
    public static int Run(Func<int> command)
    {
        try
        {
            return command();
        }
        catch (InputException e)
        {
            Console.Error.WriteLine(e.Message);
            return Input;
        }
        catch (DeviceException e)
        {
            Console.Error.WriteLine(e.Message);
            return e.IsInput ? Input : Failed;
        }
        catch (NonFiniteException e)
        {
            Console.Error.WriteLine(e.Message);
            return Failed;
        }
        catch (OperationCanceledException)
        {
            return Interrupted;
        }
        catch (Exception e) when (IsOutOfMemory(e))
        {
            Console.Error.WriteLine($"There is not enough memory: {Memory()} Lower training.tokensPerMicrobatch, sampling.maxRows or "
                + "sampling.cacheBudgetMiB, take fewer threads (execution.threads), or a smaller model or input; "
                + "g2rl export-and-train --dry-run tells what a run needs. "
                + "What was saved can be gone on with by --resume, also with these settings.");
            return Input;
        }
#pragma warning disable CA1031 // the last line of defence: report and fail
        catch (Exception e)
        {
            Console.Error.WriteLine(e);
            return Failed;
        }
#pragma warning restore CA1031
    }

    // .NET's own, or ONNX Runtime's, whose arenas and allocators tell it in words; also inside what several threads met.
    private static bool IsOutOfMemory(Exception e) => e switch
    {
        OutOfMemoryException => true,
        // Under a limit of address space its library cannot even be mapped.
        OnnxRuntimeException or DllNotFoundException => Words.Any(w => e.Message.Contains(w, StringComparison.OrdinalIgnoreCase)),
        AggregateException { InnerExceptions: var all } => all.Any(IsOutOfMemory),
        _ => e.InnerException is { } inner && IsOutOfMemory(inner),
    };

    private static string Memory()
    {
        using var process = Process.GetCurrentProcess();
        return $"this process holds {process.WorkingSet64 >> 20} MiB; "
            + $".NET may hold {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20} MiB.";
    }
}
