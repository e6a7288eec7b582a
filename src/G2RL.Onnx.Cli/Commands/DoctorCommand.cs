using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>What this machine offers.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var json = CommonOptions.Json();
        var command = new Command("doctor", "Tells what this machine offers: versions, cores, memory, disk, execution providers; and what is missing.") { json };
        command.SetAction(parsed =>
        {
            var facts = RunEnvironment.Describe();
            facts["execution_providers"] = new JsonArray([.. OrtEnv.Instance().GetAvailableProviders().Select(p => (JsonNode)p)]);
            facts["free_disk_mib"] = new DriveInfo(Directory.GetCurrentDirectory()).AvailableFreeSpace >> 20;
            facts["default_model"] = File.Exists(Path.Combine("models", "arithmetic-base", "config.json")) ? "models/arithmetic-base" : null;
            if (parsed.GetValue(json))
            {
                Console.WriteLine(facts.ToJsonString());
                return 0;
            }
            foreach (var (name, value) in facts)
                Console.WriteLine($"{name,-20} {value?.ToJsonString().Trim('"') ?? "missing: run from the repository's root, or give --set model=FOLDER"}");
            return 0;
        });
        return command;
    }
}
