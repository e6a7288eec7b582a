using System.Text.Json;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Trackers;
using G2RL.Onnx.Training.Trackers.Wire;

namespace G2RL.Onnx.Tests;

/// <summary>What trackers write, to the letter, under a clock that stands still.</summary>
[TestClass]
public sealed class TrackerFilesTests : IDisposable
{
    private const long Begun = 1_700_000_000_000;

    private readonly string root = Directory.CreateTempSubdirectory("g2rl-tracker-files-").FullName;
    private readonly Clock clock = new();

    public void Dispose() => Directory.Delete(root, recursive: true);

    [TestMethod]
    public void Mlflow_ARunFromBeginningToEnd_WritesWhatItsReadersExpect()
    {
        var (store, run) = (Path.Combine(root, "store"), Directory.CreateDirectory(Path.Combine(root, "it's")).FullName);
        var config = new RunConfig { Model = new string('m', 6001), Name = "n" };
        MlflowTracker Tracker() => new(store, run, config, clock);
        var tracker = Tracker();
        tracker.Follow([new(false, 1, [("reward/mean", 0.5)]), new(true, 1, [("evaluation/pass@1", 1)])]);
        clock.Now += 5;
        tracker.Append(new(false, 2, [("reward/mean", 1e-20)]));
        var id = File.ReadAllText(Path.Combine(run, "mlflow-run.txt")).Trim();
        var folder = Path.Combine(store, "0", id);
        string Text(string name) => File.ReadAllText(Path.Combine(folder, name));
        string Meta(string end, int status) => $"""
            artifact_uri: '{new Uri(folder).AbsoluteUri}/artifacts'
            end_time: {end}
            entry_point_name: ''
            experiment_id: '0'
            lifecycle_stage: active
            run_id: '{id}'
            run_name: 'it''s'
            run_uuid: '{id}'
            source_name: ''
            source_type: 4
            source_version: ''
            start_time: {Begun}
            status: {status}
            tags: []
            user_id: g2rl

            """.ReplaceLineEndings("\n");
        Assert.AreEqual(
            $"""
            artifact_location: '{new Uri(Path.Combine(store, "0")).AbsoluteUri}'
            creation_time: {Begun}
            experiment_id: '0'
            last_update_time: {Begun}
            lifecycle_stage: active
            name: Default

            """.ReplaceLineEndings("\n"),
            File.ReadAllText(Path.Combine(store, "0", "meta.yaml")));
        Assert.AreEqual(Meta("null", 1), Text("meta.yaml"));
        CollectionAssert.AreEquivalent(
            new[] { "artifacts", "metrics", "params", "tags" }, Directory.GetDirectories(folder).Select(Path.GetFileName).ToArray());
        Assert.AreEqual($"{Begun} 0.5 1\n{Begun + 5} 1E-20 2\n", Text("metrics/reward/mean"));
        Assert.AreEqual($"{Begun} 1 1\n", Text("metrics/evaluation/pass_at_1"));
        Assert.AreEqual(new string('m', 6000), Text("params/model"));
        Assert.AreEqual("n", Text("params/name"));
        Assert.AreEqual("100", Text("params/steps"));
        foreach (var (tag, value) in new[]
        {
            ("mlflow.runName", "it's"), ("mlflow.source.name", "g2rl"), ("mlflow.source.type", "LOCAL"), ("mlflow.user", "g2rl"),
            ("g2rl.run", run),
        })
            Assert.AreEqual(value, Text(Path.Combine("tags", tag)));
        clock.Now += 5;
        tracker.End(completed: false);
        Assert.AreEqual(Meta($"{Begun + 10}", 5), Text("meta.yaml"));
        // The run goes on from step 1: its time stays, what the logs lack goes, and a line that is none is passed over.
        File.AppendAllText(Path.Combine(folder, "metrics", "reward", "mean"), "x 1 1\n7 1\n7 1 y\n");
        File.WriteAllText(Path.Combine(store, "0", "meta.yaml"), "another's");
        clock.Now += 5;
        var again = Tracker();
        again.Follow([new(false, 1, [("reward/mean", 0.5)]), new(false, 3, [("reward/mean", 2)])]);
        Assert.AreEqual($"{Begun} 0.5 1\n{Begun + 15} 2 3\n", Text("metrics/reward/mean"));
        Assert.IsFalse(File.Exists(Path.Combine(folder, "metrics", "evaluation", "pass_at_1")));
        Assert.AreEqual("another's", File.ReadAllText(Path.Combine(store, "0", "meta.yaml")));
        Assert.AreEqual(Meta("null", 1), Text("meta.yaml"));
        again.End(completed: true);
        Assert.AreEqual(Meta($"{Begun + 15}", 3), Text("meta.yaml"));
        // An id that is none is replaced.
        foreach (var none in new[] { new string('g', 32), "a/../../../../../../elsewhere/ab" })
        {
            Assert.AreEqual(32, none.Length);
            File.WriteAllText(Path.Combine(run, "mlflow-run.txt"), none);
            Tracker().Follow([]);
            Assert.AreNotEqual(none, File.ReadAllText(Path.Combine(run, "mlflow-run.txt")).Trim());
        }
        Assert.HasCount(3, Directory.GetDirectories(Path.Combine(store, "0")));
    }

    // Settings of a set of problems have any names.
    [TestMethod]
    public void Mlflow_SettingWithAPathsName_IsAFileBelowItsFolder()
    {
        var (store, run) = (Path.Combine(root, "store"), Directory.CreateDirectory(Path.Combine(root, "run")).FullName);
        var settings = JsonDocument.Parse("""{"a/b": 1}""").RootElement;
        new MlflowTracker(store, run, new() { Problems = new() { Settings = settings } }, clock).Follow([]);
        var folder = Directory.GetDirectories(Path.Combine(store, "0")).Single();
        Assert.AreEqual("1", File.ReadAllText(Path.Combine(folder, "params", "problems.settings.a", "b")));
    }

    [TestMethod]
    public void TensorBoard_ARun_IsVersionConfigurationAndRows()
    {
        var config = new RunConfig { Name = "n" };
        var folder = Path.Combine(root, "board");
        var tracker = new TensorBoardTracker(folder, config, clock);
        tracker.Follow([new(false, 1, [("reward/mean", 0.5)])]);
        clock.Now += 500;
        tracker.Append(new(true, 1, [("evaluation/a", 1), ("evaluation/b", 2)]));
        tracker.End(completed: true);
        var file = Directory.GetFiles(folder).Single();
        Assert.AreEqual("events.out.tfevents.1700000000.g2rl", Path.GetFileName(file));
        var events = Read(file);
        Assert.HasCount(4, events);
        const double begun = Begun / 1e3;
        CollectionAssert.AreEqual(new[] { begun, begun, begun, begun + 0.5 }, events.Select(e => e.WallTime).ToArray());
        Assert.AreEqual("brain.Event:2", events[0].FileVersion);
        var text = events[1].Summary.Value.Single();
        Assert.AreEqual(("configuration", "text", 7), (text.Tag, text.Metadata.PluginData.PluginName, (int)text.Tensor.Dtype));
        Assert.AreEqual(1, text.Tensor.TensorShape.Dim.Single().Size);
        Assert.AreEqual($"```json\n{RunConfigFile.ToJson(config)}\n```", text.Tensor.StringVal.Single().ToStringUtf8());
        Assert.AreEqual("1 reward/mean 0.5", Told(events[2]));
        Assert.AreEqual("1 evaluation/a 1 evaluation/b 2", Told(events[3]));
        // Going on, rows that the file has keep their times, and a file that was left aside is none.
        File.WriteAllText(Path.Combine(folder, "events.out.tfevents.0.tmp"), "");
        clock.Now += 500;
        new TensorBoardTracker(folder, config, clock)
            .Follow([new(true, 1, [("evaluation/a", 9)]), new(false, 1, []), new(false, 2, [("x", 3)])]);
        events = Read(file)[2..];
        CollectionAssert.AreEqual(
            new[] { "1 evaluation/a 1 evaluation/b 2", "1 reward/mean 0.5", "2 x 3" }, events.Select(Told).ToArray());
        CollectionAssert.AreEqual(new[] { begun + 0.5, begun, begun + 1 }, events.Select(e => e.WallTime).ToArray());

        static Event[] Read(string path) => [.. TfRecords.Read(File.ReadAllBytes(path)).Select(Event.Parser.ParseFrom)];
        static string Told(Event e) =>
            string.Join(' ', e.Summary.Value.Select(v => FormattableString.Invariant($"{v.Tag} {v.SimpleValue}")).Prepend($"{e.Step}"));
    }

    [TestMethod]
    [DataRow("reward/mean", "reward/mean")]
    [DataRow("pass@1", "pass_at_1")]
    [DataRow("a_b-c.d", "a_b-c.d")]
    [DataRow("1a", "m1a")]
    [DataRow("", "m")]
    [DataRow("a b:c", "a_b_c")]
    public void InstrumentName_OfAName_IsWhatExportersTake(string name, string expected) =>
        Assert.AreEqual(expected, MeterTracker.InstrumentName(name));

    [TestMethod]
    public void InstrumentName_TooLong_IsCut() => Assert.AreEqual(255, MeterTracker.InstrumentName(new string('a', 256)).Length);

    private sealed class Clock : TimeProvider
    {
        public long Now { get; set; } = Begun;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Now);
    }
}
