using System.Text.Json;
using System.Text.RegularExpressions;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests.Inputs;

/// <summary>Advice must be possible to follow: each setting that a message names exists.</summary>
[TestClass]
public sealed partial class SettingsInMessagesTests
{
    // First parts of dotted names that are no settings: keys of foreign files, tensors, graph inputs, vectors of golden files, libraries.
    private static readonly string[] Others =
    [
        "ai", "attention", "com", "d", "frozen", "fused", "gap", "general", "grads", "golden", "llama",
        "loop", "lp", "mid", "model", "output", "ppo",
        "ppoB", "rope", "rp", "score",
        "split", "tokenizer", "transformer", "objective", "wpe", "mlflow", "events",
    ];

    private static readonly string[] Extensions =
        ["bin", "css", "data", "dll", "html", "json", "jsonl", "md", "onnx", "parquet", "py", "safetensors", "so", "txt", "csv", "tsv",
            "jinja", "gguf", "arrow", "pem", "key", "yaml"];

    private static readonly HashSet<string> Known = [.. Settings(), .. Groups(Settings())];

    [TestMethod]
    public void EveryDottedNameInAMessage_IsASettingOrKnownToBeNone()
    {
        var wrong = new List<string>();
        var found = 0;
        foreach (var path in Directory.EnumerateFiles(SharedFolder.InRepository("src"), "*.cs", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal))
        {
            var number = 0;
            foreach (var line in File.ReadLines(path))
            {
                number++;
                if (line.AsSpan().TrimStart().StartsWith("//"))
                    continue;
                foreach (var name in Names(line))
                {
                    var root = name[..name.IndexOf('.', StringComparison.Ordinal)];
                    found++;
                    if (!Known.Contains(name) && !Others.Contains(root) && !Extensions.Contains(name[(name.LastIndexOf('.') + 1)..]))
                        wrong.Add($"{Path.GetFileName(path)}:{number} names '{name}'");
                }
            }
        }
        Assert.AreEqual("", string.Join('\n', wrong));
        Assert.IsGreaterThan(200, found);
    }

    [TestMethod]
    [DataRow("""faults.Add($"sampling.greedy is {x}");""", "sampling.greedy", false)]
    [DataRow("""throw new("Set jsonLines.promptField.");""", "jsonLines.promptField", false)]
    [DataRow("""throw new("Set problems.settings.promptField.");""", "problems.settings.promptField", true)]
    [DataRow("""throw new($"{a.b} with --set evaluation.greedy=true");""", "evaluation.greedy", true)]
    public void Names_OfALine_AreThoseInItsTexts(string line, string expected, bool known)
    {
        Assert.AreEqual(expected, Names(line).Single());
        Assert.AreEqual(known, Known.Contains(expected));
    }

    private static IEnumerable<string> Names(string line) =>
        Texts()
            .Matches(line)
            .SelectMany(text => Dotted().Matches(Holes().Replace(text.Groups["text"].Value, "")))
            .Select(name => name.Value);

    private static string[] Settings()
    {
        var run = ConfigSettings.Flat(RunConfigFile.ToNode(new RunConfig())).Keys;
        var ofSets = typeof(RunConfig).Assembly.GetTypes()
            .Where(type => type.Namespace?.StartsWith("G2RL.Onnx.Problems", StringComparison.Ordinal) == true
                && type.Name.EndsWith("Settings", StringComparison.Ordinal))
            .SelectMany(type => type.GetProperties())
            .Select(property => $"problems.settings.{JsonNamingPolicy.CamelCase.ConvertName(property.Name)}");
        // The group of an experiment's file.
        var ofGeometry = typeof(GeometrySettings)
            .GetProperties()
            .Select(property => $"geometry.{JsonNamingPolicy.CamelCase.ConvertName(property.Name)}");
        // The groups of a pretraining recipe. A run has the same settings under problems.settings.
        var ofRecipes = new[] { typeof(ArithmeticSettings), typeof(CountdownSettings) }.SelectMany(type => type.GetProperties()
            .Select(property => $"{type.Name[..^8].ToLowerInvariant()}.{JsonNamingPolicy.CamelCase.ConvertName(property.Name)}"));
        // The group of a fine-tuning's recipe.
        var ofData = typeof(FineTuneData)
            .GetProperties()
            .Select(property => $"data.{JsonNamingPolicy.CamelCase.ConvertName(property.Name)}");
        return [.. run, .. ofSets, .. ofGeometry, .. ofRecipes, .. ofData];
    }

    private static IEnumerable<string> Groups(IEnumerable<string> settings) =>
        settings.SelectMany(name => Enumerable.Range(0, name.Length).Where(at => name[at] == '.').Select(at => name[..at]));

    [GeneratedRegex("""
        "(?<text>(?:[^"\\]|\\.)*)"
        """)]
    private static partial Regex Texts();

    [GeneratedRegex(@"\{[^{}]*\}")]
    private static partial Regex Holes();

    [GeneratedRegex(@"(?<![\w./\\$-])[a-z][A-Za-z]*(\.[a-z][A-Za-z0-9]*)+(?![\w/(])")]
    private static partial Regex Dotted();
}
