using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Optimizers;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests.FineTuning;

/// <summary>The loop of next-token training by itself: what a step changes, and when it is saved.</summary>
[TestClass]
public sealed class NextTokenTrainingTests : IDisposable
{
    private static readonly Sequence[] Sequences = [new([3, 4], [5, 6, 7]), new([5], [8])];

    private readonly TinyModel model = new();

    public void Dispose() => model.Dispose();

    private static NextTokenSettings Settings => new()
    {
        Steps = 5,
        LearningRate = 1e-2,
        WarmupSteps = 0,
        WeightDecay = 0,
        TokensPerMicrobatch = 64,
        CheckpointEvery = 2,
    };

    // Decay takes rate x decay of a matrix' weight beside the same Adam step, and nothing of a norm's.
    [TestMethod]
    public void Run_WeightDecay_LeavesNormsAlone()
    {
        using var before = Policy.Load(model.Folder, 64);
        using var plain = Policy.Load(model.Folder, 64);
        using var decayed = Policy.Load(model.Folder, 64);
        Train(plain, "plain", Settings with { Steps = 1 });
        Train(decayed, "decayed", Settings with { Steps = 1, WeightDecay = 0.5 });
        for (var p = 0; p < plain.Trainable.Count; p++)
        {
            var (was, a, b) = (before.Trainable[p], plain.Trainable[p], decayed.Trainable[p]);
            var share = a.Name.Contains("norm", StringComparison.Ordinal) ? 0 : 1e-2f * 0.5f;
            for (var i = 0; i < a.Buffer.Span.Length; i++)
                Assert.AreEqual(a.Buffer.Span[i] - (share * was.Buffer.Span[i]), b.Buffer.Span[i], 1e-6f, a.Name);
            Assert.IsFalse(a.Buffer.Span.SequenceEqual(was.Buffer.Span), a.Name);
        }
        Assert.AreEqual(before.Version.Counter + 1, plain.Version.Counter);
    }

    [TestMethod]
    public void Run_EverySoManySteps_SavesAndGoesOnFromThere()
    {
        using var whole = Policy.Load(model.Folder, 64);
        var losses = Train(whole, "whole", Settings);
        Assert.HasCount(5, losses);
        CollectionAssert.AreEqual(new[] { "step-000004" }, Saved("whole"));
        // What a killed save leaves is removed when the next begins; steps that are saved are not done again.
        using var cut = Policy.Load(model.Folder, 64);
        using (var cancel = new CancellationTokenSource())
        {
            var seen = new List<double>();
            Assert.ThrowsExactly<OperationCanceledException>(() => Train(cut, "cut", Settings, cancel, stopAfter: 3, seen: seen));
            CollectionAssert.AreEqual(losses[..3], seen);
        }
        CollectionAssert.AreEqual(new[] { "step-000003" }, Saved("cut"));
        var saved = File.GetLastWriteTimeUtc(In("cut/step-000003/state.json"));
        Directory.CreateDirectory(In("cut/.tmp-step-000004"));
        using var again = Policy.Load(model.Folder, 64);
        using (var cancel = new CancellationTokenSource())
        {
            cancel.Cancel();
            Assert.ThrowsExactly<OperationCanceledException>(() => Train(again, "cut", Settings, cancel));
            CollectionAssert.AreEqual(new[] { "step-000003" }, Saved("cut"));
            Assert.AreEqual(saved, File.GetLastWriteTimeUtc(In("cut/step-000003/state.json")), "nothing new to save");
        }
        CollectionAssert.AreEqual(losses[3..], Train(again, "cut", Settings));
        Assert.AreEqual(whole.Hash(), again.Hash());
    }

    // Four rows of 8 tokens, 32 together: packed 6 + 4 x 2 = 14, since they share their prompt, in one micro-batch of 16 for two.
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Run_RowsOfAStep_AreDividedAsTheyLie(bool packed)
    {
        if (packed && !Packing.Auto.Here(KernelChoice.Auto))
            Assert.Inconclusive("needs our operators");
        Sequence[] rows = [.. Enumerable.Range(0, 4).Select(i => new Sequence([3, 4, 5, 6, 7, 8], [5 + i, 6, 9 - i]))];
        using var policy = Policy.Load(model.Folder, 64);
        var memory = MemoryChoice.Training(policy.Spec, 16, 64, recompute: false) with { Packed = packed };
        using var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads: 1, memory);
        Sequence[][] batches = packed ? [rows] : [rows[..2], rows[2..]];
        var expected = gradients.Add([.. batches.Select(batch =>
        {
            var micro = new Microbatch(BatchPlan.Batch(batch, packed));
            Array.Fill(micro.Weights, 1f / 12);
            return micro;
        })]);
        using var training = new NextTokenTraining(
            policy,
            new CheckpointStore(In("log"), 1),
            threads: 1,
            Settings with { Steps = 1, TokensPerMicrobatch = 16, Packed = packed });
        double loss = 0;
        training.Run(_ => rows, p => loss = p.Loss, CancellationToken.None);
        Assert.AreEqual(expected, loss);
        double Work(Sequence[] batch, bool packed) => BatchPlan.Work(policy.Spec, batch, packed);
        Assert.AreEqual(
            packed ? 1 - (Work(rows, packed: true) / (2 * Work(rows[..2], packed: false))) : 0, training.SavedFlopsShare, 1e-12);
    }

    // Who writes a step down comes first: what a kill between the two leaves is a row too many, which a resumption cuts off, and no
    // checkpoint whose row is missing.
    [TestMethod]
    [DataRow(2, "")]
    [DataRow(3, "step-000002")]
    [DataRow(4, "step-000002")]
    public void Run_StepThatCannotBeWrittenDown_IsNotSaved(int step, string saved)
    {
        using var policy = Policy.Load(model.Folder, 64);
        using var training = new NextTokenTraining(policy, new CheckpointStore(In("log"), 1), threads: 1, Settings);
        Assert.ThrowsExactly<IOException>(() => training.Run(
            _ => Sequences,
            p =>
            {
                if (p.Step == step)
                    throw new IOException("No space left on device");
            },
            CancellationToken.None));
        Assert.AreEqual(saved, Directory.Exists(In("log")) ? string.Join(' ', Saved("log")) : "");
    }

    [TestMethod]
    public void Run_GradientThatIsNotFinite_NamesTheStepAsTheLogWould()
    {
        using var policy = Policy.Load(model.Folder, 64);
        policy.Trainable[^1].Buffer.Span[0] = float.NaN;
        Assert.StartsWith("Step 1: ", Assert.ThrowsExactly<NonFiniteException>(() => Train(policy, "broken", Settings)).Message);
    }

    private double[] Train(
        Policy policy,
        string folder,
        NextTokenSettings settings,
        CancellationTokenSource? cancel = null,
        int stopAfter = 0,
        List<double>? seen = null)
    {
        seen ??= [];
        using var training = new NextTokenTraining(policy, new CheckpointStore(In(folder), 1), threads: 1, settings);
        training.Run(
            step => [.. Sequences.Take(1 + (step % 2))],
            p =>
            {
                seen.Add(p.Loss);
                Assert.AreEqual(training.Done, p.Step);
                if (p.Step == stopAfter)
                    cancel!.Cancel();
            },
            cancel?.Token ?? default);
        return [.. seen];
    }

    private string In(string name) => Path.Combine(model.Root, name);

    private string[] Saved(string folder) => [.. Directory.GetDirectories(In(folder)).Select(d => Path.GetFileName(d)!)];
}
