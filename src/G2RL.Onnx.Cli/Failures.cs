namespace G2RL.Onnx.Cli;

/// <summary>Exit codes: 0 done, 1 failed, 2 wrong input, 130 interrupted (and saved).</summary>
internal static class Failures
{
    public const int Input = 2;
    public const int Interrupted = 130;

    /// <summary>Prints wrong input plainly; anything else keeps its stack trace.</summary>
    public static int Run(Func<int> command)
    {
        try
        {
            var code = command();
            // System.CommandLine answers a command line that it cannot read with 1.
            return code == UsageError ? Input : code;
        }
        catch (InputException e)
        {
            Console.Error.WriteLine(e.Message);
            return Input;
        }
#pragma warning disable CA1031 // the last line of defence: report and fail
        catch (Exception e)
        {
            Console.Error.WriteLine(e);
            return 1;
        }
#pragma warning restore CA1031
    }

    private const int UsageError = 1;
}
