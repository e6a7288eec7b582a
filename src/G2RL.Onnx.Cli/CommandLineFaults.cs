using System.CommandLine;
using System.CommandLine.Parsing;
using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Cli;

/// <summary>What is said of a command line that cannot be read: each fault, what was probably meant, and where help is.</summary>
internal static class CommandLineFaults
{
    /// <summary>The lines to print.</summary>
    public static IEnumerable<string> Of(ParseResult parsed)
    {
        var (command, unmatched) = (parsed.CommandResult.Command, parsed.UnmatchedTokens);
        var name = command is RootCommand ? "g2rl" : $"g2rl {Path(parsed)}";
        // Of a command that there is not, no option can be told.
        var count = command.Subcommands.Count > 0 && unmatched is [var first, ..] && !first.StartsWith('-') ? 1 : unmatched.Count;
        for (var i = 0; i < count; i++)
            if (Unmatched(name, command, unmatched, i) is { } fault)
                yield return fault;
        foreach (var error in parsed.Errors)
            if (!unmatched.Any(token => error.Message.Contains($"'{token}'", StringComparison.Ordinal))
                && !(unmatched.Count > 0 && command.Subcommands.Count > 0))
                yield return error.Message == "Required command was not provided."
                    ? $"{name} needs one of its commands: {Listed(command)}."
                    : Mistyped(error) ?? error.Message;
        yield return $"See: {name} --help";
    }

    private static string? Unmatched(string name, Command command, IReadOnlyList<string> tokens, int at)
    {
        var token = tokens[at];
        if (token.StartsWith('-'))
            return $"{name} has no option '{token}'."
                + Meant(token.Split('=', ':')[0], command.Options.Concat(Recursive(command)).SelectMany(o => o.Aliases.Append(o.Name)));
        // The value of an option that there is not.
        if (at > 0 && tokens[at - 1].StartsWith('-'))
            return null;
        if (at == 0 && command.Subcommands.Count > 0)
            return $"There is no command '{name["g2rl".Length..].TrimStart()}{(name == "g2rl" ? "" : " ")}{token}'."
                + (Meant(token, command.Subcommands.Select(c => c.Name)) is { Length: > 0 } meant
                    ? meant
                    : $" There are: {Listed(command)}.");
        return command.Subcommands.Count > 0 ? null : $"{name} takes no further argument; '{token}' is one too many.";
    }

    private static string Meant(string typed, IEnumerable<string> names)
    {
        var likely = NearNames.Likely(typed, names.Where(n => n.Length > 2).Distinct());
        return likely.Count == 0 ? "" : $" Did you mean {string.Join(" or ", likely)}?";
    }

    // The library tells the name of .NET's type.
    private static string? Mistyped(ParseError error) =>
        error.SymbolResult is OptionResult { Tokens: [.., { Value: var value }] } result
            && error.Message.StartsWith("Cannot parse argument", StringComparison.Ordinal)
            ? $"{result.Option.Name} is '{value}'; it must be "
                + (result.Option.ValueType == typeof(bool) ? "true or false."
                    : result.Option.ValueType == typeof(double) ? "a number, such as 0.5."
                    : "a whole number, such as 1.")
            : null;

    private static string Listed(Command command) => string.Join(", ", command.Subcommands.Select(c => c.Name));

    private static IEnumerable<Option> Recursive(Command command) =>
        command.Parents.OfType<Command>().SelectMany(p => p.Options.Where(o => o.Recursive).Concat(Recursive(p)));

    private static string Path(ParseResult parsed)
    {
        var names = new List<string>();
        for (SymbolResult? at = parsed.CommandResult; at is not null; at = at.Parent)
            if (at is CommandResult { Command: not RootCommand } result)
                names.Insert(0, result.Command.Name);
        return string.Join(' ', names);
    }
}
