using System.Buffers.Binary;
using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Trackers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class TrackerTests
{
    private string root = "";

    [TestInitialize]
    public void Begin() => root = Directory.CreateTempSubdirectory("g2rl-trackers-").FullName;

    [TestCleanup]
    public void End() => Directory.Delete(root, recursive: true);

    [TestMethod]
    public void MaskedCrc_OfKnownBytes_IsThePublishedOne()
    {
        // RFC 3720, B.4: 32 bytes of 0 have the CRC-32C 8A9136AA; of 0xff 62A8AB43; 0..31 46DD794E. The mask is undone here.
        uint Plain(byte[] data)
        {
            var turned = TfRecords.MaskedCrc(data) - 0xa282ead8u;
            return (turned >> 17) | (turned << 15);
        }
        Assert.AreEqual(0x8A9136AAu, Plain(new byte[32]));
        Assert.AreEqual(0x62A8AB43u, Plain([.. Enumerable.Repeat((byte)0xff, 32)]));
        Assert.AreEqual(0x46DD794Eu, Plain([.. Enumerable.Range(0, 32).Select(i => (byte)i)]));
    }

    // Whole records up to the first that is torn or damaged; one may be empty.
    [TestMethod]
    public void Records_TornOrDamaged_AreReadUpToThere()
    {
        static byte[] Written(params string[] texts)
        {
            using var stream = new MemoryStream();
            foreach (var text in texts)
                TfRecords.Write(stream, Encoding.ASCII.GetBytes(text));
            return stream.ToArray();
        }
        static string Read(byte[] file) => string.Join('|', TfRecords.Read(file).Select(Encoding.ASCII.GetString));
        Assert.AreEqual("one||two", Read(Written("one", "", "two")));
        Assert.HasCount(1, TfRecords.Read(Written("")).ToArray());
        var whole = Written("one");
        for (var more = 1; more < whole.Length; more++)
            Assert.AreEqual("one", Read([.. whole, .. whole[..more]]), $"{more}");
        for (var i = 0; i < whole.Length; i++)
        {
            var damaged = whole.ToArray();
            damaged[i] ^= 1;
            Assert.AreEqual("one", Read([.. whole, .. damaged, .. whole]), $"byte {i}");
        }
    }

    [TestMethod]
    public void EventFile_OfARun_HoldsEveryNumberOfTheLogs()
    {
        using var run = Run();
        run.RewindTo(0);
        run.AppendEvaluation(JsonNode.Parse("""{"step":0,"pass@1":0.25,"benchmarks":{"b":{"pass@1":0}}}""")!.AsObject());
        run.Append(Step(1));
        run.Append(Step(2));
        CollectionAssert.AreEqual(
            new[]
            {
                "0 evaluation/pass@1 0.25", "0 evaluation/benchmarks/b/pass@1 0", "1 reward/mean 1", "1 policy/kl_nats 0.5",
                "2 reward/mean 2", "2 policy/kl_nats 0.5",
            },
            Scalars());
    }

    [TestMethod]
    public void EventFile_OfAKilledRun_FollowsTheLogs()
    {
        using (var run = Run())
        {
            run.RewindTo(0);
            for (var i = 1; i <= 4; i++)
                run.Append(Step(i));
        }
        // Torn in the middle of a record, as by a kill.
        var file = Directory.GetFiles(Path.Combine(root, "run", "tensorboard")).Single();
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^7]);
        var times = Times();
        using (var run = Resumed())
        {
            run.RewindTo(2);
            run.Append(Step(3));
        }
        CollectionAssert.AreEqual(
            new[] { "1 reward/mean 1", "2 reward/mean 2", "3 reward/mean 3" },
            Scalars().Where(s => s.Contains("reward", StringComparison.Ordinal)).ToArray());
        CollectionAssert.AreEqual(times.Take(2).ToArray(), Times().Take(2).ToArray(), "what stays keeps its time");
        Assert.HasCount(1, Directory.GetFiles(Path.Combine(root, "run", "tensorboard")));
    }

    [TestMethod]
    public void MlflowStore_OfAKilledRun_FollowsTheLogs()
    {
        using (var run = Run())
        {
            run.RewindTo(0);
            run.AppendEvaluation(new() { ["step"] = 0, ["pass@1"] = 0.25, ["failures"] = 3 });
            for (var i = 1; i <= 4; i++)
                run.Append(Step(i));
        }
        var folder = Directory.GetDirectories(Path.Combine(root, "store", "0")).Single();
        string Text(params string[] parts) => File.ReadAllText(Path.Combine([folder, .. parts]));
        StringAssert.Contains(Text("meta.yaml"), "status: 5\n");
        StringAssert.EndsWith(Text("metrics", "evaluation", "failures"), " 3 0\n");
        File.AppendAllText(Path.Combine(folder, "metrics", "reward", "mean"), "170");
        using (var run = Resumed())
        {
            StringAssert.Contains(Text("meta.yaml"), "status: 5\n");
            run.RewindTo(2);
            StringAssert.Contains(Text("meta.yaml"), "status: 1\n");
            run.Append(Step(3));
            run.Complete();
        }
        StringAssert.Contains(Text("meta.yaml"), "status: 3\n");
        Assert.AreEqual(folder, Directory.GetDirectories(Path.Combine(root, "store", "0")).Single(), "a run that goes on is the same run");
        CollectionAssert.AreEqual(
            new[] { "1 1", "2 2", "3 3" },
            Text("metrics", "reward", "mean").Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(l => string.Join(' ', l.Split(' ')[1..]))
                .ToArray());
        StringAssert.EndsWith(Text("metrics", "evaluation", "pass_at_1"), " 0.25 0\n");
        Assert.AreEqual("16", Text("params", "sampling.groupSize"));
        Assert.AreEqual("g2rl", Text("params", "algorithm.name"));
        Assert.AreEqual("run", Text("tags", "mlflow.runName"));
    }

    [TestMethod]
    public void MlflowStore_ThatIsAFile_IsRefusedByName()
    {
        File.WriteAllText(Path.Combine(root, "store"), "");
        using var run = Run();
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => run.RewindTo(0)).Message, "logging.mlflow is '");
    }

    [TestMethod]
    public void MlflowNames_OfHostileNames_StayBelowTheirFolder()
    {
        foreach (var (name, path) in new[]
        {
            ("pass@1", "pass_at_1"), ("../../x", "_/_/x"), ("/etc/x", "_/etc/x"), ("a\\b:c\n", "a_b_c_"), ("a//b", "a/_/b"),
        })
            Assert.AreEqual(path, MlflowNames.Of(name));
    }

    [TestMethod]
    public void Meter_OfARun_MeasuresEveryNumber()
    {
        var seen = new Dictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (i, l) =>
        {
            if (i.Meter.Name == StepMetrics.Meter)
                l.EnableMeasurementEvents(i);
        };
        listener.SetMeasurementEventCallback<double>((i, value, tags, _) =>
        {
            if (tags.Length == 1 && (string?)tags[0].Value == "run")
                seen[i.Name] = value;
        });
        listener.Start();
        using var run = Run();
        run.RewindTo(0);
        run.AppendEvaluation(new() { ["step"] = 0, ["pass@1"] = 0.25 });
        run.Append(Step(3));
        Assert.AreEqual(3, seen["reward/mean"]);
        Assert.AreEqual(3, seen["step"]);
        Assert.AreEqual(0.25, seen["evaluation/pass_at_1"]);
    }

    // A number's gauge is the same one in every step.
    [TestMethod]
    public void Meter_OfSeveralSteps_PublishesANumberOnce()
    {
        var published = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (i, _) => published += i.Meter.Name == StepMetrics.Meter && i.Name == "tracker-tests/once" ? 1 : 0,
        };
        listener.Start();
        var tracker = new MeterTracker("run");
        for (var step = 1; step <= 2; step++)
            tracker.Append(new(false, step, [("tracker-tests/once", step)]));
        Assert.AreEqual(1, published);
    }

    private RunConfig Config => new() { Logging = new() { TensorBoard = true, Mlflow = Path.Combine(root, "store") } };

    private RunDirectory Run() => RunDirectory.Create(Config, TimeProvider.System, Path.Combine(root, "run"));

    private RunDirectory Resumed() => RunDirectory.Resume(Path.Combine(root, "run"), Config);

    private static StepMetrics Step(int step)
    {
        var metrics = new StepMetrics(step);
        metrics.Set("reward/mean", step);
        metrics.Set("policy/kl_nats", 0.5);
        return metrics;
    }

    private string[] Scalars() =>
        [.. Events().SelectMany(e => Summary(e.Message).Select(v => FormattableString.Invariant($"{e.Step} {v.Tag} {v.Value}")))];

    private double[] Times() =>
    [
        .. Events().Where(e => Summary(e.Message).Any())
            .Select(e => BinaryPrimitives.ReadDoubleLittleEndian(Fields(e.Message).First(f => f.Number == 1).Bytes)),
    ];

    // A second reader of the format: frames by their lengths, messages by their wire types, no code of the writer's.
    private IEnumerable<(long Step, byte[] Message)> Events()
    {
        var file = File.ReadAllBytes(Directory.GetFiles(Path.Combine(root, "run", "tensorboard")).Single());
        for (var at = 0; at + 16 <= file.Length;)
        {
            var length = BitConverter.ToInt32(file, at);
            if (at + 16 + length > file.Length)
                break;
            var message = file[(at + 12)..(at + 12 + length)];
            yield return ((long)Fields(message).Where(f => f.Number == 2).Select(f => f.Varint).FirstOrDefault(), message);
            at += 16 + length;
        }
    }

    private static IEnumerable<(string Tag, float Value)> Summary(byte[] message)
    {
        foreach (var summary in Fields(message).Where(f => f.Number == 5))
            foreach (var value in Fields(summary.Bytes).Where(f => f.Number == 1))
            {
                var fields = Fields(value.Bytes).ToList();
                byte[] Of(int number) => fields.First(f => f.Number == number).Bytes;
                if (fields.Any(f => f.Number == 2))
                    yield return (Encoding.UTF8.GetString(Of(1)), BitConverter.ToSingle(Of(2)));
            }
    }

    private static IEnumerable<(int Number, ulong Varint, byte[] Bytes)> Fields(byte[] message)
    {
        var at = 0;
        ulong Varint()
        {
            ulong value = 0;
            for (var shift = 0; ; shift += 7)
            {
                var b = message[at++];
                value |= (ulong)(b & 127) << shift;
                if (b < 128)
                    return value;
            }
        }
        while (at < message.Length)
        {
            var key = (int)Varint();
            var length = (key & 7) switch { 1 => 8, 5 => 4, 2 => -1, _ => 0 };
            if (length == 0)
            {
                yield return (key >> 3, Varint(), []);
                continue;
            }
            length = length < 0 ? (int)Varint() : length;
            yield return (key >> 3, 0, message[at..(at + length)]);
            at += length;
        }
    }
}
