using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Reports;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Reports;

[TestClass]
public sealed partial class HtmlReportTests
{
    private static readonly string[] AllCharts = ["pass", "reward", "answers", "kl", "entropy", "length", "nu", "geometry", "homogeneous",
        "clip", "norm", "mismatch", "rate", "speed", "seconds"];

    [TestMethod]
    public void Write_RealRun_ShowsEveryCurve()
    {
        using var model = new TinyModel();
        // Two updates a batch: with one there is no ratio to the old policy and no pass for it.
        var page = Train(model, model.Config with
        {
            Evaluation = model.Config.Evaluation with { Every = 1 },
            Training = model.Config.Training with { EpochsPerBatch = 2 },
        });
        CollectionAssert.AreEqual(AllCharts, Charts(page), "a metric of the trainer has another name than the chart");
        foreach (var name in new[]
        {
            "base", "shaped", "right", "well-formed", "cut off", "at sampling", "at the update", "95th percentile", "smallest to largest",
            "95 % interval", "mean cosine", "sampler to scorer", "first ratio of a batch", "explained by rounding",
        })
            Shows(page, name);
        foreach (var phase in new[] { "sample", "reward", "score", "features", "train" })
            Shows(page[page.IndexOf("chart-seconds", StringComparison.Ordinal)..], phase + " <b>");
        Shows(page, "3 steps, finished");
        Shows(page, "Step 1");
        Shows(page, "novelty");
    }

    [TestMethod]
    public void Write_AlgorithmWithoutFeatures_LeavesNoveltyOut()
    {
        using var model = new TinyModel();
        var page = Train(model, model.Config with { Algorithm = new() { Name = "grpo", KlCoefficient = 0 } });
        CollectionAssert.AreEqual(AllCharts.Except(["nu", "geometry", "kl"]).ToArray(), Charts(page));
        // The settings, which follow, name what other algorithms would do.
        Assert.IsFalse(page[..page.IndexOf("Resolved configuration", StringComparison.Ordinal)].Contains(
            "novelty",
            StringComparison.Ordinal));
    }

    [TestMethod]
    public void Write_NothingButTheConfiguration_SaysWhatIsMissing()
    {
        using var run = new RunFolder();
        var page = run.Report();
        Assert.IsEmpty(Charts(page));
        foreach (var text in new[]
        {
            "0 of 4 steps, not finished",
            "not evaluated",
            "No evaluation was written.",
            "No step was completed.",
            "No rollouts were logged.",
            "sampling.groupSize",
        })
            Shows(page, text);
    }

    [TestMethod]
    public void Write_OnlyTheFirstEvaluation_ShowsItWithoutAGain()
    {
        using var run = new RunFolder();
        run.Append("evaluations.jsonl", Evaluation(0, 0.25, 0.2, 0.3));
        var page = run.Report();
        CollectionAssert.AreEqual(new[] { "pass" }, Charts(page));
        Shows(page, "not yet evaluated after training");
        Shows(page, "25.0&#160;%");
        Assert.IsFalse(page.Contains("&#160;points", StringComparison.Ordinal));
    }

    [TestMethod]
    public void Write_TwoEvaluations_StatesGainAndItsInterval()
    {
        using var run = new RunFolder();
        run.Append("evaluations.jsonl", Evaluation(0, 0.25, 0.22, 0.28));
        run.Append("evaluations.jsonl", Evaluation(4, 0.5, 0.46, 0.54));
        var page = run.Report();
        // 25 points; half widths 3 and 4 give 5, so 20 to 30.
        foreach (var text in new[] { "+25.0&#160;points", "[22.0, 28.0]", "[46.0, 54.0]", "the gain +20.0 to +30.0 points" })
            Shows(page, text);
        // On well-formed answers alone: .3 to .6.
        Shows(page, "+30.0&#160;points");
    }

    [TestMethod]
    public void Write_Loss_IsStatedAsPlainlyAsAGain()
    {
        using var run = new RunFolder();
        run.Append("evaluations.jsonl", Evaluation(0, 0.5, 0.46, 0.54));
        run.Append("evaluations.jsonl", Evaluation(4, 0.25, 0.22, 0.28));
        Shows(run.Report(), "<p class=\"gain down\">\u221225.0&#160;points</p>");
    }

    [TestMethod]
    public void Write_HostileRollouts_AreShownAndNeverObeyed()
    {
        const string attack = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;\u202egnol\u0000\u200b\U0001F600 ]]>";
        using var run = new RunFolder();
        foreach (var (sample, reward) in new[] { (0, 1), (1, -1) })
            run.Append(Path.Combine("rollouts", "step-000001.jsonl"), new JsonObject
            {
                ["step"] = 1,
                ["prompt_index"] = 0,
                ["sample"] = sample,
                ["prompt"] = attack,
                ["answer"] = attack,
                ["text"] = attack + sample,
                ["outcome"] = "Score",
                ["reward"] = reward,
                ["message"] = attack,
                ["finish"] = "Length",
                ["tokens"] = 3,
            });
        var page = run.Report();
        HasOnlyItsOwnScripts(page);
        foreach (var bad in new[] { "<img", "\u202e", "\u200b", "\0" })
            Assert.IsFalse(page.Contains(bad, StringComparison.Ordinal), bad);
        // Prompt and answer once, text and message twice.
        Assert.HasCount(6, Regex.Matches(page, Regex.Escape("&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x "
            + "onerror=alert(2)&gt;&quot;&#39;&amp;amp;\u27e8U+202E\u27e9gnol\u2400\u27e8U+200B\u27e9&#128512; ]]&gt;")));
    }

    [TestMethod]
    public void Write_HostileNames_AreEscapedToo()
    {
        using var run = new RunFolder(c => c with { Model = "<script>m", Problems = c.Problems with { Set = "<script>s" } });
        run.Append("evaluations.jsonl", new JsonObject { ["step"] = 0, ["<script>"] = 1 });
        run.Append("metrics.jsonl", new JsonObject { ["step"] = 1, ["<script>"] = 1 });
        File.WriteAllText(Path.Combine(run.Folder, "environment.json"), "{\"<script>\":\"<script>\"}");
        HasOnlyItsOwnScripts(run.Report());
    }

    [TestMethod]
    public void Write_LongRollout_IsCutWithItsRest()
    {
        using var run = new RunFolder();
        run.Append(
            Path.Combine("rollouts", "step-000001.jsonl"),
            new JsonObject { ["step"] = 1, ["prompt_index"] = 0, ["text"] = new string('x', 101_500) });
        var page = run.Report();
        Shows(page, "100,000 more characters");
        Shows(page, "\"text_more\":81500");
        Assert.IsLessThan(90_000, page.Length);
    }

    [TestMethod]
    public void Write_DamagedLogs_LeavesOutWhatIsNoNumber()
    {
        using var run = new RunFolder();
        run.AppendText("metrics.jsonl", "{\"step\":1,\"reward/mean\":0.5,\"policy/kl_nats\":null,\"policy/entropy_nats\":\"NaN\",\"g2rl/"
            + "nu_mean\":1e999,\"response/length_mean\":[3]}\n\n[]\n{\"step\":\"x\"}\nnot "
            + "json\n{\"step\":2,\"reward/mean\":0.6}\n{\"step\":3,\"rew");
        run.AppendText("evaluations.jsonl", "{\"step\":0,\"pass@1\":");
        run.AppendText(
            Path.Combine("rollouts", "step-000001.jsonl"),
            "{\"step\":1,\"prompt_index\":0,\"text\":\"\\ud800\",\"reward\":null,\"outcome\":7,\"tokens\":\"x\"}\n{\"st");
        File.WriteAllText(Path.Combine(run.Folder, "environment.json"), "{");
        var page = run.Report();
        CollectionAssert.AreEqual(new[] { "reward" }, Charts(page));
        Shows(page, "2 of 4 steps, not finished");
        Assert.IsFalse(page.Contains("NaN", StringComparison.Ordinal));
        Assert.IsFalse(page.Contains('\u221e'));
    }

    [TestMethod]
    public void Write_AnyRun_AsksNothingOfTheOutsideWorld()
    {
        using var run = new RunFolder();
        run.Fill(steps: 4);
        var page = run.Report();
        foreach (var bad in new[]
        {
            "http:", "https:", "//", "url(", "@import", "src=", "href=", "<link", "<image", "font-family=\"",
        })
            Assert.IsFalse(page.Replace("url(#", "").Contains(bad, StringComparison.Ordinal), bad);
        Shows(page, "default-src 'none'");
        HasOnlyItsOwnScripts(page);
        Shows(page, "prefers-color-scheme: dark");
        Assert.IsTrue(AnyId().Matches(page).Select(m => m.Groups[1].Value).GroupBy(i => i).All(g => g.Count() == 1), "an id occurs twice");
        // The clip paths that the pictures name are there.
        foreach (Match used in ClipUse().Matches(page))
            Shows(page, $"id=\"{used.Groups[1].Value}\"");
    }

    [TestMethod]
    public void Write_Curves_TakeTheirColoursFromThePage()
    {
        using var run = new RunFolder();
        run.Fill(steps: 4);
        var page = run.Report();
        Assert.IsFalse(page.Contains("rgb(", StringComparison.Ordinal), "a fixed colour is left in a picture");
        foreach (var svg in Svg().Matches(page).Select(m => XElement.Parse(m.Value)))
        {
            StringAssert.StartsWith(svg.Attribute("viewBox")!.Value, "0 0 ");
            Assert.IsNotNull(svg.Attribute("aria-label"));
            Assert.IsNull(svg.Attribute("width"));
        }
    }

    [TestMethod]
    public void Write_KnownPoints_LieWhereTheyBelong()
    {
        using var run = new RunFolder();
        foreach (var (step, value) in new[] { (1, 0.0), (2, 1.0), (3, 0.5) })
            run.Append("metrics.jsonl", new JsonObject { ["step"] = step, ["response/length_mean"] = value });
        var line = XElement.Parse(Svg().Match(run.Report()).Value)
            .Descendants("polyline")
            .Single(p => p.Attribute("style")!.Value.Contains("stroke:var(--series-1)", StringComparison.Ordinal));
        var points = line.Attribute("points")!.Value.Split(' ').Select(p => p.Split(',').Select(double.Parse).ToArray()).ToArray();
        Assert.HasCount(3, points);
        // Equal steps apart; the third is half as high as the second, and up is smaller y.
        Assert.AreEqual(points[1][0] - points[0][0], points[2][0] - points[1][0], 0.01);
        Assert.AreEqual((points[0][1] - points[1][1]) / 2, points[0][1] - points[2][1], 0.01);
        Assert.IsGreaterThan(points[1][1], points[0][1]);
    }

    [TestMethod]
    public void Write_ManySteps_AveragesNeighbours()
    {
        using var run = new RunFolder();
        run.Fill(steps: 1000);
        var page = run.Report();
        Shows(page, "Neighbouring steps are averaged.");
        Assert.IsLessThan(400_000, page.Length);
    }

    [TestMethod]
    public void Write_SameLogs_GiveTheSameBytes()
    {
        using var first = new RunFolder();
        using var second = new RunFolder();
        first.Fill(steps: 4);
        second.Fill(steps: 4);
        Assert.AreEqual(first.Report(), second.Report());
        var again = File.ReadAllBytes(HtmlReport.Write(first.Folder));
        CollectionAssert.AreEqual(again, File.ReadAllBytes(HtmlReport.Write(second.Folder)));
        Assert.IsEmpty(Directory.GetFiles(first.Folder, "*.tmp"));
    }

    [TestMethod]
    public void Write_RowsWrittenTwice_CountOnce()
    {
        using var run = new RunFolder();
        run.Append("evaluations.jsonl", Evaluation(0, 0.25, 0.2, 0.3));
        run.Append("evaluations.jsonl", Evaluation(4, 0.4, 0.3, 0.5));
        run.Append("evaluations.jsonl", Evaluation(4, 0.5, 0.4, 0.6));
        Shows(run.Report(), "+25.0&#160;points");
    }

    [TestMethod]
    public void Write_NoRun_SaysSo()
    {
        using var run = new RunFolder();
        File.WriteAllText(Path.Combine(run.Folder, "config.json"), "[1");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(run.Report).Message, "is no JSON object");
        File.Delete(Path.Combine(run.Folder, "config.json"));
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(run.Report).Message, "holds no run");
    }

    private static string Train(TinyModel model, RunConfig config)
    {
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System);
        trainer.Run(run);
        return File.ReadAllText(HtmlReport.Write(run.Folder));
    }

    private static JsonObject Evaluation(int step, double passAt1, double low, double high) => new()
    {
        ["step"] = step,
        ["problems"] = 100,
        ["samples"] = 8,
        ["pass@1"] = passAt1,
        ["pass@1_low"] = low,
        ["pass@1_high"] = high,
        ["pass@1_well_formed"] = 1.2 * passAt1,
        ["seconds"] = 2.5,
    };

    // Data that no browser runs, and the one script whose sum the page's policy names.
    private static void HasOnlyItsOwnScripts(string page)
    {
        var scripts = Regex.Matches(page, "<script[^>]*>");
        CollectionAssert.AreEqual(
            new[] { "<script type=\"application/json\" id=\"data\">", "<script>" },
            scripts.Select(m => m.Value).ToArray());
        const string Tag = "<script>";
        var start = page.IndexOf(Tag, StringComparison.Ordinal) + Tag.Length;
        var script = page[start..page.LastIndexOf("</script>", StringComparison.Ordinal)];
        Shows(page, $"script-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(script)))}'");
        Assert.HasCount(2, Regex.Matches(page, "</script"));
    }

    // Whole pages make no readable message.
    private static void Shows(string page, string text) =>
        Assert.IsTrue(page.Contains(text, StringComparison.Ordinal), $"not in the page: {text}");

    private static string[] Charts(string page) => [.. ChartId().Matches(page).Select(m => m.Groups[1].Value)];

    [GeneratedRegex("<figure id=\"chart-([a-z]+)\">")]
    private static partial Regex ChartId();

    [GeneratedRegex(" id=\"([^\"]+)\"")]
    private static partial Regex AnyId();

    [GeneratedRegex("clip-path=\"[^\"(]*\\(#([^)]+)\\)\"")]
    private static partial Regex ClipUse();

    [GeneratedRegex("<svg .*?</svg>", RegexOptions.Singleline)]
    private static partial Regex Svg();
}
