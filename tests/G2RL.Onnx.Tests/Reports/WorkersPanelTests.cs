using System.Text.Json.Nodes;
using G2RL.Onnx.Reports;

namespace G2RL.Onnx.Tests.Reports;

[TestClass]
public sealed class WorkersPanelTests
{
    // A has 300 of 400 ms of work, in two works of 250 ms of which B shared one: 400 of 250 + 2 x 250 = 750 ms were work.
    [TestMethod]
    public void Page_OfARunOverWorkers_TellsWhatEachDid()
    {
        using var run = new RunFolder();
        run.Fill(2);
        run.Append("distribution.jsonl", Work(1, sent: 5, failures: 1, ("worker-a", 3, 200), ("worker-<b>", 1, 100)));
        run.Append("distribution.jsonl", Work(2, sent: 3, failures: 0, ("worker-a", 2, 100)));
        run.AppendText("distribution.jsonl", "{\"kind\":\"rollo");
        var page = File.ReadAllText(HtmlReport.Write(run.Folder));
        Assert.Contains("<h2>Workers</h2>", page);
        Assert.Contains("8 pieces sent, 0 of them done twice, 1 lost and done again; 2 done by the trainer.", page);
        Assert.Contains("46.7\u00a0% of their time went by idle", System.Net.WebUtility.HtmlDecode(page));
        Assert.Contains("<th>worker-a</th><td>5</td><td>75.0", page);
        Assert.Contains("<th>worker-&lt;b&gt;</th><td>1</td><td>25.0", page);
        Assert.Contains("at work", page);
    }

    [TestMethod]
    public void Page_OfAWorkerThatHadNoPartForLong_SaysSinceWhen()
    {
        using var run = new RunFolder();
        run.Append("distribution.jsonl", Work(3, sent: 1, failures: 0, ("worker-a", 1, 100)));
        for (var step = 4; step < 24; step++)
            run.Append("distribution.jsonl", Work(step, sent: 1, failures: 0, ("worker-b", 1, 100)));
        var page = File.ReadAllText(HtmlReport.Write(run.Folder));
        Assert.Contains("away since step 3", page);
    }

    [TestMethod]
    public void Page_OfARunOnOneProcess_HasNoWorkers()
    {
        using var run = new RunFolder();
        run.Fill(2);
        Assert.DoesNotContain("<h2>Workers</h2>", File.ReadAllText(HtmlReport.Write(run.Folder)));
    }

    private static JsonObject Work(int step, int sent, int failures, params (string Name, int Pieces, double Ms)[] shares) => new()
    {
        ["kind"] = "rollouts",
        ["step"] = step,
        ["sent"] = sent,
        ["failures"] = failures,
        ["here"] = 1,
        ["ms"] = 250,
        ["shares"] = new JsonArray([.. shares.Select(s => new JsonObject
        {
            ["name"] = s.Name,
            ["pieces"] = s.Pieces,
            ["work_ms"] = s.Ms,
            ["weight_bytes"] = 0,
        })]),
    };
}
