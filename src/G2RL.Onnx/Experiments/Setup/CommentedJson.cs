using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Experiments.Setup;

/// <summary>Settings by dotted name, each with a comment above it, as the JSON that a configuration is read from.</summary>
internal sealed class CommentedJson
{
    private const int Width = 110;

    private readonly List<(string Name, JsonNode? Value, string Comment)> entries = [];

    /// <summary>Adds a setting; those of a group must follow each other.</summary>
    public void Add(string name, JsonNode? value, string comment) => entries.Add((name, value, comment));

    /// <summary>The whole, below a head of its own.</summary>
    public string Write(IEnumerable<string> head)
    {
        var text = new StringBuilder();
        foreach (var line in head)
            text.Append(line.Length > 0 ? $"// {line}\n" : "//\n");
        text.Append("{\n");
        Group(text, entries.Select(e => (e.Name.Split('.'), e.Value, e.Comment)).ToArray(), "  ");
        return text.Append("}\n").ToString();
    }

    private static void Group(StringBuilder text, (string[] Names, JsonNode? Value, string Comment)[] own, string indent)
    {
        for (var i = 0; i < own.Length;)
        {
            var (names, value, comment) = own[i];
            var members = own.Skip(i).TakeWhile(e => names.Length > 1 && e.Names.Length > 1 && e.Names[0] == names[0]).ToArray();
            if (members.Length == 0)
            {
                foreach (var line in Lines(comment, Width - indent.Length))
                    text.Append(indent).Append("// ").Append(line).Append('\n');
                text.Append(indent).Append($"\"{names[0]}\": ").Append(value?.ToJsonString(RunConfigFile.Options) ?? "null");
            }
            else
            {
                text.Append(indent).Append($"\"{names[0]}\": {{\n");
                Group(text, [.. members.Select(m => (m.Names[1..], m.Value, m.Comment))], indent + "  ");
                text.Append(indent).Append('}');
            }
            i += Math.Max(1, members.Length);
            text.Append(i < own.Length ? ",\n" : "\n");
        }
    }

    private static IEnumerable<string> Lines(string comment, int width)
    {
        var line = new StringBuilder();
        foreach (var word in comment.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + word.Length >= width)
            {
                yield return line.ToString();
                line.Clear();
            }
            line.Append(line.Length > 0 ? " " : "").Append(word);
        }
        if (line.Length > 0)
            yield return line.ToString();
    }
}
