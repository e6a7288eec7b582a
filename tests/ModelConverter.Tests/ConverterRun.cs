namespace G2RL.Onnx.Converter.Tests;

/// <summary>A run of the command line: its exit code and what it printed.</summary>
internal sealed record ConverterRun(int Code, string Output, string Error)
{
    public static ConverterRun Of(params string[] args)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var newOutput = new StringWriter();
        using var newError = new StringWriter();
        Console.SetOut(newOutput);
        Console.SetError(newError);
        try
        {
            var code = ConverterCommands.Run(args);
            return new(code, newOutput.ToString(), newError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    /// <summary>Runs and expects success.</summary>
    public static string Done(params string[] args)
    {
        var run = Of(args);
        Assert.AreEqual(0, run.Code, run.Error + run.Output);
        return run.Output;
    }

    /// <summary>Runs and expects a plain message about wrong input.</summary>
    public static string Refused(params string[] args)
    {
        var run = Of(args);
        Assert.AreEqual(2, run.Code, run.Error + run.Output);
        Assert.IsFalse(run.Error.Contains("   at ", StringComparison.Ordinal), run.Error);
        return run.Error;
    }
}
