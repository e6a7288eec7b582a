using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace G2RL.Onnx.Converter.Commands;

/// <summary>What a folder or file holds.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("path")
        {
            Description = "A Hugging Face folder, a converted folder, a .safetensors, .gguf or .onnx file.",
        };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object instead of a table." };
        var command = new Command("inspect", "Tells what a folder or file holds: architecture, parameters, types, operators, inputs and "
            + "outputs, and the memory that sampling and training take.") { path, json };
        command.SetAction(parsed =>
        {
            var facts = Inspection.Of(parsed.GetValue(path)!);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(facts.ToJsonString());
                return 0;
            }
            var table = new Table().Border(TableBorder.Simple).HideHeaders().AddColumns("", "");
            Add(table, "", facts);
            Tables.Print(table);
            return 0;
        });
        return command;
    }

    private static void Add(Table table, string prefix, JsonObject facts)
    {
        foreach (var (name, value) in facts)
            if (value is JsonObject inner)
                Add(table, $"{prefix}{name} ", inner);
            else
                table.AddRow(
                    Markup.Escape(prefix + name),
                    Markup.Escape(value is JsonArray list ? string.Join(Environment.NewLine, list.Select(Shown)) : Shown(value)));
    }

    private static string Shown(JsonNode? value) => value switch
    {
        null => "none",
        JsonValue text when text.TryGetValue<string>(out var plain) => plain,
        var other => other.ToJsonString(),
    };
}
