using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Problems.Mixtures;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests;

/// <summary>
/// docs/configuration.md is made from the records and their doc comments; run this test with G2RL_WRITE_DOCS=1 to write it anew.
/// </summary>
[TestClass]
public sealed class ConfigurationPageTests
{
    private static readonly string Page = SharedFolder.InRepository("docs", "configuration.md");

    private static readonly JsonSerializerOptions Values = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private static readonly XDocument Docs = XDocument.Load(Path.Combine(AppContext.BaseDirectory, "G2RL.Onnx.xml"));

    [TestMethod]
    public void Page_EverySetting_IsThereWithItsDefaultAndMeaning()
    {
        var made = Make();
        if (Environment.GetEnvironmentVariable("G2RL_WRITE_DOCS") == "1")
            File.WriteAllText(Page, made);
        Assert.AreEqual(
            made,
            File.ReadAllText(Page).ReplaceLineEndings("\n"),
            "docs/configuration.md is not what the records say; run this test once with the environment variable G2RL_WRITE_DOCS=1");
    }

    [TestMethod]
    public void Settings_AllOfThem_HaveAMeaning()
    {
        foreach (var type in new[]
        {
            typeof(RunConfig),
            typeof(ArithmeticSettings),
            typeof(FileProblemsSettings),
            typeof(ChoiceSettings),
            typeof(MixtureSource),
            typeof(CountdownSettings),
            typeof(PretrainConfig),
        })
            foreach (var (name, property, _) in Leaves(type, Activator.CreateInstance(type)!, ""))
                Assert.IsGreaterThan(0, Meaning(property).Length, $"{type.Name}.{name} has no summary");
    }

    private static string Make()
    {
        var page = new StringBuilder("""
            # Configuration

            Made from the doc comments in `src/G2RL.Onnx`; a test compares it with them. The names are those of `--config` files and of
            `--set NAME=VALUE`; a value is JSON, or else a text. `export-and-train --dry-run` prints the whole configuration of a run. Relative paths start at
            the folder that the program is started in.

            ## A run
            """);
        Table(page, typeof(RunConfig));
        page.Append("\n\n## Rewards\n\n`rewards` is a list of objects, each with its `name` and these settings; "
            + "[rewards.md](rewards.md) tells what they are for.");
        Table(page, typeof(CheckerConfig));
        foreach (var (name, kind) in RewardTable.All.Where(k => k.Value.Settings != typeof(CheckerConfig)))
        {
            page.Append($"\n\n### Settings of reward `{name}`");
            Table(page, kind.Settings, "weight", "label", "maxFailedShare", "scale");
        }
        page.Append("\n\n## Settings of problem set `arithmetic`\n\nThey stand under `problems.settings`, as in `--set "
            + "problems.settings.maxOperands=3`.");
        Table(page, typeof(ArithmeticSettings));
        page.Append("\n\n## Settings of problem sets `jsonl` and `file`\n\nThey stand under `problems.settings`, too. "
            + "The presets of [benchmarks.md](benchmarks.md) take the same ones, with defaults that fit their files.");
        Table(page, typeof(FileProblemsSettings));
        page.Append("\n\nUnder `choice` stand those of multiple choice.");
        Table(page, typeof(ChoiceSettings));
        page.Append("\n\n## Settings of problem set `mixture`\n\n`sources` is a list of problem sets in one run; each entry has these.");
        Table(page, typeof(MixtureSource));
        page.Append("\n\n## Settings of problem set `countdown`\n\nThey stand under `problems.settings`, too.");
        Table(page, typeof(CountdownSettings));
        page.Append("\n\n## A pretraining recipe\n\nThe file that `pretrain --config` reads; "
            + "under `arithmetic` or `countdown` stand the settings of the problem set that is its corpus.");
        Table(page, typeof(PretrainConfig), "arithmetic.", "countdown.");
        return page.Append('\n').ToString();
    }

    private static void Table(StringBuilder page, Type type, params string[] except)
    {
        page.Append("\n\n| setting | default | meaning |\n|---|---|---|");
        foreach (var (name, property, value) in Leaves(type, Activator.CreateInstance(type)!, "")
            .Where(l => !except.Any(e => l.Name.StartsWith(e, StringComparison.Ordinal))))
            page.Append($"\n| `{name}` | {(value is null ? "none" : $"`{JsonSerializer.Serialize(value, Values)}`")} | "
                + $"{Cell(Meaning(property) + Choices(property.PropertyType))} |");
    }

    // Settings in the order of their records; a record of ours is a group of settings.
    private static IEnumerable<(string Name, PropertyInfo Property, object? Value)> Leaves(Type type, object instance, string prefix)
    {
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite))
        {
            var (name, value) = (prefix + JsonNamingPolicy.CamelCase.ConvertName(property.Name), property.GetValue(instance));
            if (value is not null && property.PropertyType is { IsClass: true } group && group.Assembly == typeof(RunConfig).Assembly)
                foreach (var leaf in Leaves(group, value, name + "."))
                    yield return leaf;
            else
                yield return (name, property, value);
        }
    }

    private static string Choices(Type type) => !type.IsEnum ? "" : " "
        + string.Join("; ",
        Enum.GetNames(type).Select(n => $"`{JsonNamingPolicy.CamelCase.ConvertName(n)}`: {Text($"F:{type.FullName}.{n}").TrimEnd('.')}"))
        + ".";

    private static string Meaning(PropertyInfo property) => Text($"P:{property.DeclaringType!.FullName}.{property.Name}");

    private static string Text(string member)
    {
        var summary = Docs.Descendants("member").SingleOrDefault(m => (string?)m.Attribute("name") == member)?.Element("summary");
        if (summary is null)
            return "";
        var text = new StringBuilder();
        foreach (var node in summary.Nodes())
            text.Append(node switch
            {
                XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
                XElement { Name.LocalName: "see" } see => $"`{Named((string)see.Attribute("cref")!)}`",
                XElement other => other.Value,
                _ => node.ToString().Replace("&gt;", ">").Replace("&lt;", "<").Replace("&amp;", "&"),
            });
        // "Default 4." closes some summaries; the table has a column for it.
        return Regex.Replace(
            Regex.Replace(text.ToString(), @"\s+", " ", RegexOptions.NonBacktracking).Trim(),
            @" Default [^ ]+\.$",
            "",
            RegexOptions.NonBacktracking);
    }

    // A property or a value of ours is written as in JSON, a method as in C#.
    private static string Named(string cref)
    {
        var parts = cref.Split('(')[0].Split('.');
        return cref[0] == 'M' ? $"{parts[^2]}.{parts[^1]}" : JsonNamingPolicy.CamelCase.ConvertName(parts[^1]);
    }

    private static string Cell(string text) => text.Replace("|", "\\|").Replace("<", "&lt;");
}
