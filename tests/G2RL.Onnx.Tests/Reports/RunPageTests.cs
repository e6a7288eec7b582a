using System.Text.Json.Nodes;
using G2RL.Onnx.Reports;
using G2RL.Onnx.Reports.Viewing;

namespace G2RL.Onnx.Tests.Reports;

[TestClass]
public sealed class RunPageTests
{
    [TestMethod]
    public void Rollouts_OfARun_AreColumnsOfWhatIsSortedAndFiltered()
    {
        using var run = Run((1, [Row("p", "a", 1), Row("p", "b", -1)]), (11, [Row("q", "c", null), Row("p", "d", 0.5)]));
        var columns = Parsed(new RunPage(run.Folder).Rollouts(0, -1, 0));
        Assert.AreEqual("[1,1,11,11]", columns["step"]!.ToJsonString());
        Assert.AreEqual("[0,0,1,0]", columns["problem"]!.ToJsonString());
        Assert.AreEqual("[\"p\",\"q\"]", columns["problems"]!.ToJsonString());
        Assert.AreEqual("[\"right\",\"wrong\",\"unjudged\",\"right\"]", columns["kind"]!.ToJsonString());
        Assert.AreEqual("[1,-1,null,0.5]", columns["reward"]!.ToJsonString());
        Assert.AreEqual(4, (int)columns["of"]!);
    }

    [TestMethod]
    public void Rollouts_OfARunThatGoesOn_AreThoseThatAreNewUntilItGoesBack()
    {
        using var run = Run((1, [Row("p", "a", 1)]));
        var page = new RunPage(run.Folder);
        Assert.AreEqual("[1]", Parsed(page.Rollouts(0, -1, 0))["step"]!.ToJsonString());
        Add(run, 2, Row("p", "b", 1));
        var news = Parsed(page.Rollouts(0, 0, 1));
        Assert.AreEqual("[2]", news["step"]!.ToJsonString());
        Assert.AreEqual(1, (int)news["from"]!);
        File.Delete(Path.Combine(run.Folder, "rollouts", "step-000002.jsonl"));
        var back = Parsed(page.Rollouts(0, 0, 2));
        Assert.AreEqual("[1]", back["step"]!.ToJsonString());
        Assert.AreEqual((1, 0), ((int)back["generation"]!, (int)back["from"]!));
    }

    [TestMethod]
    public void Rows_ByIds_AreThoseRowsAndNoOthers()
    {
        using var run = Run((1, [Row("p", "first", 1), Row("p", "second", 1)]), (2, [Row("p", "third", 1)]));
        var page = new RunPage(run.Folder);
        page.Rollouts(0, -1, 0);
        var rows = JsonNode.Parse(page.Rows(0, [2, 0, -1, 3, 2]))!.AsArray();
        CollectionAssert.AreEqual(new[] { "third", "first", "third" }, rows.Select(r => (string)r!["text"]!).ToArray());
    }

    [TestMethod]
    public void Search_InPromptTextAndAnswer_FindsWhateverTheCase()
    {
        using var run = Run((1, [Row("p", "The END <b>", 1), Row("p", "x", 1), Row("p", "\u00e4ndern", 1)]));
        var page = new RunPage(run.Folder);
        page.Rollouts(0, -1, 0);
        foreach (var (text, found) in new[]
        {
            ("the end", "[0]"), ("<B>", "[0]"), ("\u00c4N", "[2]"), ("prompt of p", "[0,1,2]"), ("nothing", "[]"),
        })
            Assert.AreEqual(found, page.Search(0, text));
    }

    [TestMethod]
    public void Search_Again_ReadsOnlyWhatMayHoldTheTextAndWhatIsNew()
    {
        using var run = Run((1, [Row("p", "apples", 1), Row("q", "pears", 1)]));
        var index = new RolloutIndex(run.Folder);
        index.Refresh();
        void Finds(string text, int read, params int[] ids)
        {
            CollectionAssert.AreEqual(ids, index.Search(text).ToArray(), text);
            Assert.AreEqual(read, index.LastRead, text);
        }
        Finds("PEAR", 2, 1);
        Finds("quinces", 0);
        Finds("apple", 2, 0);
        Add(run, 2, Row("p", "quinces", 1));
        index.Refresh();
        Finds("Quinces", 1, 2);
        Finds("Quinces", 3, 2);
        Finds("es", 3, 0, 2);
        // A run that went back is another one.
        File.Delete(Path.Combine(run.Folder, "rollouts", "step-000002.jsonl"));
        index.Refresh();
        Finds("quinces", 2);
    }

    [TestMethod]
    public void Rows_OfHostileText_HoldNoSignOfMarkupAndAreTheSameText()
    {
        const string attack = "</script><!-- \u202e\u2028\u0000\ud83d\ude00 & ' \u4e2d ]]>";
        using var run = Run((1, [Row("p", attack, 1)]));
        var page = new RunPage(run.Folder);
        page.Rollouts(0, -1, 0);
        var json = page.Rows(0, [0]);
        Assert.IsTrue(json.All(c => c is >= ' ' and < '\u007f' and not ('<' or '>' or '&' or '\'')), json);
        Assert.AreEqual(attack, (string)JsonNode.Parse(json)![0]!["text"]!);
    }

    [TestMethod]
    public void Rows_OfAMegabyteInOneLine_AreCutWithAWordOnTheRest()
    {
        var row = Row("p", new string('x', 1 << 20), 1);
        row["pieces"] = new JsonArray([.. Enumerable.Range(0, 100_000).Select(_ => JsonValue.Create("xxxxxxxxxx"))]);
        row["log_probs"] = new JsonArray([.. Enumerable.Range(0, 100_000).Select(_ => JsonValue.Create(-0.5))]);
        using var run = Run((1, [row]));
        var page = new RunPage(run.Folder);
        page.Rollouts(0, -1, 0);
        var json = page.Rows(0, [0]);
        Assert.IsLessThan(700_000, json.Length);
        var cut = JsonNode.Parse(json)![0]!;
        Assert.AreEqual((1 << 20) - 200_000, (int)cut["text_more"]!);
        Assert.AreEqual(100_000 - cut["pieces"]!.AsArray().Count, (int)cut["tokens_more"]!);
        Assert.HasCount(cut["pieces"]!.AsArray().Count, cut["log_probs"]!.AsArray());
    }

    [TestMethod]
    public void Html_OfALongLog_HoldsWholeStepsEvenlyApartAndSaysOfHowMany()
    {
        // 64 steps of 64 rows of 4 KB are 16 MB, twice what a file may hold.
        using var run = new RunFolder();
        for (var step = 1; step <= 64; step++)
            Add(run, step, [.. Enumerable.Range(0, 64).Select(i => Row($"p{i}", new string('x', 3800), 1))]);
        var html = new RunPage(run.Folder).Html(served: false);
        Assert.IsLessThan(9_500_000, html.Length);
        var data = Data(html)["runs"]![0]!;
        var steps = data["rollouts"]!["step"]!.AsArray().Select(s => (int)s!).ToArray();
        CollectionAssert.AreEqual(Enumerable.Range(1, 32).Select(i => 2 * i).ToArray(), steps.Distinct().ToArray());
        Assert.HasCount(32 * 64, steps);
        Assert.HasCount(32 * 64, data["rows"]!.AsArray());
        Assert.AreEqual(64 * 64, (int)data["rollouts"]!["of"]!);
    }

    [TestMethod]
    public void Html_OfTwoRuns_ShowsWhatDiffersAndWhatChanceMayDo()
    {
        using var first = new RunFolder();
        using var second = new RunFolder(c => c with { Seed = 7 });
        first.Fill(4);
        second.Fill(4);
        second.Append("evaluations.jsonl", new() { ["step"] = 4, ["pass@1"] = 0.6, ["pass@1_low"] = 0.5, ["pass@1_high"] = 0.7 });
        var html = new RunPage(first.Folder, second.Folder).Html(served: false);
        // 40 % [30, 50] and 60 % [50, 70]: half of the difference's interval is sqrt(200) = 14.1, its p 2 Phi(-20 / (14.1 / 1.96)) =
        // 0.0056.
        foreach (var part in new[]
        {
            "+20.0&#160;points", "+5.9 to +34.1", "beyond chance, p = 0.006", "Settings that differ", "<th>seed</th>", "(dashed)",
        })
            Assert.IsTrue(html.Contains(part, StringComparison.Ordinal), part);
        Assert.HasCount(2, Data(html)["runs"]!.AsArray());
    }

    [TestMethod]
    public void Metrics_OfManySteps_AreAveragedAndAllThere()
    {
        using var run = new RunFolder();
        run.Fill(1200);
        var columns = Parsed(new RunPage(run.Folder).Metrics(0));
        // Chunks of 3 with the middles 2, 5, ...; evaluations at 0 and 1200 besides.
        Assert.HasCount(402, columns["steps"]!.AsArray());
        Assert.AreEqual(2, (double)columns["steps"]![1]!);
        var mean = File.ReadLines(Path.Combine(run.Folder, "metrics.jsonl")).Take(3)
            .Average(line => (double)JsonNode.Parse(line)!["policy/kl_nats"]!);
        Assert.AreEqual(mean, (double)columns["values"]!["policy/kl_nats"]![1]!, 1e-5);
        Assert.IsNull(columns["values"]!["policy/kl_nats"]![0]);
        Assert.AreEqual(0.4, (double)columns["values"]!["evaluation/pass@1"]![0]!);
    }

    [TestMethod]
    public void Significance_OfEqualMeans_IsChance()
    {
        var same = Significance.Of((0.5, 0.4, 0.6), (0.5, 0.4, 0.6));
        Assert.AreEqual((false, 1.0), (same.IsClear, same.P));
        // A difference of just its half width has p = 0.05 by construction.
        Assert.AreEqual(0.05, Significance.Of((0, 0, 0), (0.1, 0, 0.2)).P, 1e-12);
    }

    [TestMethod]
    public void Significance_OfTheSameProblems_IsPaired()
    {
        // Nine problems as they were and one from 0 to 1: of ten drawn with replacement none is the tenth with 0.9^10 = 0.349.
        var (before, after) = (Evaluation([0, 0, 0, 0, 0, 1, 1, 1, 1, 0]), Evaluation([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]));
        var one = Significance.Paired(before, after)!.Value;
        Assert.AreEqual((0.1, 0.0, 10), (Math.Round(one.Difference, 12), one.Low, one.Pairs));
        Assert.AreEqual(2 * 0.349, one.P, 0.03);
        Assert.IsFalse(one.IsClear);
        Assert.Contains("paired over 10 problems", one.How);

        // Half the problems gain a half each: independent intervals of +-0.31 would see nothing, and pairs are sure.
        var (low, high) = (Evaluation([0, 1, 0, 1, 0, 1, 0, 1, 0.5, 0.5]), Evaluation([0.5, 1, 0.5, 1, 0.5, 1, 0.5, 1, 1, 0.5]));
        var half = Significance.Paired(low, high)!.Value;
        Assert.AreEqual(0.25, half.Difference, 1e-12);
        Assert.IsTrue(half.IsClear && half.P < 0.01 && half.Low > 0.05 && half.High < 0.45, half.ToString());
        Assert.AreEqual(half.Difference, -Significance.Paired(high, low)!.Value.Difference);

        // Downwards is as sure as upwards; one problem alone shows nothing, however far it moves; all that move together show it.
        Assert.AreEqual(2 * 0.349, Significance.Paired(after, before)!.Value.P, 0.03);
        Assert.AreEqual(1, Significance.Paired(Evaluation([0]), Evaluation([1]))!.Value.P);
        Assert.IsLessThan(0.001, Significance.Paired(Evaluation([0, 0, 0]), Evaluation([1, 1, 1]))!.Value.P);

        // No change is no evidence; problems that were not judged are left out; other numbers of problems are not the same.
        Assert.AreEqual(1, Significance.Paired(before, before)!.Value.P);
        Assert.AreEqual(1, Significance.Paired(Evaluation([null, 1]), Evaluation([0, 1]))!.Value.Pairs);
        Assert.IsNull(Significance.Paired(Evaluation([0, 1]), Evaluation([0, 1, 1])));
        Assert.IsNull(Significance.Paired([], after));
        Assert.IsNull(Significance.Paired(null, after));
    }

    private static JsonObject Evaluation(double?[] rates) => new()
    {
        ["pass@1_by_problem"] = new JsonArray([.. rates.Select(r => JsonValue.Create(r))]),
    };

    private static JsonNode Parsed(string json) => JsonNode.Parse(json)!;

    private static JsonNode Data(string html)
    {
        const string Start = "id=\"data\">";
        var at = html.IndexOf(Start, StringComparison.Ordinal) + Start.Length;
        return JsonNode.Parse(html[at..html.IndexOf("</script>", at, StringComparison.Ordinal)])!;
    }

    private static RunFolder Run(params (int Step, JsonObject[] Rows)[] steps)
    {
        var run = new RunFolder();
        foreach (var (step, rows) in steps)
            Add(run, step, rows);
        return run;
    }

    private static void Add(RunFolder run, int step, params JsonObject[] rows)
    {
        foreach (var row in rows)
        {
            row["step"] = step;
            run.Append(Path.Combine("rollouts", $"step-{step:D6}.jsonl"), row);
        }
    }

    private static JsonObject Row(string problem, string text, double? reward) => new()
    {
        ["problem"] = problem,
        ["prompt_index"] = 0,
        ["prompt"] = $"Prompt of {problem}",
        ["text"] = text,
        ["outcome"] = reward is null ? "Error" : "Score",
        ["reward"] = reward,
        ["finish"] = "StopToken",
        ["tokens"] = 3,
    };
}
