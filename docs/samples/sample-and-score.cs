#:project ../../src/G2RL.Onnx
#:property PublishAot=false
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts.Generation;
using G2RL.Onnx.Tokenizers;

// What a model says and what it thinks of an answer: dotnet run docs/samples/sample-and-score.cs -- models/arithmetic-base
var path = args.Length > 0 ? args[0] : "models/arithmetic-base";
using var policy = Policy.Load(path);
var tokenizer = Tokenizer.Load(ModelPlace.Of(path).Folder);

foreach (var rollout in policy.Sample(tokenizer, "12+30=", count: 4, seed: 1))
    Console.WriteLine($"said {rollout.Text}, {rollout.LogProbs.Sum():0.000} nats");

var scores = policy.Score(tokenizer, "12+30=", "42", withHidden: true);
var width = scores.HiddenStates!.Length / scores.LogProbs.Length;
Console.WriteLine($"thinks {scores.LogProbs.Sum():0.000} nats of 42; the last token's hidden state has {width} numbers");

var features = policy.Features(tokenizer, "12+30=", "42", "41");
Console.WriteLine($"features of {features[0].Length} numbers");
