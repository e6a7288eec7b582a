using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cli;

/// <summary>Exit codes: 0 done, 1 failed, 2 wrong input, 77 inconclusive (gpu-test without a GPU), 130 interrupted (and saved).</summary>
internal static class Failures
{
    public const int Failed = 1;
    public const int Input = 2;

    /// <summary>Nothing could be tested; other test harnesses read 77 as skipped.</summary>
    public const int Inconclusive = 77;
    public const int Interrupted = 130;

    /// <summary>
    /// Prints wrong input plainly, and so a training that diverged: its message says where and what to do, and no stack trace would add to it. Anything
    /// else is a fault of the program and keeps its stack trace.
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
#pragma warning disable CA1031 // the last line of defence: report and fail
        catch (Exception e)
        {
            Console.Error.WriteLine(e);
            return Failed;
        }
#pragma warning restore CA1031
    }
}
