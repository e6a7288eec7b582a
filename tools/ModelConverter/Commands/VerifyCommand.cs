using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Conformance;
using Spectre.Console;

namespace G2RL.Onnx.Converter.Commands;

/// <summary>A converted model against golden vectors or against another converted folder.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = "A converted folder." };
        var golden = new Option<string?>("--golden")
        {
            Description = "Folder with golden.json and golden.safetensors; by default the converted folder itself.",
            HelpName = "FOLDER",
        };
        var against = new Option<string?>("--against") { Description = "Another converted folder of the same model.", HelpName = "FOLDER" };
        var factor = new Option<double>("--tolerance-factor") { Description = "Multiplies every tolerance.", DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object instead of a table." };
        var command = new Command("verify", "Checks the folder's hashes, runs its graphs, and gives the largest differences; "
            + "ends with 1 when one is beyond its tolerance.") { model, golden, against, factor, json };
        command.SetAction(parsed =>
        {
            if (!(parsed.GetValue(factor) > 0))
                throw new InputException($"--tolerance-factor is {parsed.GetValue(factor)}; it must be above 0.");
            using var converted = new ConvertedModel(parsed.GetValue(model)!);
            converted.CheckBytes();
            var result = new Verification();
            var allowed = VerifyTolerances.For(converted.Manifest);
            if (parsed.GetValue(against) is { } otherFolder)
            {
                if (parsed.GetValue(golden) is not null)
                    throw new InputException("--golden and --against are both given; choose one.");
                using var other = new ConvertedModel(otherFolder);
                other.CheckBytes();
                PairVerifier.Run(
                    converted,
                    other,
                    result,
                    VerifyTolerances.Wider(allowed, VerifyTolerances.For(other.Manifest)).Times(parsed.GetValue(factor)));
            }
            else
            {
                using var vectors = new GoldenFolder(parsed.GetValue(golden) ?? converted.Folder);
                GoldenVerifier.Run(converted, vectors, result, allowed.Times(parsed.GetValue(factor)));
            }
            if (result.Differences.Count == 0)
                throw new InputException($"{converted.Folder}: there is nothing to compare; "
                    + $"it has the graphs {converted.Manifest.Settings.Graphs}.");
            Print(result, parsed.GetValue(json));
            return result.Differences.All(d => d.Holds) ? 0 : 1;
        });
        return command;
    }

    private static void Print(Verification result, bool json)
    {
        if (json)
        {
            var list = result.Differences.Select(d => (JsonNode)new JsonObject
            {
                ["quantity"] = d.Quantity,
                ["largest"] = double.IsFinite(d.Largest) ? d.Largest : null,
                ["allowed"] = d.Allowed,
                ["holds"] = d.Holds,
            });
            Console.WriteLine(new JsonObject
            {
                ["holds"] = result.Differences.All(d => d.Holds),
                ["differences"] = new JsonArray([.. list]),
            }.ToJsonString());
            return;
        }
        var table = new Table().Border(TableBorder.Simple).AddColumns("quantity", "largest difference", "allowed", "");
        foreach (var d in result.Differences)
            table.AddRow(d.Quantity, $"{d.Largest:0.0e+0}", $"{d.Allowed:0.0e+0}", d.Holds ? "holds" : "DIFFERS");
        Tables.Print(table);
    }
}
