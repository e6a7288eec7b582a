using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace G2RL.Onnx.Rewards.External;

/// <summary>The program answered nothing, too much, or is gone; the message says which. It has been ended.</summary>
internal sealed class RewardProcessException(string message, bool timedOut = false, bool exited = false) : Exception(message)
{
    public bool TimedOut => timedOut;

    /// <summary>Whether it ended by itself, so that another one may do better.</summary>
    public bool Exited => exited;
}

/// <summary>
/// One running program: writes a line, reads a line, in bounded time and memory. Whatever goes wrong ends the program, and all that it
/// started.
/// </summary>
internal sealed class RewardProcess : IDisposable
{
    private const int StderrTail = 2000;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly Process process;
    private readonly LineReader answers;
    private readonly Tail complaints = new(StderrTail);
    private readonly Task drain;
    private bool warm;

    private RewardProcess(Process process, int maxBytes)
    {
        this.process = process;
        answers = new LineReader(process.StandardOutput.BaseStream, maxBytes);
        drain = complaints.ReadAsync(process.StandardError.BaseStream);
    }

    /// <summary>Whether it has answered before.</summary>
    public bool IsWarm => warm;

    /// <summary>Starts the program.</summary>
    /// <exception cref="InputException">It cannot be started.</exception>
    public static RewardProcess Start(ExternalConfig config, IReadOnlySet<string> secretVariables)
    {
        var start = new ProcessStartInfo(config.Command[0], config.Command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        // A judge's key is none of its business.
        foreach (var name in secretVariables)
            start.Environment.Remove(name);
        try
        {
            return new(Process.Start(start)!, config.MaxAnswerBytes);
        }
        catch (Exception e) when (e is Win32Exception or IOException or UnauthorizedAccessException)
        {
            throw new InputException(
                $"The reward's program '{string.Join(' ', config.Command)}' cannot be started: {e.Message} Give a program that can be " +
                "run from here, or its whole path.", e);
        }
    }

    /// <summary>Writes a line and reads the next.</summary>
    /// <exception cref="RewardProcessException">No answer in time, one that is too long, or the program has ended.</exception>
    public async Task<string> AskAsync(string line, TimeSpan limit, CancellationToken cancel)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        timer.CancelAfter(limit);
        try
        {
            // Writing can block as well: a program that does not read fills the pipe.
            var input = process.StandardInput.BaseStream;
            await input.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), timer.Token).AsTask().WaitAsync(timer.Token);
            await input.FlushAsync(timer.Token).WaitAsync(timer.Token);
            var answer = await answers.ReadAsync().WaitAsync(timer.Token);
            warm = true;
            return answer ?? throw Gone();
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            Kill();
            throw new RewardProcessException($"the program did not answer within {limit.TotalSeconds:0.###} s{Complaints()}",
                timedOut: true);
        }
        catch (OperationCanceledException)
        {
            Kill();
            throw;
        }
        catch (IOException)
        {
            throw Gone();
        }
        catch (InvalidDataException e)
        {
            Kill();
            throw new RewardProcessException($"{e.Message}{Complaints()}");
        }
    }

    /// <summary>Ends the program: kindly at first, by closing its input.</summary>
    public void Dispose()
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It is gone already.
        }
        if (!process.WaitForExit(Grace))
            Kill();
        process.Dispose();
    }

    /// <summary>Ends the program and all that it started.</summary>
    public void Kill()
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended meanwhile.
        }
    }

    private RewardProcessException Gone()
    {
        // The end of its output may come a moment before its own.
        var code = process.WaitForExit(Grace) ? process.ExitCode.ToString(System.Globalization.CultureInfo.InvariantCulture) : "none";
        Kill();
        return new RewardProcessException($"the program ended (exit code {code}) without an answer{Complaints()}", exited: true);
    }

    private string Complaints()
    {
        drain.Wait(Grace);
        var said = complaints.ToString().Trim();
        return said.Length == 0 ? "" : $"; the end of its standard error: {said}";
    }
}
