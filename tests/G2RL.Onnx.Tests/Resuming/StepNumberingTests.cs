using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Tests.Resuming;

[TestClass]
public sealed class StepNumberingTests
{
    private const string Text = """{"step":1,"text":"1 < 2 \u00e4 é"}""";

    [TestMethod]
    public void Read_FolderThatCountsFromZero_CountsFromOne()
    {
        using var scratch = Old();
        CollectionAssert.AreEqual(
            new double?[] { 1, 2, 3 },
            StepNumbering.ReadMetrics(scratch.Path).Select(r => RunLogs.Number(r, "step")).ToArray());
        var files = StepNumbering.RolloutFiles(scratch.Path);
        CollectionAssert.AreEqual(new[] { 1, 3 }, files.Select(f => f.Step).ToArray());
        Assert.AreEqual(3, JsonLinesLog.StepOf(StepNumbering.ReadRollouts(scratch.Path, files[1].File).Single()));
        Assert.StartsWith("""{"step":0""", File.ReadAllText(In(scratch, "metrics.jsonl")), "Reading writes nothing.");
    }

    // Of whatever lies there the files of steps.
    [TestMethod]
    public void RolloutFiles_BesideOtherFiles_AreThoseOfSteps()
    {
        using var scratch = new Scratch();
        Directory.CreateDirectory(In(scratch, "rollouts"));
        foreach (var name in new[] { "step-000001.jsonl", "step-abc.jsonl", "notes", "a.jsonl" })
            File.WriteAllText(In(scratch, Path.Combine("rollouts", name)), Text);
        var (step, file) = StepNumbering.RolloutFiles(scratch.Path).Single();
        Assert.AreEqual((1, "step-000001.jsonl"), (step, Path.GetFileName(file)));
    }

    // An older try's files aside are of no step that the folder has now.
    [TestMethod]
    public void Upgrade_AfterATryThatWasCutShort_LeavesNothingOfIt()
    {
        using var scratch = Old();
        Directory.CreateDirectory(In(scratch, StepNumbering.Aside));
        File.WriteAllText(In(scratch, Path.Combine(StepNumbering.Aside, "step-000009.jsonl")), Text);
        StepNumbering.Upgrade(scratch.Path);
        IsNew(scratch);
    }

    [TestMethod]
    public void Upgrade_WritesWhatARunOfNowWouldHave_AndNothingTwice()
    {
        using var scratch = Old();
        StepNumbering.Upgrade(scratch.Path);
        IsNew(scratch);
        StepNumbering.Upgrade(scratch.Path);
        IsNew(scratch);
    }

    // Killed while the rollouts are written aside; and after metrics.jsonl is new, before the folders have changed places.
    [TestMethod]
    [DataRow(false, true)]
    [DataRow(true, true)]
    [DataRow(true, false)]
    public void Upgrade_CutShort_IsEndedByTheNext(bool isMetricsNew, bool areRolloutsThere)
    {
        using var scratch = Old();
        using var whole = Old();
        StepNumbering.Upgrade(whole.Path);
        Directory.CreateDirectory(In(scratch, StepNumbering.Aside));
        foreach (var name in isMetricsNew ? new[] { "step-000001.jsonl", "step-000003.jsonl" } : ["step-000001.jsonl"])
            File.Copy(In(whole, Path.Combine("rollouts", name)), In(scratch, Path.Combine(StepNumbering.Aside, name)));
        if (isMetricsNew)
            File.Copy(In(whole, "metrics.jsonl"), In(scratch, "metrics.jsonl"), overwrite: true);
        if (!areRolloutsThere)
            Directory.Delete(In(scratch, "rollouts"), recursive: true);
        StepNumbering.Upgrade(scratch.Path);
        IsNew(scratch);
    }

    private static void IsNew(Scratch scratch)
    {
        Assert.AreEqual(
            "{\"step\":1,\"reward/mean\":0.25}\n{\"step\":2}\n{\"step\":3}\n",
            File.ReadAllText(In(scratch, "metrics.jsonl")));
        CollectionAssert.AreEqual(
            new[] { "step-000001.jsonl", "step-000003.jsonl" },
            Directory.GetFiles(In(scratch, "rollouts")).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToArray());
        Assert.AreEqual("""{"step":1,"text":"1 < 2 ä é"}""" + "\n", File.ReadAllText(In(scratch, "rollouts/step-000001.jsonl")));
        Assert.IsFalse(Directory.Exists(In(scratch, StepNumbering.Aside)));
    }

    private static Scratch Old()
    {
        var scratch = new Scratch();
        Directory.CreateDirectory(In(scratch, "rollouts"));
        File.WriteAllText(
            In(scratch, "metrics.jsonl"),
            "{\"step\":0,\"reward/mean\":0.25}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"torn");
        foreach (var step in new[] { 0, 2 })
            File.WriteAllText(In(scratch, $"rollouts/step-{step:D6}.jsonl"), Text.Replace(":1", $":{step}") + "\n");
        return scratch;
    }

    private static string In(Scratch scratch, string name) => Path.Combine(scratch.Path, name);
}
