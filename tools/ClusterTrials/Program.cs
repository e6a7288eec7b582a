// Trials of many machines on this one, each of which ends in numbers and in bytes that are compared with a run on one process:
//
//   dotnet run --project tools/ClusterTrials -c Release -- faults --kills 20
//   dotnet run --project tools/ClusterTrials -c Release -- speed
//   dotnet run --project tools/ClusterTrials -c Release -- weights --numbers 850000000 --folder /dev/shm
//
// faults: workers killed at random moments, suspended, slowed down, cut off from the network (Linux, as root), joining late while a dead
// member is listed. speed: a step, an evaluation and a comparison with one worker and with two, a core each. weights: a version by file
// beside the plain write and read of as many bytes, and by differences. Exit code 0: all bytes were equal and every bound held.
using System.CommandLine;
using G2RL.Onnx.Tools.ClusterTrials;

var kills = new Option<int>("--kills") { Description = "Kills in all.", DefaultValueFactory = _ => 20 };
var steps = new Option<int>("--steps") { Description = "Steps of each run.", DefaultValueFactory = _ => 40 };
var seed = new Option<int>("--seed") { Description = "Seed of the moments.", DefaultValueFactory = _ => 1 };
var only = new Option<string>("--only") { Description = "Only trials whose name contains this.", DefaultValueFactory = _ => "" };
var numbers = new Option<int>("--numbers") { Description = "Weights of the model.", DefaultValueFactory = _ => 850_000_000 };
var folder = new Option<string>("--folder") { Description = "Folder for files of weights.", DefaultValueFactory = _ => "/dev/shm" };
var faults = new Command("faults", "Workers that die, stand still, are slow, cut off or late.") { kills, steps, seed, only };
faults.SetAction(parsed => FaultTrials.Run(parsed.GetValue(kills), parsed.GetValue(steps), parsed.GetValue(seed), parsed.GetValue(only)!));
var speed = new Command("speed", "One worker and two.") { only };
speed.SetAction(parsed => SpeedTrials.Run(parsed.GetValue(only)!));
var weights = new Command("weights", "Ways of weights.") { numbers, folder };
weights.SetAction(parsed => WeightTrials.Run(parsed.GetValue(numbers), parsed.GetValue(folder)!));
return new RootCommand("Trials of many machines on this one.") { faults, speed, weights }.Parse(args).Invoke();
