using System.Text.Json.Nodes;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cli.Tests.Tasks;

/// <summary>Benchmarks from their files, each in its own format and with our own texts, to tables and rows.</summary>
[TestClass]
public sealed class BenchmarkTests : IDisposable
{
    private static readonly string[] Names = ["math500", "gsm8k", "amc", "aime24", "aime25", "gpqa-diamond", "mmlu-pro", "verl"];

    private readonly string root = Directory.CreateTempSubdirectory("g2rl-benchmarks-").FullName;
    private readonly string model;

    public BenchmarkTests()
    {
        model = TextModel.Write(root);
        for (var i = 0; i < Names.Length; i++)
            File.WriteAllText(FileOf(Names[i]), Rows(Names[i]));
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    [TestMethod]
    public void Evaluate_EveryPresetsFormat_KilledAndBegunAgain_EndsInTheSameRows()
    {
        var whole = Path.Combine(root, "whole");
        var rows = G2rlProcess.Call([.. Command(whole), "--json"]).Exits(0).Rows;
        CollectionAssert.AreEqual(Names, rows.Select(r => (string?)r["benchmark"]).ToArray());
        foreach (var row in rows)
        {
            Assert.AreEqual(6, row["problems"]!.GetValue<int>());
            // A random model: nothing is right, and that is said.
            Assert.AreEqual(0, row["pass@1"]!.GetValue<double>());
            Assert.IsNotNull(row["pass@2"]);
            Assert.IsNotNull(row["maj@2"]);
        }
        Assert.HasCount(Names.Length, File.ReadAllLines(Path.Combine(whole, "results.jsonl")));
        var page = File.ReadAllText(Path.Combine(whole, "report.html"));
        foreach (var name in Names)
            Assert.Contains(name, page);

        KilledAndBegunAgain_HasTheSameRows(whole, Command, 4_000);
    }

    [TestMethod]
    public void Evaluate_PublishedFiles_KilledAndBegunAgain_EndsInTheSameRows()
    {
        (string Name, string File)[] files =
        [
            ("gsm8k", "gsm8k_test.jsonl"), ("math500", "math500.jsonl"), ("aime24", "aime24.jsonl"), ("aime25", "aime25.jsonl"),
            ("amc", "amc83.jsonl"), ("mmlu-pro", "mmlu_pro_test.jsonl"),
        ];
        string[] benchmarks = [.. files.SelectMany(f => new[] { "--benchmark", $"{f.Name}={SharedFolder.Require("data", f.File)}" })];
        string[] Published(string output) => ["evaluate", "--model", model, .. benchmarks, .. Short, "--set", "evaluation.problems=30",
            "--set", "problems.tooLong=skip", "--set", "problems.chat=false", "--output", output];
        var whole = Path.Combine(root, "published");
        var rows = G2rlProcess.Call([.. Published(whole), "--json"]).Exits(0).Rows;
        CollectionAssert.AreEqual(files.Select(f => f.Name).ToArray(), rows.Select(r => (string?)r["benchmark"]).ToArray());
        foreach (var row in rows)
            Assert.IsLessThan(0.2, row["pass@1"]!.GetValue<double>(), "a random model guesses at most");
        KilledAndBegunAgain_HasTheSameRows(whole, Published, 20_000);
    }

    // SIGKILL once the log has some bytes, then the same command again.
    private void KilledAndBegunAgain_HasTheSameRows(string whole, Func<string, string[]> command, int bytes)
    {
        var cut = Path.Combine(root, "cut");
        var log = Path.Combine(cut, "samples.jsonl");
        long Length() => File.Exists(log) ? new FileInfo(log).Length : 0;
        using (var process = G2rlProcess.Start(command(cut)))
        {
            while (!process.HasExited && Length() < bytes)
                Thread.Sleep(2);
            process.Kill();
        }
        Assert.IsFalse(File.Exists(Path.Combine(cut, "results.jsonl")), "it had ended before it was killed");
        var kept = Length();
        Assert.IsGreaterThan(0, kept);
        var first = File.ReadLines(log).First();
        G2rlProcess.Call(command(cut)).Exits(0);
        Assert.AreEqual(first, File.ReadLines(log).First());
        Assert.AreEqual(Text(whole, "samples.jsonl"), Text(cut, "samples.jsonl"));
        CollectionAssert.AreEqual(TinyRun.Rows(whole, "results.jsonl"), TinyRun.Rows(cut, "results.jsonl"));
    }

    [TestMethod]
    public void Evaluate_SamplesTo_AreGradedAlikeBySamplesFrom()
    {
        var samples = Path.Combine(root, "made", "samples.jsonl");
        string[] benchmarks = ["--benchmark", $"math500={FileOf("math500")}", "--benchmark", $"mmlu-pro={FileOf("mmlu-pro")}"];
        var drawn = G2rlProcess.Call(["evaluate", "--model", model, .. benchmarks, .. Short, "--samples-to", samples, "--json"])
            .Exits(0).Rows;
        var graded = G2rlProcess.Call(["evaluate", .. benchmarks, "--samples-from", samples, "--json"]).Exits(0).Rows;
        Assert.HasCount(2, graded);
        for (var i = 0; i < 2; i++)
            foreach (var name in new[] { "benchmark", "problems", "pass@1", "pass@2", "maj@2", "unparseable", "truncated" })
                Assert.AreEqual(drawn[i][name]?.ToJsonString(), graded[i][name]?.ToJsonString(), name);
    }

    [TestMethod]
    public void Evaluate_SamplesFromElsewhere_GivesTheNumbersByHand()
    {
        var samples = Path.Combine(root, "theirs.jsonl");
        // Problem i of ours has the answer i / 3. The first has one right of two, the second two spellings of it, the third none.
        File.WriteAllLines(samples, [
            """{"index": 0, "completion": "\\boxed{0}"}""", """{"index": 0, "completion": "\\boxed{1}"}""",
            """{"index": 1, "completions": ["So it is \\boxed{\\frac{1}{3}}.", "\\boxed{2/6}"]}""",
            """{"index": 2, "completion": "I cannot say."}""", """{"index": 2, "completion": "\\boxed{3}"}""",
        ]);
        var row = G2rlProcess.Call("evaluate", "--benchmark", $"math500={FileOf("math500")}", "--samples-from", samples, "--json")
            .Exits(0).Rows.Single();
        Assert.AreEqual(3, row["problems"]!.GetValue<int>());
        Assert.AreEqual(0.5, row["pass@1"]!.GetValue<double>(), 1e-12);
        Assert.AreEqual(2 / 3.0, row["pass@2"]!.GetValue<double>(), 1e-12);
        // A tie of the first, one candidate of the second, nothing right of the third.
        Assert.AreEqual(0.5, row["maj@2"]!.GetValue<double>(), 1e-12);
        Assert.AreEqual(1 / 6.0, row["unparseable"]!.GetValue<double>(), 1e-12);
        G2rlProcess.Call("evaluate", "--benchmark", $"math500={FileOf("math500")}", "--samples-from", samples, "--samples-to", samples)
            .Refuses("--samples-from", "--samples-to");
        File.AppendAllText(samples, "{\"index\": 77, \"completion\": \"1\"}\n");
        G2rlProcess.Call("evaluate", "--benchmark", $"math500={FileOf("math500")}", "--samples-from", samples)
            .Refuses("theirs.jsonl:6", "answers no problem that is asked", "index (0 to 5)");
    }

    [TestMethod]
    public void Evaluate_WrongBenchmarks_SayWhatThereIs()
    {
        CommandResult Evaluate(string benchmark) => G2rlProcess.Call(["evaluate", "--model", model, .. Short, "--benchmark", benchmark]);
        Evaluate("math501=x.jsonl").Refuses("math501", "math500");
        Evaluate("math500").Refuses("NAME=FILE");
        Evaluate($"math500={Path.Combine(root, "none.jsonl")}").Refuses("none.jsonl");
        // Another file's fields.
        Evaluate($"gpqa-diamond={FileOf("math500")}").Refuses("math500.jsonl:1", "problem", "answer");
        var broken = Path.Combine(root, "broken.jsonl");
        File.WriteAllText(broken, "{\"problem\": \"a\", \"answer\": \"1\"}\n{\"problem\": \"b\", \"answer\":\n{\"problem\": \"c\"}\n");
        Evaluate($"math500={broken}").Refuses("broken.jsonl:2", "broken.jsonl:3", "it has problem");
        // A byte order mark is nothing; bytes that are no text are.
        File.WriteAllText(broken, "{\"problem\": \"What is 1 + 1?\", \"answer\": \"2\"}\n", new System.Text.UTF8Encoding(true));
        Evaluate($"math500={broken}").Exits(0);
        File.WriteAllBytes(broken, [.. "{\"problem\": \"caf"u8, 0xE9, .. "\", \"answer\": \"2\"}\n"u8]);
        Evaluate($"math500={broken}").Refuses("broken.jsonl");
    }

    [TestMethod]
    public void Train_BenchmarkWithALongPrompt_RefusesOrSkipsItAndChartsTheRest()
    {
        File.AppendAllText(FileOf("amc"), $$"""{"problem": "{{new string('7', 900)}}", "answer": "1"}""" + "\n");
        var (config, run) = (Path.Combine(root, "train.json"), Path.Combine(root, "run"));
        File.WriteAllText(config, new JsonObject
        {
            ["model"] = model,
            ["steps"] = 2,
            ["problems"] = Set("gsm8k-train", "gsm8k"),
            ["rewards"] = new JsonArray(new JsonObject { ["name"] = "checker" }, new JsonObject { ["name"] = "repetition" }),
            ["sampling"] = new JsonObject
            {
                ["promptsPerStep"] = 2,
                ["groupSize"] = 2,
                ["maxPromptTokens"] = 500,
                ["maxNewTokens"] = 6,
            },
            ["evaluation"] = new JsonObject
            {
                ["problems"] = 3,
                ["samples"] = 2,
                ["every"] = 1,
                ["benchmarks"] = new JsonArray(new JsonObject
                {
                    ["set"] = "amc",
                    ["problems"] = 50,
                    ["settings"] = new JsonObject { ["heldOut"] = FileOf("amc") },
                }),
            },
            ["execution"] = new JsonObject { ["threads"] = 1 },
        }.ToJsonString());
        string[] train = ["export-and-train", "--config", config, "--run", run];
        G2rlProcess.Call(train).Refuses("amc.jsonl:7", "sampling.maxPromptTokens (500)", "problems.tooLong to skip");
        var done = G2rlProcess.Call([.. train, "--set", "problems.tooLong=skip"]).Exits(0);
        Assert.Contains("amc: 1 of 7 problems are left out", done.Error);
        var rows = File.ReadLines(Path.Combine(run, "evaluations.jsonl")).Select(l => JsonNode.Parse(l)!).ToArray();
        Assert.HasCount(3, rows);
        foreach (var row in rows)
        {
            Assert.AreEqual(6, row["benchmarks"]!["amc"]!["problems"]!.GetValue<int>());
            // Each reward's mean over the run's own held-out samples: -1 wrong, and a penalty.
            Assert.AreEqual(-1, row["rewards/checker_mean"]!.GetValue<double>());
            Assert.IsTrue(row["rewards/repetition_mean"]!.GetValue<double>() is <= 0 and >= -1);
        }
        Assert.Contains("chart-benchmarks", File.ReadAllText(Path.Combine(run, "report.html")));
    }

    [TestMethod]
    public void Compare_WithBenchmarks_HasThemInRowsAndPage()
    {
        var (file, output) = (Path.Combine(root, "experiment.json"), Path.Combine(root, "compared"));
        File.WriteAllText(file, new JsonObject
        {
            ["name"] = "benchmarks",
            ["run"] = new JsonObject
            {
                ["model"] = model,
                ["steps"] = 1,
                ["problems"] = Set("gsm8k-train", "gsm8k"),
                ["sampling"] = new JsonObject
                {
                    ["promptsPerStep"] = 2,
                    ["groupSize"] = 2,
                    ["maxPromptTokens"] = 500,
                    ["maxNewTokens"] = 6,
                },
                ["evaluation"] = new JsonObject
                {
                    ["problems"] = 2,
                    ["samples"] = 2,
                    ["benchmarks"] = new JsonArray(new JsonObject
                    {
                        ["set"] = "aime24",
                        ["settings"] = new JsonObject { ["heldOut"] = FileOf("aime24") },
                    }),
                },
                ["execution"] = new JsonObject { ["threads"] = 1 },
            },
            ["bases"] = new JsonArray(new JsonObject { ["name"] = "text", ["settings"] = new JsonObject() }),
            ["arms"] = new JsonArray(
                new JsonObject { ["name"] = "grpo", ["settings"] = Arm("grpo") },
                new JsonObject { ["name"] = "remax", ["settings"] = Arm("remax") }),
            ["baseline"] = "grpo",
            ["seeds"] = new JsonArray(1, 2),
            ["geometry"] = null,
        }.ToJsonString());
        G2rlProcess.Call("compare", file, "--output", output).Exits(0);
        foreach (var line in File.ReadLines(Path.Combine(output, "results.jsonl")))
            Assert.Contains("aime24", line);
        Assert.Contains("aime24", File.ReadAllText(Path.Combine(output, "compare.html")));
        Assert.Contains("aime24", File.ReadAllText(Path.Combine(output, "tables.md")));
    }

    private static string[] Short => ["--set", "evaluation.samples=2", "--set", "evaluation.problems=6", "--set",
        "sampling.maxNewTokens=8", "--set", "sampling.maxPromptTokens=600", "--set", "execution.threads=1"];

    private static JsonObject Arm(string name) => new() { ["algorithm"] = new JsonObject { ["name"] = name } };

    private JsonObject Set(string file, string set)
    {
        var path = Path.Combine(root, file + ".jsonl");
        File.WriteAllLines(path, Enumerable.Range(0, 30).Select(i =>
            $$"""{"question": "Of {{i}} pens {{i}} are blue. How many?", "answer": "All. #### {{i}}"}"""));
        return new() { ["set"] = set, ["settings"] = new JsonObject { ["train"] = path, ["heldOutFraction"] = 0.3 } };
    }

    private string[] Command(string output) =>
        ["evaluate", "--model", model, .. Names.SelectMany(n => new[] { "--benchmark", $"{n}={FileOf(n)}" }), .. Short, "--output", output];

    private string FileOf(string name) => Path.Combine(root, name + (name == "gpqa-diamond" ? ".csv" : ".jsonl"));

    private static string Text(string folder, string file) => File.ReadAllText(Path.Combine(folder, file));

    private static string Rows(string name)
    {
        var rows = Enumerable.Range(0, 6);
        return name switch
        {
            "gsm8k" => Lines(rows.Select(i =>
                $$"""{"question": "Ann has {{i}} pens and buys as many. How many?", "answer": "{{i}} and {{i}}\n#### {{2 * i}}"}""")),
            "gpqa-diamond" => "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
                + Lines(rows.Select(i => $"\"Which number follows {i}, when counting?\",{i + 1},{i + 2},{i + 3},{i + 4}")),
            "mmlu-pro" => Lines(rows.Select(i =>
                $$"""
                {"question_id": {{i}}, "question": "Which is {{i}}?", "options": ["{{i}}", "x", "y"], "answer": "A", "category": "numbers"}
                """)),
            "verl" => Lines(rows.Select(i => $$$"""
                {"data_source": "own", "prompt": [{"role": "user", "content": "Say {{{i}}}."}], "reward_model": {"ground_truth": "{{{i}}}"}}
                """)),
            "aime24" or "aime25" => Lines(rows.Select(i =>
                $$"""{"id": {{i}}, "problem": "Find the year {{name}} minus {{i}}.", "answer": "{{i}}"}""")),
            _ => Lines(rows.Select(i => $$"""{"problem": "What is {{i}} divided by 3? ({{name}})", "answer": "{{i}}/3"}""")),
        };
    }

    private static string Lines(IEnumerable<string> rows) => string.Concat(rows.Select(r => r.Trim() + "\n"));
}
