using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cluster.Workers;

namespace G2RL.Onnx.Cli.Commands.Clusters;

/// <summary>This process as a worker of a cluster.</summary>
internal static class WorkerCommand
{
    public static Command Create()
    {
        var (config, set, json) = (CommonOptions.Config(), CommonOptions.Set(), CommonOptions.Json());
        var model = new Option<string?>("--model")
        {
            Description = "Folder of the model on this machine; by default where the trainer has it.",
            HelpName = "FOLDER",
        };
        var health = new Option<string?>("--health")
        {
            Description = "Address and port at which probes ask /live and /ready; by default none.",
            HelpName = "ADDRESS:PORT",
        };
        var command = new Command("worker", """
            Draws, scores and sums gradients for the trainers of a cluster until Ctrl-C or SIGTERM; then it ends the piece at hand (for
            distribution.drainSeconds) and hands back what waits. It may come and go at any time; runs do not notice, but for their speed.
            It takes distribution.* (where the cluster is), execution.threads and execution.device; all else comes from the trainer.

            Two workers of one core each on this machine, and a run that uses them:
              g2rl worker --set distribution.membership=folder:/tmp/cluster --set execution.threads=1 &
              g2rl worker --set distribution.membership=folder:/tmp/cluster --set execution.threads=1 &
              g2rl export-and-train --set distribution.membership=folder:/tmp/cluster --set distribution.workers=2
            """)
        {
            model,
            health,
            config,
            set,
            json,
        };
        command.SetAction(parsed =>
        {
            var resolved = CommonOptions.Load(parsed, config, set);
            if (resolved.Distribution.Membership.Length == 0)
                throw new InputException("distribution.membership is empty; a worker needs to know where its cluster is, for example "
                    + "--set distribution.membership=folder:/tmp/cluster.");
            using var interruption = new Interruption();
            using var progress = new ProgressLine(parsed.GetValue(json));
            using var telemetry = Telemetry.Start();
            WorkerHost.Run(
                resolved.Distribution,
                new WorkerSettings(parsed.GetValue(model), resolved.Execution) { Health = parsed.GetValue(health) },
                run => Backends.Device(run, progress.Warning) ?? Backends.Host(run),
                address =>
                {
                    var cluster = resolved.Distribution.ClusterId;
                    if (parsed.GetValue(json))
                        Console.WriteLine(new JsonObject { ["joined"] = cluster, ["address"] = address }.ToJsonString());
                    else
                        progress.Line($"worker of {cluster} at {address}; Ctrl-C ends it");
                },
                progress.Warning,
                interruption.Token).GetAwaiter().GetResult();
            return 0;
        });
        return command;
    }
}
