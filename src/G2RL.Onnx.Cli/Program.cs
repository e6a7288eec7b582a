using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training;
var config = RunConfigFile.Load(null, args);
using var trainer = new Trainer(config, null, new TrainingEvents
{
    Step = m => Console.WriteLine(string.Join(' ', m.Values.Select(v => $"{v.Key}={v.Value:G4}"))),
    Evaluation = e => Console.WriteLine(e.ToJson().ToJsonString()),
    Warning = Console.WriteLine,
});
using var run = RunDirectory.Create(config, TimeProvider.System);
trainer.Run(run);
return 0;
