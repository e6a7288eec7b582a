using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class PretrainerTests
{
    [TestMethod]
    [DataRow("countdown", "3,7,9:42=(9-3)*7", 19)]
    [DataRow("arithmetic", "17+5*(9-3)=", 16)]
    public void Run_FewSteps_MakesAModelOverTheCharactersOfItsCorpus(string corpus, string text, int characters)
    {
        using var temporary = new Scratch();
        var recipe = Path.Combine(temporary.Path, "recipe.json");
        File.WriteAllText(recipe, $$"""
            { "corpus": "{{corpus}}", "hiddenSize": 16, "intermediateSize": 24, "layers": 1, "heads": 2, "keyValueHeads": 1, "headDimension": 8, "maxPositions": 256, "steps": 30, "examplesPerStep": 16, "learningRate": 2e-2, "warmupSteps": 2 }
            """);
        var (model, losses) = (Path.Combine(temporary.Path, "model"), new List<double>());
        Pretrainer.Run(PretrainConfig.Load(recipe), model, threads: 1, p => losses.Add(p.Loss));
        var tokenizer = Tokenizer.Load(model);
        Assert.AreEqual(characters + 3, tokenizer.VocabularySize);
        Assert.AreEqual(text.Length, tokenizer.Encode(text).Length);
        Assert.AreEqual(text, tokenizer.Decode(tokenizer.Encode(text)));
        Assert.HasCount(30, losses);
        Assert.IsLessThan(losses[0] - 0.3, losses[^1], "30 steps learn which characters are common");
        var result = Evaluator.Run(new RunConfig
        {
            Model = model,
            Problems = new() { Set = corpus },
            Evaluation = new() { Problems = 2, Samples = 2 },
        });
        Assert.AreEqual(2, result.Problems);
    }

    [TestMethod]
    public void Load_UnknownCorpusOrWrongSettingsOfTheChosenOne_IsRefused()
    {
        using var temporary = new Scratch();
        var recipe = Path.Combine(temporary.Path, "recipe.json");
        foreach (var (text, expected) in new[]
        {
            ("""{ "corpus": "chess" }""", "corpus is 'chess'; it must be arithmetic or countdown."),
            ("""{ "corpus": "countdown", "countdown": { "maxCount": 9 } }""", "countdown.maxCount is 9"),
            ("""{ "arithmetic": { "maxOperands": 9 } }""", "arithmetic.maxOperands is 9"),
            ("""{ "countdown": { "errorrate": 0.1, "color": 1 } }""", "color"),
        })
        {
            File.WriteAllText(recipe, text);
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => PretrainConfig.Load(recipe)).Message, expected);
        }
    }
}
