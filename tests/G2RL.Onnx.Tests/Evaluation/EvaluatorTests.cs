using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems.Prompts;
using G2RL.Onnx.Tests.Runs;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Tests;

/// <summary>Evaluations of a small model: their log, their progress, and grading without a model.</summary>
[TestClass]
public sealed class EvaluatorTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly Scratch scratch = new();

    private string Samples => Path.Combine(scratch.Path, "samples.jsonl");

    public void Dispose()
    {
        scratch.Dispose();
        model.Dispose();
    }

    [TestMethod]
    public void RunAll_WithALog_CountsWhatIsDrawnAndGradesToTheSameNumbers()
    {
        var config = model.Config with
        {
            Evaluation = new() { Problems = 5, Samples = 3, Repeats = 2 },
            Sampling = model.Config.Sampling with { MaxPromptTokens = 20 },
        };
        var progress = new List<(int Done, int Of)>();
        var (name, result) = Evaluator.RunAll(config, Samples, (done, of) =>
        {
            lock (progress)
                progress.Add((done, of));
        }).Single();
        Assert.AreEqual(config.Problems.Set, name);
        Assert.AreEqual((5, 3, 2, 0), (result.Problems, result.Samples, result.Repeats, result.Step));
        Assert.AreEqual((30, 30), (progress.Max(p => p.Done), progress.Min(p => p.Of)));
        Assert.IsTrue(progress.All(p => p is { Done: >= 0, Of: 30 }));
        var rows = File.ReadAllLines(Samples);
        Assert.HasCount(1 + 30, rows);
        var header = JsonNode.Parse(rows[0])!;
        Assert.AreEqual("g2rl evaluate", (string?)header["samples_of"]);
        Assert.AreEqual(5, (int)header["configuration"]!["evaluation"]!["problems"]!);
        Assert.IsGreaterThan(0, ((string)header["weights"]!).Length);
        // Judged again from the file, without repeats: the same shares, all samples side by side.
        var graded = Evaluator.Grade(config, Samples).Single().Result;
        Assert.AreEqual(result.PassAt1.Mean, graded.PassAt1.Mean, 1e-12);
        Assert.AreEqual(
            (5, 6, result.WellFormed, result.Truncated, result.ResponseLength),
            (graded.Problems, graded.Samples, graded.WellFormed, graded.Truncated, graded.ResponseLength));
        // Killed behind the first problem: the others are drawn, in one part, and the rows are the same.
        var whole = File.ReadAllBytes(Samples);
        File.WriteAllLines(Samples, rows[..7]);
        progress.Clear();
        Evaluator.RunAll(config, Samples, (done, of) =>
        {
            lock (progress)
                progress.Add((done, of));
        });
        CollectionAssert.AreEqual(whole, File.ReadAllBytes(Samples));
        Assert.AreEqual((6, 30), (progress.Min(p => p.Done), progress.Max(p => p.Done)));
        // And drawn without a log: the log changes no sample.
        var plain = Evaluator.RunAll(config).Single().Result;
        CollectionAssert.AreEqual(result.ByProblem.ToArray(), plain.ByProblem.ToArray());
        Assert.AreEqual(result with { Seconds = 0 }, plain with
        {
            Seconds = 0,
            ByProblem = result.ByProblem,
            PassAtK = result.PassAtK,
            MajorityAtK = result.MajorityAtK,
            Benchmarks = result.Benchmarks,
        });
    }

    [TestMethod]
    public void RunAll_CancelledAndBegunAgain_EndsInTheSameRows()
    {
        // 300 samples of each: a part of the log holds one problem.
        var config = model.Config with { Evaluation = new() { Problems = 3, Samples = 300 } };
        Evaluator.RunAll(config, Samples);
        var whole = File.ReadAllBytes(Samples);
        var first = 1 + 300;
        File.WriteAllLines(Samples, File.ReadLines(Samples).Take(first + 10).ToArray());
        var progress = new List<int>();
        Evaluator.RunAll(config, Samples, (done, of) =>
        {
            lock (progress)
                progress.Add(done);
        });
        CollectionAssert.AreEqual(whole, File.ReadAllBytes(Samples));
        // What was there counts at once, and is not drawn again.
        Assert.AreEqual(300, progress.Min());
        Assert.AreEqual(900, progress.Max());
        // Another model's samples are not taken.
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Evaluator.RunAll(
                config with { Sampling = config.Sampling with { MaxNewTokens = 3 } }, Samples)).Message,
            "another evaluation");
    }

    [TestMethod]
    public void RunAll_Benchmarks_StandForThemselves()
    {
        var config = Benchmarks("one", "two");
        var notes = new List<string>();
        var results = Evaluator.RunAll(config, Samples, warn: notes.Add);
        CollectionAssert.AreEqual(new[] { "one", "two" }, results.Select(r => r.Name).ToArray());
        Assert.IsTrue(results.All(r => r.Result is { Problems: 2, Samples: 2 }));
        Assert.HasCount(1 + 4 + 4, File.ReadAllLines(Samples));
        var graded = Evaluator.Grade(config, Samples);
        CollectionAssert.AreEqual(results.Select(r => r.Result.PassAt1).ToArray(), graded.Select(r => r.Result.PassAt1).ToArray());
    }

    [TestMethod]
    public void RunAll_OwnProblemsThatAreTooLong_AreLeftOutWithAWord()
    {
        var config = model.Config with
        {
            Evaluation = new() { Problems = 50 },
            Problems = model.Config.Problems with { TooLong = TooLong.Skip },
            Sampling = model.Config.Sampling with { MaxPromptTokens = 5 },
        };
        var words = new List<string>();
        var result = Evaluator.RunAll(config, warn: words.Add).Single().Result;
        Assert.IsInRange(1, 49, result.Problems);
        Assert.Contains(" are left out", words.Single());
    }

    // One problem is asked for, and the first is too long: the second takes its place.
    [TestMethod]
    public void Run_FirstProblemTooLong_TakesTheNext()
    {
        var config = model.Config with
        {
            Evaluation = new() { Problems = 1, Samples = 2 },
            Problems = new()
            {
                Set = "file",
                TooLong = TooLong.Skip,
                Settings = HeldOut(Rows("own", ("123456789+1=", "2"), ("1+2=", "2"))),
            },
            Sampling = model.Config.Sampling with { MaxPromptTokens = 5, GroupSize = 2, MaxNewTokens = 1 },
        };
        var backend = new FakeBackend();
        Assert.AreEqual(0.5, Evaluator.Run(config, backend: backend).PassAt1.Mean);
        var words = new List<string>();
        Assert.AreEqual((1, 0.5), Evaluator.RunAll(config, warn: words.Add, backend: backend).Single().Result is var all
            ? (all.Problems, all.PassAt1.Mean) : default);
        Assert.AreEqual("1 of 2 problems are left out", words.Single()[..28]);
        Assert.IsTrue(backend.Draws is [{ Request.Prompts: [{ Length: 4 }] }, { Request.Prompts: [{ Length: 4 }] }]);
        var geometry = GeometryMeasurement.Run(config, new() { Problems = 1, Samples = 2, OtherTemperatures = [] }).Single();
        Assert.AreEqual((1, 1L), (geometry.Problems, geometry.Gradient.Pairs));
    }

    [TestMethod]
    public void RunAll_WhatIsLeftOutOfABenchmark_IsTold()
    {
        var words = new List<string>();
        var config = Benchmarks("one");
        Rows("one", ("123456789+1=", "2"), ("1+2=", "2"), ("1+2=", "2"));
        var results = Evaluator.RunAll(
            config with
            {
                Problems = config.Problems with { TooLong = TooLong.Skip },
                Sampling = config.Sampling with { MaxPromptTokens = 5 },
            },
            warn: words.Add,
            backend: new FakeBackend());
        Assert.AreEqual((1, 0.5), (results.Single().Result.Problems, results[0].Result.PassAt1.Mean));
        Assert.HasCount(2, words);
        StringAssert.StartsWith(words[0], "one: 1 of 2 problems are left out (problems.tooLong is skip)");
        StringAssert.EndsWith(words[1], ": 1 rows repeat an earlier prompt and are left out.");
    }

    [TestMethod]
    public void Grade_WithoutBenchmarks_IsOfTheRunsOwnProblems()
    {
        var config = model.Config with { Problems = new() { Set = "file", Settings = HeldOut(Rows("own", ("1+2=", "3"))) } };
        File.WriteAllText(Samples, "{\"index\":0,\"completion\":\"3\"}\n");
        var (name, result) = Evaluator.Grade(config, Samples).Single();
        Assert.AreEqual(("file", 1.0), (name, result.PassAt1.Mean));
    }

    [TestMethod]
    public void Grade_ProblemsWithoutCompletions_AreLeftOutWithAWord()
    {
        File.WriteAllText(Samples, "{\"benchmark\":\"two\",\"index\":1,\"completion\":\"5\"}\n");
        var words = new List<string>();
        var (name, result) = Evaluator.Grade(Benchmarks("one", "two"), Samples, words.Add).Single();
        Assert.AreEqual(("two", 1, 1.0), (name, result.Problems, result.PassAt1.Mean));
        CollectionAssert.AreEqual(
            new[]
            {
                "one: 2 of 2 problems have no completion and are left out.",
                "two: 1 of 2 problems have no completion and are left out.",
            },
            words);
        // All there: no word.
        File.WriteAllText(Samples, "{\"index\":0,\"completion\":\"3\"}\n{\"index\":1,\"completion\":\"3\"}\n");
        words.Clear();
        Assert.AreEqual(0.5, Evaluator.Grade(Benchmarks("one"), Samples, words.Add).Single().Result.PassAt1.Mean);
        Assert.IsEmpty(words);
    }

    [TestMethod]
    public void Grade_FaultyConfiguration_IsRefusedFirst()
    {
        File.WriteAllText(Samples, "{\"index\":0,\"completion\":\"3\"}\n");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Evaluator.Grade(model.Config with { Steps = -1 }, Samples)).Message,
            "steps is -1");
    }

    [TestMethod]
    public void Run_NoHeldOutProblems_IsRefused()
    {
        using var inputs = new Training.RunInputs(model.Config, TinyModel.Problems());
        var empty = new Problems.FunctionProblemSet("empty", [new("t", "1+1=", "2")], [], (_, _) => Problems.Outcome.Judged(true));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Evaluator.Run(
                inputs.Policy, inputs.Tokenizer, empty, inputs.Encode, inputs.EvaluationSampler(), 4, 2, 0, 0)).Message,
            "Problem set 'empty' has no held-out problems to evaluate on.");
    }

    [TestMethod]
    public void Run_ByItsParts_EqualsTheWholeAndTellsItsProgress()
    {
        var (config, problems) = (model.Config, TinyModel.Problems());
        using var inputs = new Training.RunInputs(config, problems);
        var progress = new List<(int Done, int Of)>();
        var parts = Evaluator.Run(
            inputs.Policy,
            inputs.Tokenizer,
            problems,
            inputs.Encode,
            inputs.EvaluationSampler(),
            config.Evaluation.Problems,
            config.Evaluation.Samples,
            config.Evaluation.Seed,
            step: 9,
            (done, of) =>
            {
                lock (progress)
                    progress.Add((done, of));
            });
        Assert.AreEqual((9, 4, 2), (parts.Step, parts.Problems, parts.Samples));
        Assert.AreEqual(parts.PassAt1, Evaluator.Run(config, problems).PassAt1);
        Assert.AreEqual((8, 8), (progress.Max(p => p.Done), progress.Max(p => p.Of)));
        // Nobody has to listen, and somebody else may draw.
        EvaluationResult Drawn(IBackend? backend) => Evaluator.Run(
            inputs.Policy, inputs.Tokenizer, problems, inputs.Encode, inputs.EvaluationSampler(), 1, 2, 0, 0, backend: backend);
        Assert.AreEqual(2, Drawn(null).Samples);
        var fake = new FakeBackend();
        Assert.AreEqual(0.5, Drawn(fake).PassAt1.Mean, "one of its two texts is right");
        Assert.AreEqual((1, 2), fake.Draws.Single() is var draw ? (draw.Request.Prompts.Count, draw.Request.Samples) : default);
    }

    // Files of two problems, of the answers 3 and 5.
    private RunConfig Benchmarks(params string[] names) => model.Config with
    {
        Evaluation = new()
        {
            Samples = 2,
            Benchmarks = [.. names.Select(name => new BenchmarkConfig
            {
                Name = name,
                Set = "file",
                Settings = HeldOut(Rows(name, ("1+2=", "3"), ("2+3=", "5"))),
            })],
        },
    };

    private string Rows(string name, params (string Problem, string Answer)[] rows)
    {
        var path = Path.Combine(scratch.Path, name + ".jsonl");
        File.WriteAllLines(path, rows.Select(r => JsonSerializer.Serialize(new { problem = r.Problem, answer = r.Answer })));
        return path;
    }

    private static JsonElement HeldOut(string path) => JsonSerializer.SerializeToElement(new { heldOut = path });
}
