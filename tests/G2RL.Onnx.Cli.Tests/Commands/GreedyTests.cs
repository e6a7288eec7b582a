namespace G2RL.Onnx.Cli.Tests;

/// <summary>Evaluation without chance, from the command line.</summary>
[TestClass]
public sealed class GreedyTests
{
    [TestMethod]
    public void Evaluate_Greedy_TakesOneSampleWhateverTheSeed()
    {
        using var tiny = new TinyRun();
        string Run(params string[] sets)
        {
            var row = G2rlProcess.Call(["evaluate", "--config", tiny.Config, "--json", .. sets.SelectMany(s => new[] { "--set", s })])
                .Exits(0).Rows
                .Single();
            row.Remove("seconds");
            return row.ToJsonString();
        }
        var greedy = Run("evaluation.greedy=true");
        Assert.Contains("\"samples\":1,", greedy);
        Assert.AreEqual(greedy, Run("evaluation.greedy=true", "evaluation.seed=5", "evaluation.temperature=0.3"));
        Assert.AreEqual(greedy, Run("evaluation.temperature=0", "evaluation.samples=9"));
        // Nearly without chance is nearly the same.
        Assert.AreEqual(greedy, Run("evaluation.temperature=1e-6", "evaluation.samples=1"));
        Assert.AreNotEqual(greedy, Run("evaluation.samples=1", "evaluation.seed=5"));
    }

    [TestMethod]
    public void Temperature_OutOfRange_NamesTheSettingThatWasGivenAndTheWayOut()
    {
        using var tiny = new TinyRun();
        void Refuses(string set, params string[] parts) =>
            G2rlProcess.Call("evaluate", "--config", tiny.Config, "--set", set).Refuses(parts);
        Refuses("evaluation.temperature=1e-9", "evaluation.temperature is 1E-09; it must lie in [1e-6, 1e6].", "set evaluation.greedy");
        Refuses("evaluation.temperature=-1", "evaluation.temperature is -1");
        Refuses("sampling.temperature=0", "sampling.temperature is 0; it must lie in [1e-6, 1e6].", "evaluation.greedy");
    }
}
