using System.Diagnostics;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>The other end of a <see cref="Worker"/>: starts it, asks it, and ends it when it hangs.</summary>
/// <param name="folder">The folder with the test assembly, the woven one and this program.</param>
/// <param name="tests">Name of the test project.</param>
/// <param name="woven">Name of the woven assembly.</param>
/// <param name="count">How many mutants it holds.</param>
internal sealed class WorkerProcess(string folder, string tests, string woven, int count) : IDisposable
{
    private const string MemoryLimit = "0x60000000"; // 1.5 GiB of managed memory: a fault may ask for anything
    private const int Tick = 200; // milliseconds
    private Process? process;

    /// <summary>Sends an order and reads up to its last line.</summary>
    /// <param name="order">The order.</param>
    /// <param name="limit">Gives, for the line before, the seconds that the next may take.</param>
    /// <param name="isLast">Whether a line ends the answer.</param>
    /// <param name="mutant">The mutant to start with, in a process of its own; null takes the one that runs.</param>
    /// <returns>The last line, or null: the process hung or died and is gone.</returns>
    public JsonNode? Ask(JsonObject order, Func<JsonNode?, double> limit, Func<JsonNode, bool> isLast, int? mutant = null)
    {
        if (mutant is not null || process is null)
            Start(mutant);
        try
        {
            process!.StandardInput.WriteLine(order.ToJsonString());
            JsonNode? line = null;
            do
            {
                if (Next(limit(line)) is not { } text)
                {
                    End();
                    return null;
                }
                line = JsonNode.Parse(text);
            }
            while (!isLast(line!));
            if (mutant is not null)
                End();
            return line;
        }
        catch (IOException)
        {
            End();
            return null;
        }
    }

    /// <summary>Ends the process; the next order starts another.</summary>
    public void End()
    {
        if (process is null)
            return;
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
        process = null;
    }

    /// <inheritdoc/>
    public void Dispose() => End();

    // A hang is told by the processor's time, so that a machine which is busy or stopped makes none; one that waits for nothing, by the
    // time in which no thread could have run.
    private string? Next(double seconds)
    {
        var line = process!.StandardOutput.ReadLineAsync();
        var (idle, before) = (0, process.TotalProcessorTime);
        while (!line.Wait(Tick))
        {
            if (process.HasExited)
                return null;
            process.Refresh();
            idle += CanRun(process.Id) ? 0 : Tick;
            if ((process.TotalProcessorTime - before).TotalSeconds > seconds || idle > 10_000 * seconds)
                return null;
        }
        return line.Result;
    }

    // Linux alone tells: of a thread's line the letter behind its name in parentheses.
    private static bool CanRun(int id)
    {
        try
        {
            return OperatingSystem.IsLinux() && Directory.EnumerateDirectories($"/proc/{id}/task")
                .Select(t => File.ReadAllText(t + "/stat"))
                .Any(t => t[t.LastIndexOf(')') + 2] is 'R' or 'D');
        }
        catch (IOException)
        {
            return true; // a thread has just ended
        }
    }

    private void Start(int? mutant)
    {
        End();
        var start = new ProcessStartInfo("dotnet", [
            "exec", "--depsfile", $"{tests}.deps.json", "--runtimeconfig", $"{tests}.runtimeconfig.json",
            "G2RL.Onnx.Mutation.dll", "worker", $"{tests}.dll", woven, count.ToString()])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_GCHeapHardLimit"] = MemoryLimit;
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        if (mutant is { } id)
            start.Environment["G2RL_MUTANT"] = id.ToString();
        process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
    }
}
