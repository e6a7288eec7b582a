using System.CommandLine;
using System.CommandLine.Completions;
using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Cli;

/// <summary>Options that several commands share.</summary>
internal static class CommonOptions
{
    public static Option<string?> Config() => new("--config")
    {
        Description = "JSON file with the run's configuration; "
        + "comments and trailing commas are welcome. Without it every setting has its default.",
        HelpName = "FILE"
    };

    public static Option<string[]> Set()
    {
        Option<string[]> set = new("--set")
        {
            Description = "Overrides one setting, for example --set sampling.groupSize=8. May be repeated.",
            HelpName = "NAME=VALUE",
            DefaultValueFactory = _ => [],
        };
        // What a shell offers behind it.
        set.CompletionSources.Add(_ => RunConfigFile.SettingNames.Select(name => new CompletionItem(name + "=")));
        return set;
    }

    public static Option<bool> Json() => new("--json")
    {
        Description = "Prints JSON Lines instead of text; nothing else goes to the standard output.",
    };

    public static Option<string> Model() => new("--model")
    {
        Description = "Hugging Face folder of the model, or a .gguf file.",
        HelpName = "FOLDER",
        Required = true,
    };

    public static Option<string?> Adapter() => new("--adapter")
    {
        Description = "Folder with adapters for the model, in PEFT's layout.",
        HelpName = "FOLDER",
    };

    public static Option<int> Threads() => new("--threads")
    {
        Description = "Threads; 0 means every core.",
        HelpName = "N",
        DefaultValueFactory = _ => 0,
    };

    /// <summary>The user's word that unknown keys of config.json change nothing.</summary>
    public static Option<bool> AllowUnknownConfig { get; } = new("--allow-unknown-config")
    {
        Description = "Passes over keys of the model's config.json that nobody here knows, instead of refusing them; "
            + "kept with the run as allowUnknownConfig.",
    };

    /// <summary>The configuration that a command line asks for.</summary>
    public static RunConfig Load(ParseResult parsed, Option<string?> config, Option<string[]> set) =>
        RunConfigFile.Load(parsed.GetValue(config), [.. parsed.GetValue(set) ?? [], .. Allowed(parsed)]);

    private static string[] Allowed(ParseResult parsed) => parsed.GetValue(AllowUnknownConfig) ? ["allowUnknownConfig=true"] : [];

    /// <summary>Writes a warning to the error stream.</summary>
    public static void Warn(string warning) => Console.Error.WriteLine($"warning: {warning}");

    /// <summary>The number of threads that a command line asks for.</summary>
    public static int Threads(ParseResult parsed, Option<int> threads) => parsed.GetValue(threads) switch
    {
        0 => Environment.ProcessorCount,
        > 0 and <= 1024 and var count => count,
        var count => throw new InputException($"--threads is {count}; it must be 0 (every core) to 1024."),
    };
}
