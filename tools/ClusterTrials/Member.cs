using System.Diagnostics;
using System.Text;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>A g2rl process.</summary>
internal sealed class Member : IDisposable
{
    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly Task<string> error;

    private Member(Process process)
    {
        this.process = process;
        error = process.StandardError.ReadToEndAsync();
        process.OutputDataReceived += (_, e) =>
        {
            lock (output)
                output.Append(e.Data).Append('\n');
        };
        process.BeginOutputReadLine();
    }

    public string Output
    {
        get
        {
            lock (output)
                return output.ToString();
        }
    }

    public bool HasExited => process.HasExited;

    public int Id => process.Id;

    /// <summary>Starts one.</summary>
    /// <param name="before">What stands before it, such as taskset -c 1.</param>
    /// <param name="arguments">Its arguments.</param>
    public static Member Start(string[] before, params string[] arguments)
    {
        var host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        string[] command = [.. before, host, Path.Combine(AppContext.BaseDirectory, "g2rl.dll"), .. arguments];
        var start = new ProcessStartInfo(command[0])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in command[1..])
            start.ArgumentList.Add(argument);
        return new(Process.Start(start)!);
    }

    /// <summary>Starts a worker and waits until it has joined.</summary>
    public static Member Worker(string[] before, params string[] arguments)
    {
        var worker = Start(before, ["worker", "--json", "--set", "execution.threads=1", .. arguments]);
        worker.WaitFor(() => worker.Output.Contains("joined", StringComparison.Ordinal));
        return worker;
    }

    public void WaitFor(Func<bool> condition)
    {
        for (var began = Stopwatch.GetTimestamp(); !condition(); Thread.Sleep(5))
            // What is waited for may be its end.
            if ((HasExited && !condition()) || Stopwatch.GetElapsedTime(began).TotalMinutes > 5)
                throw new InvalidOperationException($"waited in vain; the process says: {Output} {(HasExited ? error.Result : "")}");
    }

    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Waits for its end.</summary>
    public string End()
    {
        process.WaitForExit();
        return process.ExitCode == 0 ? Output : throw new InvalidOperationException($"exit code {process.ExitCode}: {error.Result}");
    }

    /// <summary>Waits for its end, which is to be a failure; gives what it says of it.</summary>
    public string Fails()
    {
        process.WaitForExit();
        return process.ExitCode == 1 ? error.Result : throw new InvalidOperationException($"exit code {process.ExitCode}");
    }

    public void Dispose()
    {
        if (!process.HasExited)
            Kill();
        process.Dispose();
    }
}
