using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>What a command left behind.</summary>
internal sealed record CommandResult(int ExitCode, string Output, string Error)
{
    /// <summary>The rows of --json; fails when anything else stands on the standard output.</summary>
    public JsonObject[] Rows => [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => JsonNode.Parse(line)!.AsObject())];

    /// <summary>Fails with everything that was printed unless the command ended so.</summary>
    public CommandResult Exits(int code)
    {
        Assert.AreEqual(code, ExitCode, $"\nstdout:\n{Output}\nstderr:\n{Error}");
        return this;
    }

    /// <summary>Wrong input: exit code 2, no stack trace, and a message that holds every one of these.</summary>
    public void Refuses(params string[] parts)
    {
        Exits(2);
        Assert.DoesNotContain("   at G2RL", Error);
        foreach (var part in parts)
            Assert.Contains(part, Error);
    }
}

/// <summary>The real <c>g2rl</c>, run as a process of its own, as a user's shell runs it.</summary>
internal sealed class G2rlProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);

    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly Task<string> error;

    private G2rlProcess(Process process)
    {
        this.process = process;
        error = process.StandardError.ReadToEndAsync();
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is not null)
                lock (output)
                    output.Append(e.Data).Append('\n');
        };
        process.BeginOutputReadLine();
    }

    public bool HasExited => process.HasExited;

    /// <summary>Whole lines that it has printed so far.</summary>
    public string Output
    {
        get
        {
            lock (output)
                return output.ToString();
        }
    }

    /// <summary>Starts a command in the repository's root.</summary>
    public static G2rlProcess Start(params string[] arguments) => Start([], arguments);

    /// <summary>Starts a command with further variables in its environment.</summary>
    public static G2rlProcess Start(IReadOnlyList<(string Name, string Value)> environment, string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet"
            ? host
            : "dotnet")
        {
            UseShellExecute = false,
            WorkingDirectory = SharedFolder.Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "g2rl.dll"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new(Process.Start(start)!);
    }

    /// <summary>Starts a command and waits for its end.</summary>
    public static CommandResult Run(params string[] arguments)
    {
        using var command = Start(arguments);
        return command.End();
    }

    /// <summary>
    /// The same command line as a function call in the tests' own process, for the many cases in which only the message and the exit code
    /// matter. Whatever Main does is in it; only the start of a process is not.
    /// </summary>
    public static CommandResult Call(params string[] arguments)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var newOutput = new StringWriter();
        using var newError = new StringWriter();
        try
        {
            Console.SetOut(newOutput);
            Console.SetError(newError);
            return new(CommandLine.Run(arguments), newOutput.ToString(), newError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    /// <summary>Waits for the end.</summary>
    public CommandResult End()
    {
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"g2rl did not end within {Patience}.");
        }
        process.WaitForExit();
        return new(process.ExitCode, Output, error.Result);
    }

    /// <summary>SIGKILL: no handler runs.</summary>
    public void Kill()
    {
        process.Kill();
        End();
    }

    /// <summary>Tells it to stop, where there are signals, and waits until it is gone.</summary>
    public void Leave()
    {
        if (OperatingSystem.IsWindows())
        {
            Kill();
            return;
        }
        Send(PosixSignal.SIGTERM);
        End().Exits(0);
    }

    /// <summary>Whether children of this process begin with SIGINT ignored, as they inherit it; asked of one.</summary>
    public static bool InterruptIsIgnored()
    {
        if (!OperatingSystem.IsLinux())
            return false;
        using var child = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "grep SigIgn /proc/self/status"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        var mask = Convert.ToUInt64(child.StandardOutput.ReadToEnd().Split('\t', StringSplitOptions.TrimEntries)[^1], 16);
        child.WaitForExit();
        return (mask & (1 << 1)) != 0;
    }

    /// <summary>Sends SIGINT or SIGTERM.</summary>
    public void Send(PosixSignal signal)
    {
        if (OperatingSystem.IsWindows())
            Assert.Inconclusive("POSIX signals");
        Assert.AreEqual(0, Native.Kill(process.Id, signal == PosixSignal.SIGINT ? 2 : 15));
    }

    /// <summary>SIGSTOP: it stands still, its connections stay open.</summary>
    public void Suspend() => Assert.AreEqual(0, Native.Kill(process.Id, 19));

    /// <summary>SIGCONT.</summary>
    public void GoOn() => Assert.AreEqual(0, Native.Kill(process.Id, 18));

    /// <summary>Waits until something has happened in the process, which must still be at work.</summary>
    public void WaitFor(Func<bool> happened)
    {
        var started = Stopwatch.GetTimestamp();
        while (!happened())
        {
            if (process.HasExited)
                Assert.Fail($"g2rl ended before it was to be stopped.\n{End()}");
            Assert.IsLessThan(Patience, Stopwatch.GetElapsedTime(started));
            Thread.Sleep(2);
        }
    }

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    private static class Native
    {
        [DllImport("libc", EntryPoint = "kill")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Kill(int process, int signal);
    }
}
