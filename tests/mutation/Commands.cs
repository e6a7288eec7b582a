using System.CommandLine;
using System.Globalization;

namespace G2RL.Onnx.Mutation;

/// <summary>The command line.</summary>
internal static class Commands
{
    /// <summary>Parses and runs.</summary>
    public static int Run(string[] args)
    {
        var folders = new Argument<string[]>("folders")
        {
            Description =
                "Folders or files whose mutants are tried, such as src/G2RL.Onnx/Algorithms; with @0.2 at the end a fifth of them.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var since = new Option<string?>("--since") { Description = "Only lines that differ from this commit." };
        var most = new Option<int>("--most") { Description = "Most mutants, drawn by their names; 0 is no limit." };
        var tests = new Option<string?>("--tests") { Description = "Only tests whose name (class.method#row) matches this expression." };
        var slowest = new Option<double>("--slowest") { Description = "Leaves out slower tests, seconds.", DefaultValueFactory = _ => 3 };
        var limit = new Option<double>("--limit")
        {
            Description = "Seconds of tests, the quickest first, that a mutant must survive.",
            DefaultValueFactory = _ => 10,
        };
        var cover = new Option<double>("--cover")
        {
            Description = "Seconds for finding out which test reaches what, tests of the files' own names first; 0 is no limit.",
        };
        var budget = new Option<double>("--budget")
        {
            Description = "Seconds of trying after which no mutant of a folder is begun; 0 is no limit.",
        };
        var again = new Option<bool>("--again") { Description = "Tries again what survived or was not covered." };
        var below = new Option<double>("--fail-below") { Description = "Exits 1 when a smaller share (0 to 1) of the mutants is noticed." };
        var output = new Option<string>("--output")
        {
            Description = "Where results are kept, so that a run goes on where it was broken off; inside the repository.",
            DefaultValueFactory = _ => "artifacts/mutation",
        };
        var command = new RootCommand(
            "Plants small faults, one at a time, and sees whether the tests notice. Build the solution in Release first. "
                + "Results are lines of "
                + "JSON by folder; what survived is printed.")
        {
            folders, since, most, tests, slowest, limit, cover, budget, again, below, output,
        };
        command.SetAction(parsed =>
        {
            var root = Root();
            var settings = new Settings
            {
                Folders = [.. parsed.GetValue(folders)!.Select(Share)],
                Since = parsed.GetValue(since),
                Most = parsed.GetValue(most),
                Tests = parsed.GetValue(tests),
                Slowest = parsed.GetValue(slowest),
                SecondsPerMutant = parsed.GetValue(limit),
                Cover = parsed.GetValue(cover),
                Budget = parsed.GetValue(budget),
                Again = parsed.GetValue(again),
                Output = Path.Combine(root, parsed.GetValue(output)!),
            };
            Directory.CreateDirectory(settings.Output);
            var outcomes = new Campaigns(root, Console.Error.WriteLine).Run(settings);
            var equivalent = NamedMutants.Read(Path.Combine(root, "tests/mutation/equivalent.txt"));
            return Summary.Print(outcomes, equivalent, parsed.GetValue(below));
        });
        var table = new Argument<string>("table") { DefaultValueFactory = _ => "tests/mutation/planted.json", Description = "The faults." };
        var planted = new Command("planted", "Plants the faults of a table, one at a time, and expects the named tests to fail.") { table };
        planted.SetAction(parsed =>
        {
            var root = Root();
            return new Planted(root).Run(Path.Combine(root, parsed.GetValue(table)!), Path.Combine(root, "artifacts/mutation")) == 0
                ? 0
                : 1;
        });
        command.Subcommands.Add(planted);
        var reported = new Argument<string[]>("folders") { Arity = ArgumentArity.OneOrMore, Description = "Folders that were run." };
        var list = new Option<string?>("--survivors") { Description = "Writes the list of survivors to this file." };
        var report = new Command("report", "Prints the table of what runs wrote down.") { reported, list, output };
        report.SetAction(parsed =>
        {
            var root = Root();
            new Report(root).Write(
                [.. parsed.GetValue(reported)!.Select(f => f.TrimEnd('/'))],
                Path.Combine(root, parsed.GetValue(output)!),
                parsed.GetValue(list) is { } path ? Path.Combine(root, path) : null);
        });
        command.Subcommands.Add(report);
        return command.Parse(args).Invoke();
    }

    private static (string Path, double Share) Share(string folder) => folder.Split('@') is [var path, var share]
        ? (path.TrimEnd('/'), double.Parse(share, CultureInfo.InvariantCulture))
        : (folder.TrimEnd('/'), 1);

    private static string Root()
    {
        for (var folder = new DirectoryInfo(Directory.GetCurrentDirectory()); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "G2RL.Onnx.sln")))
                return folder.FullName;
        throw new InvalidOperationException("Run it inside the repository.");
    }
}
