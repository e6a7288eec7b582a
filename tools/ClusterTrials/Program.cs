// Trials of many machines on this one, each of which ends in numbers and in bytes that are compared with a run on one process:
//
//   dotnet run --project tools/ClusterTrials -c Release -- bytes
//   dotnet run --project tools/ClusterTrials -c Release -- faults --kills 20
//   dotnet run --project tools/ClusterTrials -c Release -- speed
//   dotnet run --project tools/ClusterTrials -c Release -- weights --numbers 850000000 --at /dev/shm
//
// bytes: runs and comparisons by one to three workers. faults: workers killed at random moments, suspended, slowed down, cut off from the
// network (Linux, as root), joining late while a dead member is listed, all gone; the trainer killed. speed: a step, an evaluation and a
// comparison with one worker and with two, a core each. weights: a version by file beside the plain write and read of as many bytes, and
// by differences. --only takes some of a part, --log keeps what was found, --kept what one process gave, so that a part can be run in
// several pieces; `table` writes what is kept into docs/results/cluster.md. Exit code 0: all bytes were equal and every bound held.
using System.CommandLine;
using G2RL.Onnx.Tools.ClusterTrials;

var log = new Option<string?>("--log") { Description = "File that receives the findings, a JSON object a line.", Recursive = true };
var kept = new Option<string?>("--kept") { Description = "Folder that keeps what one process gives.", Recursive = true };
var only = new Option<string>("--only")
{
    Description = "Only trials whose name contains this.",
    Recursive = true,
    DefaultValueFactory = _ => "",
};
var kills = new Option<int>("--kills") { Description = "Kills in all.", DefaultValueFactory = _ => 20 };
var steps = new Option<int>("--steps") { Description = "Steps of each run.", DefaultValueFactory = _ => 40 };
var seed = new Option<int>("--seed") { Description = "Seed of the moments.", DefaultValueFactory = _ => 1 };
var numbers = new Option<int>("--numbers") { Description = "Weights of the model.", DefaultValueFactory = _ => 850_000_000 };
var at = new Option<string>("--at") { Description = "Folder for files of weights.", DefaultValueFactory = _ => "/dev/shm" };
var page = new Option<string>("--page") { Description = "The page.", DefaultValueFactory = _ => "docs/results/cluster.md" };

var bytes = Part("bytes", "Runs and comparisons by one to three workers.", p => BytesTrials.Run(p.GetValue(only)!));
var faults = Part(
    "faults",
    "Workers that die, stand still, are slow, cut off or late.",
    p => FaultTrials.Run(p.GetValue(kills), p.GetValue(steps), p.GetValue(seed), p.GetValue(only)!),
    kills,
    steps,
    seed);
var speed = Part("speed", "One worker and two.", p => SpeedTrials.Run(p.GetValue(only)!));
var weights = Part(
    "weights",
    "Ways of weights.",
    p => WeightTrials.Run(p.GetValue(numbers), p.GetValue(at)!, p.GetValue(only)!),
    numbers,
    at);
var table = new Command("table", "Writes what is kept into a page.") { page };
table.SetAction(p => Findings.Table(p.GetValue(log) ?? "docs/results/cluster/trials.jsonl", p.GetValue(page)!));
var root = new RootCommand("Trials of many machines on this one.") { log, kept, only, bytes, faults, speed, weights, table };
return root.Parse(args).Invoke();

Command Part(string name, string what, Func<ParseResult, bool> run, params Option[] options)
{
    var command = new Command(name, what);
    foreach (var option in options)
        command.Options.Add(option);
    command.SetAction(parsed =>
    {
        (Findings.File, Findings.Part, Trial.Kept) = (parsed.GetValue(log), name, parsed.GetValue(kept));
        return run(parsed) ? 0 : 1;
    });
    return command;
}
