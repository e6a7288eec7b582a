using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;

namespace G2RL.Onnx.Tests;

/// <summary>Files of a few rows in a temporary folder.</summary>
public abstract class RowFiles
{
    private protected string Folder { get; } = Directory.CreateTempSubdirectory("g2rl-rows").FullName;

    /// <summary>Removes them.</summary>
    [TestCleanup]
    public void Clean() => Directory.Delete(Folder, recursive: true);

    private protected string Write(string name, params string[] rows)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllLines(path, rows);
        return path;
    }

    private protected FileProblems Set(FileProblemsSettings settings, params string[] rows) =>
        new(settings with { HeldOut = Write("rows.jsonl", rows) }, "set");

    private protected Problem One(FileProblemsSettings settings, string row) => Set(settings, row).HeldOut(1)[0];

    private protected string Refused(FileProblemsSettings settings, params string[] rows) =>
        Assert.ThrowsExactly<InputException>(() => Set(settings, rows)).Message;
}
