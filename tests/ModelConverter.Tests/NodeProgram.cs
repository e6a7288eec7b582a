using System.ComponentModel;
using System.Diagnostics;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Converter.Tests;

/// <summary>Others' software, run in Node as a process of its own.</summary>
internal static class NodeProgram
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>What a program prints; inconclusive where Node or a package cannot be had.</summary>
    /// <param name="folder">Its folder below tests, with package.json.</param>
    /// <param name="packages">What must be installed there.</param>
    /// <param name="input">Its standard input.</param>
    /// <param name="arguments">The program and what it is given.</param>
    public static string Run(string folder, string[] packages, string input, params string[] arguments)
    {
        var interop = SharedFolder.InRepository("tests", folder);
        // onnxruntime-node's own install step fetches GPU libraries, which are not needed here.
        if (Array.Exists(packages, name => !Directory.Exists(Path.Combine([interop, "node_modules", .. name.Split('/')])))
            && Start(interop, "npm", "", "ci", "--ignore-scripts") is { Code: not 0 } failed)
            Assert.Inconclusive($"needs npm and its registry: {failed.Error}");
        var (code, output, error) = Start(interop, "node", input, arguments);
        Assert.AreEqual(0, code, error);
        return output;
    }

    private static (int Code, string Output, string Error) Start(string folder, string program, string input, params string[] arguments)
    {
        // npm is a script on Windows, which only a shell starts.
        var start = OperatingSystem.IsWindows()
            ? new ProcessStartInfo("cmd.exe", ["/c", program, .. arguments])
            : new ProcessStartInfo(program, arguments);
        (start.WorkingDirectory, start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) =
            (folder, true, true, true);
        start.Environment["ONNXRUNTIME_NODE_INSTALL"] = "skip";
        try
        {
            using var process = Process.Start(start)!;
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            process.StandardInput.Write(input);
            process.StandardInput.Close();
            if (!process.WaitForExit(Patience))
            {
                process.Kill(entireProcessTree: true);
                return (-1, "", $"{program} {string.Join(' ', arguments)} took longer than {Patience}.");
            }
            return (process.ExitCode, output.Result, error.Result);
        }
        catch (Win32Exception)
        {
            Assert.Inconclusive($"needs {program}, which is not installed");
            throw;
        }
    }
}
