using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Trackers;
using G2RL.Onnx.Training.Trackers.Wire;

namespace G2RL.Onnx.Tests;

/// <summary>Which places a run's numbers go to, and that they follow the logs.</summary>
[TestClass]
public sealed class RunTrackersTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("g2rl-run-trackers-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [TestMethod]
    [DataRow(false, false)]
    [DataRow(true, false)]
    [DataRow(false, true)]
    public void Follow_ThePlacesNamed_AreWrittenAndNoOthers(bool board, bool mlflow)
    {
        var trackers = Of(board, mlflow);
        trackers.End(completed: true);
        Assert.IsFalse(Directory.Exists(In("tensorboard")) || Directory.Exists(In("store")), "nothing was followed");
        trackers.Follow();
        Assert.AreEqual((board, mlflow), (Directory.Exists(In("tensorboard")), Directory.Exists(In("store"))));
        Assert.AreEqual(mlflow, File.Exists(In("mlflow-run.txt")));
    }

    // Of rows with one step the last counts, evaluations come after the step's own, and the first row that is told finds the logs written.
    [TestMethod]
    public void Append_RowsOfALog_AreThereOnceAndInOrder()
    {
        File.WriteAllText(
            In("metrics.jsonl"), """{"step":1,"a":1}""" + "\n" + """{"step":2,"a":5}""" + "\n" + """{"step":1,"a":2}""" + "\n{\"a\":9}\n");
        File.WriteAllText(In("evaluations.jsonl"), """{"step":1,"a":3}""" + "\n");
        var trackers = Of(board: true, mlflow: true);
        trackers.Append(new() { ["step"] = 2, ["a"] = 77 }, isEvaluation: false);
        Assert.AreEqual("1 a 2|1 evaluation/a 3|2 a 5", Told(), "the logs are the truth");
        trackers.Append(new() { ["step"] = 3, ["a"] = 6 }, isEvaluation: false);
        trackers.Append(new() { ["a"] = 6 }, isEvaluation: false);
        trackers.Append(new() { ["step"] = 3, ["a"] = 7 }, isEvaluation: true);
        Assert.AreEqual("1 a 2|1 evaluation/a 3|2 a 5|3 a 6|3 evaluation/a 7", Told());
        trackers.End(completed: true);
        var meta = Directory.GetFiles(In("store"), "meta.yaml", SearchOption.AllDirectories).Single(f => f.Count(c => c == '/')
            > In("store/0/meta.yaml").Count(c => c == '/'));
        Assert.Contains("status: 3\n", File.ReadAllText(meta));
        Assert.EndsWith("\n", File.ReadAllText(In("mlflow-run.txt")));
    }

    // Objects and lists within a row lengthen the names; what is no number is left out.
    [TestMethod]
    public void TrackedRow_OfAnEvaluation_HasItsNumbersByPath()
    {
        var row = TrackedRow.Of(
            new() { ["step"] = 4, ["k"] = new JsonArray(0.5, 1), ["b"] = new JsonObject { ["c"] = 2 }, ["t"] = "x" }, isEvaluation: true)!;
        Assert.AreEqual(
            "evaluation/k/1=0.5 evaluation/k/2=1 evaluation/b/c=2",
            string.Join(' ', row.Values.Select(v => FormattableString.Invariant($"{v.Name}={v.Value}"))));
        Assert.AreEqual((true, 4L), row.Key);
    }

    [TestMethod]
    public void Meter_ARow_IsAGaugeForEachNumberWithTheRunsName()
    {
        var run = $"run-{Guid.NewGuid():N}";
        var heard = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == "G2RL.Onnx")
                    l.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
        {
            foreach (var (name, tag) in tags)
                if (name == "run" && (string?)tag == run)
                    lock (heard)
                        heard.Add(FormattableString.Invariant($"{instrument.Name} {value}"));
        });
        listener.Start();
        var tracker = new MeterTracker(run);
        tracker.Append(new(false, 3, [("reward/mean", 0.5)]));
        tracker.Append(new(true, 4, [("evaluation/pass@1", 0.25)]));
        CollectionAssert.AreEqual(
            new[] { "step 3", "reward/mean 0.5", "evaluation/step 4", "evaluation/pass_at_1 0.25" }, heard);
    }

    [TestMethod]
    [DataRow("a_b-c", "a_b-c")]
    [DataRow("pass@1", "pass_at_1")]
    public void MlflowNames_OfAName_KeepWhatIsAllowed(string name, string expected) => Assert.AreEqual(expected, MlflowNames.Of(name));

    private RunTrackers Of(bool board, bool mlflow) => RunTrackers.Of(
        new RunConfig { Logging = new() { TensorBoard = board, Mlflow = mlflow ? In("store") : "" } },
        root,
        In("metrics.jsonl"),
        In("evaluations.jsonl"),
        TimeProvider.System);

    private string Told() => string.Join('|', TfRecords.Read(File.ReadAllBytes(Directory.GetFiles(In("tensorboard")).Single()))
        .Select(Event.Parser.ParseFrom)
        .Skip(2)
        .Select(e => string.Join(
            ' ', e.Summary.Value.Select(v => FormattableString.Invariant($"{v.Tag} {v.SimpleValue}")).Prepend($"{e.Step}"))));

    private string In(string name) => Path.Combine(root, name);
}
