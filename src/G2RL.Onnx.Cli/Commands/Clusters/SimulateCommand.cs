using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cluster.Planning;

namespace G2RL.Onnx.Cli.Commands.Clusters;

/// <summary>What a step would take on a cluster that is not there yet.</summary>
internal static class SimulateCommand
{
    private static readonly (string Name, string Text, double Usual)[] Numbers =
    [
        ("--draw", "Seconds that one worker takes to draw a batch.", 0),
        ("--score", "Seconds that one worker takes to score it; 0 where the trainer does.", 0),
        ("--gradients", "Seconds that one worker takes for its gradients; 0 where the trainer does.", 0),
        ("--own", "Seconds of a step that the trainer takes itself.", 0),
        ("--weights-gb", "GB of weights that a worker fetches a step.", 0),
        ("--sum-gb", "GB of a shard's sum of gradients.", 0),
        ("--speed", "How much faster a worker is than the one that was measured.", 1),
        ("--bandwidth", "GB a second of the trainer's line.", 1.2),
        ("--spread", "Standard deviation of a piece's time as a share of it.", 0),
    ];

    public static Command Create()
    {
        var run = new Option<string?>("--run")
        {
            Description = "Takes the costs from a run over workers, whatever their number was.",
            HelpName = "FOLDER",
        };
        var workers = new Option<int[]>("--workers")
        {
            Description = "How many workers; several give a row each.",
            DefaultValueFactory = _ => [1, 2, 4, 8, 16, 32, 64],
            AllowMultipleArgumentsPerToken = true,
        };
        var lag = new Option<int>("--lag") { Description = "sampling.lag." };
        var shards = new Option<int>("--shards") { Description = "training.gradientShards.", DefaultValueFactory = _ => 0 };
        var each = new Option<int>("--workers-per-copy")
        {
            Description = "Workers that share a copy of the weights: those of a host with distribution.weights=file.",
            DefaultValueFactory = _ => 1,
        };
        var numbers = Numbers.ToDictionary(
            n => n.Name,
            n => new Option<double?>(n.Name)
            {
                Description = n.Usual == 0 ? n.Text : $"{n.Text} By default {n.Usual.ToString(CultureInfo.InvariantCulture)}.",
            });
        var json = CommonOptions.Json();
        var command = new Command("simulate", """
            Says what a step takes on given hardware, how long workers and trainer have nothing to do, and what the bottleneck is: event by
            event, from the costs of a step that was measured or is supposed.

            From a run with one worker here, for one to eight of them, drawing one step ahead:
              g2rl cluster simulate --run runs/mine --workers 1 2 4 8 --lag 1

            1.7 billion parameters, 64 workers eight times as fast as the one measured, bfloat16 differences of 2 %:
              g2rl cluster simulate --draw 900 --score 60 --own 8 --weights-gb 0.07 --speed 8 --workers 64 --workers-per-copy 8
            """)
        {
            run, workers, lag, shards, each, json,
        };
        foreach (var option in numbers.Values)
            command.Add(option);
        command.SetAction(parsed =>
        {
            double? Given(string name) => parsed.GetValue(numbers[name]) is not { } value ? null
                : value >= 0 && double.IsFinite(value) ? value
                : throw new InputException($"{name} is {value}; it must be 0 or more and finite.");
            double Number(string name) => Given(name) ?? Numbers.First(n => n.Name == name).Usual;
            var measured = parsed.GetValue(run) is { } folder ? MeasuredRun.Read(folder) : default;
            var costs = measured.Costs ?? new() { Draw = 0, Own = 0 };
            costs = costs with
            {
                Draw = Given("--draw") ?? costs.Draw,
                Score = Given("--score") ?? costs.Score,
                Gradients = Given("--gradients") ?? costs.Gradients,
                Own = Given("--own") ?? costs.Own,
                WeightBytes = Given("--weights-gb") * 1e9 ?? costs.WeightBytes,
                SumBytes = Given("--sum-gb") * 1e9 ?? costs.SumBytes,
                Shards = parsed.GetValue(shards) > 0 ? parsed.GetValue(shards) : costs.Shards,
                ScorePieces = measured.Costs is null ? 1024 : costs.ScorePieces,
            };
            if (costs.Draw + costs.Score + costs.Gradients + costs.Own <= 0)
                throw new InputException("A step that costs nothing has no time; give --run FOLDER, or --draw, --score, --own and so on.");
            int[] counts = parsed.GetValue(workers)!;
            foreach (var (name, value, least) in counts.Select(c => ("--workers", c, 1)).Concat(
            [
                ("--workers-per-copy", parsed.GetValue(each), 1), ("--lag", parsed.GetValue(lag), 0),
            ]))
                if (value < least || value > 10_000)
                    throw new InputException($"{name} is {value}; it must be {least} to 10000.");
            if (Number("--speed") <= 0 || Number("--bandwidth") <= 0)
                throw new InputException("--speed and --bandwidth must be above 0.");
            var rows = counts.Select(count => (count, ClusterSimulator.Run(costs, new()
            {
                Workers = count,
                Speed = Number("--speed"),
                Bandwidth = Number("--bandwidth") * 1e9,
                WorkersPerCopy = parsed.GetValue(each),
                Lag = parsed.GetValue(lag),
                Spread = Number("--spread"),
            }))).ToArray();
            Print(rows, measured.StepSeconds, measured.Workers, parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static void Print((int Workers, Prediction Said)[] rows, double measured, int workers, bool asJson)
    {
        static string Text(double value) => value.ToString("F3", CultureInfo.InvariantCulture);
        if (!asJson)
        {
            if (measured > 0)
                Console.WriteLine($"measured: {Text(measured)} s a step with {workers} worker(s)");
            Console.WriteLine("workers   step, s   workers idle   trainer waits   bottleneck   parts, s");
        }
        foreach (var (count, said) in rows)
            Console.WriteLine(asJson
                ? new JsonObject
                {
                    ["workers"] = count,
                    ["step_s"] = said.StepSeconds,
                    ["workers_idle_share"] = said.Idle,
                    ["trainer_idle_share"] = said.TrainerIdle,
                    ["bottleneck"] = said.Bottleneck,
                    ["parts_s"] = new JsonObject(said.Parts.Select(p => KeyValuePair.Create(p.Name, (JsonNode?)p.Seconds))),
                }.ToJsonString()
                : $"{count,7}   {Text(said.StepSeconds),7}   {said.Idle,12:P0}   {said.TrainerIdle,13:P0}   {said.Bottleneck,-10}   "
                    + string.Join(", ", said.Parts.Where(p => p.Seconds > 0).Select(p => $"{p.Name} {Text(p.Seconds)}")));
    }
}
