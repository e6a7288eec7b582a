// Kills the main job with SIGKILL at random moments, resumes it until it is done, and compares the result with a run that was left alone:
// final weights, optimizer state and exported model by SHA-256, metrics and evaluations row by row (times aside),
// logged rollouts by SHA-256.
//
//   dotnet run --project tools/KillAndResume -c Release -- --kills 20 -- --set steps=30
//   dotnet run --project tools/KillAndResume -c Release -- --kills 100 -- --config tools/KillAndResume/much-state.json
//
// What stands behind the second "--" is handed to g2rl export-and-train. Exit code 0: every run equals the one left alone.
using System.CommandLine;
using G2RL.Onnx.Tools.KillAndResume;

var kills = new Option<int>("--kills") { Description = "Kills in all.", DefaultValueFactory = _ => 20 };
var seed = new Option<int>("--seed") { Description = "Seed of the moments.", DefaultValueFactory = _ => 1 };
var work = new Option<string?>("--work")
{
    Description = "Folder for the runs, new or empty; a temporary one by default, removed when all is well.",
    HelpName = "FOLDER",
};
var job = new Argument<string[]>("job") { Description = "Arguments of g2rl export-and-train, behind --.", DefaultValueFactory = _ => [] };
var root = new RootCommand("Kills the main job at random moments and checks that --resume leads to the same bytes.")
{
    kills,
    seed,
    work,
    job,
};
root.SetAction(parsed =>
{
    var folder = parsed.GetValue(work) ?? Directory.CreateTempSubdirectory("g2rl-kill-").FullName;
    var equal = new Experiment(folder, parsed.GetValue(job)!, parsed.GetValue(seed)).Run(parsed.GetValue(kills));
    if (equal && parsed.GetValue(work) is null)
        Directory.Delete(folder, recursive: true);
    else
        Console.WriteLine($"The runs are in {folder}.");
    return equal ? 0 : 1;
});
return root.Parse(args).Invoke();
