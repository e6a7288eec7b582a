using System.CommandLine;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>The main job on graphs that are there.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var (config, set, json) = (CommonOptions.Config(), CommonOptions.Set(), CommonOptions.Json());
        var artifacts = new Option<string>("--artifacts")
        {
            Description = "Folder with the graphs, as g2rl export --format onnx writes it; or a run that has them.",
            HelpName = "FOLDER",
            Required = true,
        };
        var watch = ReportCommand.Serving("--watch", "Serves the report's page while the run goes on");
        var run = new Option<string?>("--run") { Description = "The new run's folder; by default runs/<utc>-<name>.", HelpName = "FOLDER" };
        var command = new Command("train", """
            Trains with graphs that were written before, instead of writing them: export and then train are export-and-train in two. Each
            graph is held against the one that the model and the configuration ask for, byte for byte; another one is refused.

              g2rl export --format onnx --config g2rl.json --output graphs
              g2rl train --artifacts graphs --config g2rl.json
            """)
        {
            config,
            set,
            CommonOptions.AllowUnknownConfig,
            artifacts,
            run,
            watch,
            json,
        };
        command.SetAction(parsed =>
        {
            var resolved = CommonOptions.Load(parsed, config, set);
            return ExportAndTrainCommand.Train(
                resolved,
                settled => RunDirectory.Create(settled, TimeProvider.System, parsed.GetValue(run)),
                parsed.GetValue(json),
                parsed.GetResult(watch) is null ? null : parsed.GetValue(watch) ?? 0,
                parsed.GetValue(artifacts));
        });
        return command;
    }
}
