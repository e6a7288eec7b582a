using Spectre.Console;

namespace G2RL.Onnx.Converter;

/// <summary>Prints tables.</summary>
internal static class Tables
{
    private const int WidthInFiles = 200;

    /// <summary>To wherever standard output leads now; a file gets long lines rather than broken ones.</summary>
    public static void Print(Table table)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
            console.Profile.Width = WidthInFiles;
        console.Write(table);
    }
}
