using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Resuming;

namespace G2RL.Onnx.Tests;

/// <summary>What a run began with, and what is said where it has changed.</summary>
[TestClass]
public sealed class IdentityTests
{
    private static readonly RunConfig Config = new() { Model = "the-model", Algorithm = new() { Embedder = "the-embedder" } };

    private static RunIdentity Identity() => new()
    {
        Weights = "w",
        Architecture = new JsonObject { ["layers"] = 2, ["rope"] = new JsonObject { ["theta"] = 10 } },
        StopTokens = [1, 2],
        Tokens = "t",
        TrainingProblems = "p",
        HeldOutProblems = "h",
        ProblemCount = 5,
        Files = new(StringComparer.Ordinal) { ["model/config.json"] = new string('a', 64), ["algorithm.embedder"] = new string('b', 64) },
    };

    [TestMethod]
    public void Between_TheSame_SaysNothing()
    {
        var change = IdentityChange.Between(Identity(), Identity(), Config);
        Assert.IsEmpty(change.Faults);
        Assert.IsEmpty(change.Files);
    }

    [TestMethod]
    public void Between_EachChange_IsOneFaultWithItsName()
    {
        var was = Identity();
        foreach (var (now, words) in new (RunIdentity, string)[]
        {
            (was with { Weights = "x" }, "the-model: the run began with other weights (w) than the model now has (x)"),
            (was with { Architecture = new() { ["layers"] = 3, ["rope"] = new JsonObject { ["theta"] = 10 } } },
                "the-model: the model's layers was 2 and is 3"),
            (was with { Architecture = new() { ["layers"] = 2 } }, "the-model: the model's rope.theta was 10 and is (none)"),
            (was with { Architecture = new() { ["layers"] = 2, ["new"] = true, ["rope"] = new JsonObject { ["theta"] = 10 } } },
                "the-model: the model's new was (none) and is true"),
            (was with { StopTokens = [2, 1] }, "the-model: tokens [1, 2] ended a rollout, and now [2, 1] do"),
            (was with { Tokens = "u" }, "the-model: the tokenizer's tokens have other texts"),
            (was with { TrainingProblems = "q" }, "the training problems or the tokens of their prompts are others"),
            (was with { HeldOutProblems = "q" }, "the held-out problems or the tokens of their prompts are others"),
            (was with { HeldOutProblems = "q", TrainingProblems = "r", ProblemCount = 6 },
                "the problems or the tokens of their prompts are others, 6 in all and not 5"),
            (was with { Files = Files(("algorithm.embedder", 'c'), ("model/config.json", 'a')) }, "the-embedder is another embedder"),
        })
            CollectionAssert.AreEqual(new[] { words }, IdentityChange.Between(was, now, Config).Faults.ToArray());
    }

    [TestMethod]
    public void Between_OtherFiles_AreToldInOrder()
    {
        var now = Identity() with { Files = Files(("algorithm.embedder", 'b'), ("model/config.json", 'd'), ("a.jsonl", 'e')) };
        var told = IdentityChange.Between(Identity(), now, Config);
        Assert.IsEmpty(told.Faults);
        CollectionAssert.AreEqual(
            new[] { "a.jsonl (missing -> eeeeeeeeeeee)", "model/config.json (aaaaaaaaaaaa -> dddddddddddd)" }, told.Files.ToArray());
        CollectionAssert.AreEqual(
            new[] { "a.jsonl (eeeeeeeeeeee -> missing)", "model/config.json (dddddddddddd -> aaaaaaaaaaaa)" },
            IdentityChange.Between(now, Identity(), Config).Files.ToArray());
    }

    [TestMethod]
    public void Read_WhatWasWritten_IsTheSame()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-identity").FullName;
        try
        {
            Assert.IsNull(RunIdentity.Read(folder));
            var path = Path.Combine(folder, "inputs.json");
            File.WriteAllText(path, Identity().ToJson());
            var read = RunIdentity.Read(folder)!;
            var change = IdentityChange.Between(Identity(), read, Config);
            Assert.IsEmpty(change.Faults);
            Assert.IsEmpty(change.Files);
            Assert.AreEqual(Identity().ToJson(), read.ToJson());
            StringAssert.EndsWith(read.ToJson(), "}\n");
            foreach (var text in (string[])["null", "{}", "{", "5", Identity().ToJson().Replace("\"w\"", "null")])
            {
                File.WriteAllText(path, text);
                StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => RunIdentity.Read(folder)).Message, path);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static SortedDictionary<string, string> Files(params (string Name, char Hash)[] files) =>
        new(files.ToDictionary(f => f.Name, f => new string(f.Hash, 64)), StringComparer.Ordinal);
}
