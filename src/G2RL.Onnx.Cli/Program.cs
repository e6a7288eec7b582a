using G2RL.Onnx.Training;
using System.Diagnostics;
var config = PretrainConfig.Load(args[0]);
var sw = Stopwatch.StartNew();
Pretrainer.Run(config, args[1], 2, p => { if (p.Step % 20 == 0 || p.Step < 5) Console.WriteLine($"{p.Step} loss {p.Loss:F4} {p.TokensPerSecond:F0} tok/s {sw.Elapsed.TotalSeconds:F0}s"); });
return 0;
