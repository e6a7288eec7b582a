using System.Text.Json;
using System.Text.RegularExpressions;
using G2RL.Onnx.Mutation.Running;
using G2RL.Onnx.Mutation.Weaving;

namespace G2RL.Onnx.Mutation;

/// <summary>One fault of planted.json.</summary>
/// <param name="Fault">What it does.</param>
/// <param name="File">Source file.</param>
/// <param name="Replace">What stands there, once.</param>
/// <param name="By">What is planted in its place.</param>
/// <param name="Tests">Expression of the names of the tests that must notice.</param>
internal sealed record PlantedFault(string Fault, string File, string Replace, string By, string Tests);

/// <summary>
/// Plants the faults that once went unnoticed, each by an exact change of text, and expects a test to fail: a change of the sources that
/// moves one of them is told, too.
/// </summary>
/// <param name="root">The repository.</param>
internal sealed class Planted(string root)
{
    private static readonly JsonSerializerOptions Names = new() { PropertyNameCaseInsensitive = true };

    private readonly Dictionary<Target, ProjectSource> sources = [];

    /// <summary>Plants all of a table, prints what became of each.</summary>
    /// <returns>How many went unnoticed or could not be planted.</returns>
    public int Run(string table, string output)
    {
        var missed = 0;
        foreach (var fault in JsonSerializer.Deserialize<PlantedFault[]>(File.ReadAllText(table), Names)!)
        {
            var (noticed, how) = Plant(fault, output);
            missed += noticed ? 0 : 1;
            Console.WriteLine($"{(noticed ? "red" : "NOT NOTICED")}: {fault.Fault} ({how})");
        }
        return missed;
    }

    private (bool Noticed, string How) Plant(PlantedFault fault, string output)
    {
        var target = Target.Of(fault.File)!;
        if (!sources.TryGetValue(target, out var source))
            sources[target] = source = ProjectSource.Read(Path.Combine(root, "src", target.Name, target.Name + ".csproj"));
        var text = File.ReadAllText(Path.Combine(root, fault.File)).ReplaceLineEndings("\n");
        if (text.Split(fault.Replace).Length != 2)
            return (false, $"its text stands {text.Split(fault.Replace).Length - 1} times in {fault.File}");
        if (WovenAssembly.Changed(source, Path.Combine(root, fault.File), text.Replace(fault.Replace, fault.By, StringComparison.Ordinal))
            is not { } image)
            return (false, "it does not compile");
        var bin = Path.Combine(output, "planted", "bin");
        Stage.Make(bin, Path.Combine(root, "artifacts", "bin", target.Tests, "release"), target.Assembly + ".dll", image);
        using var worker = new WorkerProcess(bin, target.Tests, target.Assembly, 1);
        var names = worker.Ask(new() { ["do"] = "names" }, _ => 120, _ => true)?["names"]!.AsArray().Select(n => (string)n!)
            .Where(n => Regex.IsMatch(n, fault.Tests, RegexOptions.NonBacktracking)).ToArray() ?? [];
        foreach (var name in names)
        {
            var line = worker.Ask(new() { ["do"] = "cover", ["test"] = name }, _ => 30, _ => true);
            if (line is null || (string?)line["end"] == nameof(TestEnd.Failed))
                return (true, name);
        }
        return (false, $"{names.Length} tests pass");
    }
}
