#:project ../../src/G2RL.Onnx
#:property PublishAot=false
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training;

// Sums of two numbers, and a reward of one's own: above 0 when the sum is right, and the higher the briefer the answer.
Problem Sum(int a, int b) => new($"{a}+{b}", $"{a}+{b}=", $"{a + b}");
Outcome Judge(Problem problem, string completion) =>
    Outcome.Scored((completion.Split('=')[^1] == problem.Answer ? 1 : 0) - Math.Min(0.9, completion.Length / 100.0));
var all = Enumerable.Range(0, 900).Select(i => Sum(10 + i % 30, 10 + i / 30)).ToArray();
var problems = new FunctionProblemSet("brief sums", all[..700], all[700..], Judge);

// Settings by name, as --set takes them; those of the command line win: dotnet run brief-sums.cs -- steps=40 seed=1
var config = RunConfigFile.Load(path: null, ["name=brief-sums", "steps=20", "evaluation.problems=100", .. args]);

using var trainer = new Trainer(config, problems, new() { Step = m => Console.WriteLine($"step {m.Step + 1}: reward {m.Values["reward/mean"]:0.000}") });
using var run = RunDirectory.Create(config, TimeProvider.System);
var result = trainer.Run(run);
trainer.Export(Path.Combine(run.Folder, "model"));
Console.WriteLine($"pass@1 {result.Before?.PassAt1.Mean:P1} -> {result.After?.PassAt1.Mean:P1}, model in {Path.Combine(run.Folder, "model")}");
