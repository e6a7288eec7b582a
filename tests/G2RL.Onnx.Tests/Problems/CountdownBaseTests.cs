using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

/// <summary>models/countdown-base is what its card says, on fewer problems.</summary>
[TestClass]
public sealed class CountdownBaseTests
{
    private static readonly RunConfig Config = new()
    {
        Model = SharedFolder.InRepository("models", "countdown-base"),
        Problems = new() { Set = "countdown" },
        Evaluation = new() { Problems = 200, Samples = 16 },
    };

    [TestMethod]
    public void Evaluate_HeldOutProblems_GivesWhatTheCardSays()
    {
        var result = Evaluator.Run(Config);
        Assert.AreEqual(Tolerances.CountdownBasePassAt1, result.PassAt1.Mean, Tolerances.CountdownBaseSpread);
        Assert.IsTrue(result.PassAt1.Mean is > 0.25 and < 0.6, $"pass@1 is {result.PassAt1.Mean}");
        Assert.IsGreaterThan(0.95, result.WellFormed);
        Assert.IsGreaterThan(
            result.PassAt1.Mean + 0.3,
            result.PassAtN,
            "what is right differs from sample to sample: there is something to explore");
    }

    [TestMethod]
    public void Draw_ProblemsThatItSolves_FindsSeveralSolutions()
    {
        using var inputs = new RunInputs(Config, null);
        using var sampler = new Sampler(inputs.Policy, inputs.Tokenizer, inputs.EvaluationSampler());
        var problems = inputs.Problems.HeldOut(100);
        var drawn = sampler.Draw(new DrawRequest([.. problems.Select(inputs.Encode)], 32, Seed: 1, Step: 0));
        var solutions = problems.Select((p, i) => drawn[i].Where(r => inputs.Problems.Judge(p, r.Text, r.Finished).Score > 0)
            .Select(r => r.Text)
            .Distinct()
            .Count()).Where(n => n > 0).ToArray();
        Assert.IsGreaterThan(60, solutions.Length);
        Assert.IsGreaterThan(2.0, solutions.Average(), "different right answers of 32 samples to a problem that is solved at all");
    }
}
