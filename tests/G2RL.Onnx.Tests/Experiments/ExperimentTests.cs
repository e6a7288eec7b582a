using System.Text.Json.Nodes;
using G2RL.Onnx.Experiments;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class ExperimentTests
{
    [TestMethod]
    public void Cells_TwoBasesTwoArmsTwoSeeds_ComeSeedBySeedWithTheirSettings()
    {
        var experiment = Load("""
            {
              // comments and trailing commas are welcome
              "name": "two", "seeds": [7, 9],
              "run": { "steps": 30, "problems": { "set": "arithmetic", "settings": { "maxOperands": 3, "bound": 500 } }, "algorithm": { "lambda": 0.25 } },
              "bases": [ { "name": "one" }, { "name": "other", "settings": { "steps": 20, "problems": { "settings": { "maxOperands": 2 } } } } ],
              "arms": [ { "name": "grpo", "settings": { "algorithm": { "name": "grpo" } } }, { "name": "g2rl", "settings": { "algorithm": { "name": "g2rl" }, "evaluation": { "problems": 10 } } }, ],
            }
            """);
        var cells = ExperimentFile.Cells(experiment);
        CollectionAssert.AreEqual(
            new[]
            {
                "one / grpo / seed 7",
                "one / g2rl / seed 7",
                "one / grpo / seed 9",
                "one / g2rl / seed 9",
                "other / grpo / seed 7",
                "other / g2rl / seed 7",
                "other / grpo / seed 9",
                "other / g2rl / seed 9",
            },
            cells.Select(c => c.ToString()).ToArray());
        var last = cells[^1];
        Assert.AreEqual((Path.Combine("other", "g2rl", "seed-9"), 20, "g2rl", 0.25, 10, 9UL), (last.Folder, last.Config.Steps,
            last.Config.Algorithm.Name, last.Config.Algorithm.Lambda, last.Config.Evaluation.Problems, last.Config.Seed));
        Assert.AreEqual((30, 500), (cells[0].Config.Steps, cells[0].Config.Evaluation.Problems));
        // The settings of a problem set are one value: nothing of the shared ones is left.
        Assert.AreEqual("""{"maxOperands":2}""", JsonNode.Parse(last.Config.Problems.Settings.ToString()!)!.ToJsonString());
        // What is written out reads back as the same experiment.
        Assert.AreEqual(ExperimentFile.ToJson(experiment), ExperimentFile.ToJson(Load(ExperimentFile.ToJson(experiment))));
    }

    [TestMethod]
    [DataRow(
        """{ "arm": [], "geometry": { "problem": 3 }, "bases": [ { "nmae": "x" } ] }""",
        "there is no 'arm' in an experiment",
        "there is no 'problem' in geometry",
        "there is no 'nmae' in bases[0]; there are: name, settings.")]
    [DataRow(
        """{ "run": { "stesp": 3, "seed": 1 }, "arms": [ { "name": "grpo", "settings": { "algorithm": { "nam": "grpo" }, "output": "x" } } ] }""",
        "run: there is no setting 'stesp'. Nearest: steps",
        "run: 'seed' is given by the experiment",
        "arms: grpo: there is no setting 'algorithm.nam'",
        "arms: grpo: 'output' is given")]
    [DataRow(
        """{ "arms": [], "seeds": [], "bases": [] }""",
        "arms is empty",
        "seeds is empty",
        "bases is empty",
        "baseline is 'grpo'; it must be one of the arms")]
    [DataRow(
        """{ "arms": [ { "name": "a/b" }, { "name": "grpo" }, { "name": "GRPO" }, { "name": "before" } ], "seeds": [1, 1], "contrasts": [ { "arm": "grpo", "against": "x" } ] }""",
        "the name 'a/b'",
        "'grpo' occurs 2 times",
        "'before' stands for the base model",
        "seeds holds 1 2 times",
        "there is no arm 'x'")]
    [DataRow(
        """{ "run": { "sampling": { "groupSize": 1 } }, "arms": [ { "name": "grpo", "settings": { "algorithm": { "name": "nothing" } } }, { "name": "b", "settings": { "algorithm": { "lambda": -1 } } } ] }""",
        "base / grpo: sampling.groupSize is 1",
        "base / grpo: algorithm.name is 'nothing'",
        "base / b: algorithm.lambda is -1")]
    [DataRow("""{ "seeds": [-1] }""", "seeds[0] is of the wrong kind")]
    [DataRow("""{ "arms": [ { "name": "grpo", "settings": { "steps": "many" } } ] }""", "base / grpo: steps is \"many\"")]
    [DataRow("""{ "geometry": { "samples": 1 } }""", "geometry.samples is 1")]
    [DataRow("""{ "seeds": [1 }""", "line 1", "is not valid JSON")]
    [DataRow("""[]""", "is a JSON object")]
    public void Load_Faults_AreToldAllAtOnce(string json, params string[] parts)
    {
        var e = Assert.ThrowsExactly<InputException>(() => Load(json));
        foreach (var part in parts)
            Assert.Contains(part, e.Message);
    }

    [TestMethod]
    public void Differences_ThreeSeeds_ArePairedBySeed()
    {
        var experiment = new Experiment { Seeds = [0, 1, 2], Contrasts = [new("grpo", "g2rl")] };
        JsonObject Row(
            string arm,
            int seed,
            double pass) => new() { ["base"] = "base", ["arm"] = arm, ["seed"] = seed, ["samples"] = 4, ["pass@1"] = pass };
        // Out of order and with a seed that grpo lacks: pairs are (.50, .53), (.60, .65); differences .03 and .05.
        JsonObject[] rows = [Row("g2rl", 2, 0.9), Row("g2rl", 1, 0.65), Row("grpo", 0, 0.5), Row("g2rl", 0, 0.53), Row("grpo", 1, 0.6)];
        var difference = ExperimentTable.Differences(experiment, rows).Single(d => d.Arm == "g2rl");
        Assert.AreEqual("grpo", difference.Against);
        CollectionAssert.AreEqual(new[] { 0.03, 0.05 }, difference.Values.Select(v => Math.Round(v, 12)).ToArray());
        // mean .04, s = .0141421, t(.975, 1) = 12.7062: half width 12.7062 x .0141421 / sqrt 2 = .127062.
        Assert.AreEqual(
            (0.04, -0.087062, 0.167062),
            (Math.Round(difference.Mean.Mean, 12), Math.Round(difference.Mean.Low, 6), Math.Round(difference.Mean.High, 6)));
        // Two values: every resample's mean is .03, .04 or .05.
        Assert.AreEqual((0.03, 0.05), (Math.Round(difference.Bootstrap.Low, 12), Math.Round(difference.Bootstrap.High, 12)));
        Assert.IsFalse(difference.IsClear);
        Assert.AreEqual(-0.04, ExperimentTable.Differences(experiment, rows).Single(d => d.Arm == "grpo").Mean.Mean, 1e-12);
        var values = ExperimentTable.Values(experiment, rows);
        CollectionAssert.AreEqual(new[] { "grpo 2", "g2rl 3" }, values.Select(v => $"{v.Arm} {v.Values.Count}").ToArray());
        Assert.AreEqual(1, values[1].Mean.High, "a share ends at 1");
    }

    private static Experiment Load(string json)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("g2rl-test-").FullName, "experiment.json");
        try
        {
            File.WriteAllText(path, json);
            return ExperimentFile.Load(path);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }
}
