using System.Diagnostics;

namespace G2RL.Onnx.Tools.KillAndResume;

/// <summary>One process of the main job.</summary>
internal sealed class Life : IDisposable
{
    private readonly Process process;
    private readonly Task<string> output;
    private readonly Task<string> error;

    private Life(Process process)
    {
        this.process = process;
        // Read all the time: a full pipe would stop the process.
        (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
    }

    /// <summary>Starts export-and-train.</summary>
    public static Life Start(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { Path.Combine(AppContext.BaseDirectory, "g2rl.dll"), "export-and-train" }.Concat(arguments))
            start.ArgumentList.Add(argument);
        return new(Process.Start(start)!);
    }

    /// <summary>Whether it ends by itself within a time.</summary>
    public bool Ends(TimeSpan within) => process.WaitForExit(within);

    /// <summary>SIGKILL (on Windows TerminateProcess): no handler runs, no buffer is flushed.</summary>
    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>Waits for its end, which must be a good one.</summary>
    public void End()
    {
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"g2rl export-and-train ended with {process.ExitCode}:\n{output.Result}\n{error.Result}");
    }

    public void Dispose() => process.Dispose();
}
