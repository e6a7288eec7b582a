using System.CommandLine;
using G2RL.Onnx.Cli;
using G2RL.Onnx.Converter.Commands;

namespace G2RL.Onnx.Converter;

/// <summary>The command line as a whole.</summary>
internal static class ConverterCommands
{
    /// <summary>
    /// Runs one command; output goes to the console. 0: done; 1: failed, or verified and found different; 2: wrong input.
    /// </summary>
    public static int Run(params string[] args)
    {
        var root = new RootCommand("""
            g2rl-convert: Hugging Face language models to ONNX and back, without Python.

            A folder with decode.onnx, score.onnx, train.onnx and their weights:
              g2rl-convert convert models/mine converted
            What a folder or file holds:
              g2rl-convert inspect converted
            The same model as a Hugging Face checkpoint again:
              g2rl-convert export converted back
            """)
        {
            ConvertCommand.Create(),
            ExportCommand.Create(),
            InspectCommand.Create(),
            VerifyCommand.Create(),
        };
        var parsed = root.Parse(args);
        // System.CommandLine answers a command line that it cannot read with 1, which here means that something differs.
        return Failures.Run(() => parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false }) is var code
            && parsed.Errors.Count > 0 ? Failures.Input : code);
    }
}
