using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Steps;
using G2RL.Onnx.Training.Updates;

namespace G2RL.Onnx.Tests.Updates;

/// <summary>What the graph is given for each token, against the definitions of the averages; which updates there are.</summary>
[TestClass]
public sealed class PolicyUpdateBatchTests : IDisposable
{
    private const int Longest = 12; // sampling.maxNewTokens of the model's configuration

    // Tokens that are trained on, by rollout, in three groups of two; the fourth group is masked by an algorithm, the fifth lost all its
    // tokens.
    private static readonly string[] Kept = ["111", "1", "11011", "10", "0", "1111", "11", "1", "00", "0"];

    private readonly TinyModel model = new();
    private readonly RunInputs inputs;

    public PolicyUpdateBatchTests() => inputs = new(model.Config, TinyModel.Problems());

    public void Dispose()
    {
        inputs.Dispose();
        model.Dispose();
    }

    // The last number: tokens of a micro-batch at most.
    [TestMethod]
    [DataRow("paper", "token-mean", "token-mean", "token-mean", false, 512)]
    [DataRow("paper", "seq-mean-token-sum", "seq-mean-token-sum", "seq-mean-token-sum", false, 5)]
    [DataRow("paper", "seq-mean-token-sum-norm", "seq-mean-token-sum-norm", "seq-mean-token-sum-norm", true, 512)]
    [DataRow("paper", "row-mean-token-mean", "row-mean-token-mean", "row-mean-token-mean", false, 4)]
    [DataRow("paper", "length-weighted", "length-weighted", "length-weighted", true, 7)]
    [DataRow("paper", "prompt-mean", "prompt-mean", "prompt-mean", false, 7)]
    [DataRow("openrlhf", "prompt-mean", "token-mean", "token-mean", true, 512)]
    [DataRow("trl", "row-mean-token-mean", "row-mean-token-mean", "token-mean", false, 5)]
    public void Run_EachAverage_GivesEveryTokenItsWeights(
        string profile, string configured, string kl, string entropy, bool packs, int most)
    {
        var samples = Samples();
        var optimizer = new RecordingOptimizer { Packs = packs, MostTokens = most };
        Run(optimizer, samples, c => c with { Algorithm = c.Algorithm with { Profile = profile, Aggregation = configured } });
        var seen = 0;
        foreach (var micro in optimizer.Updates.Single())
        {
            for (var i = 0; i < micro.Weights.Length; i++, seen++)
            {
                var sequence = micro.Batch.Sequences[micro.Batch.Owners[i]];
                var sample = samples.Single(s => ReferenceEquals(s.Rollout.Tokens, sequence.Response));
                var t = i - Array.IndexOf(micro.Batch.Owners, micro.Batch.Owners[i]);
                var kept = sample.Kept![t];
                Assert.AreEqual(kept ? (float)Weight(configured, sample, samples) : 0, micro.Weights[i]);
                Assert.AreEqual(kept ? (float)Weight(kl, sample, samples) : 0, micro.KlWeights[i]);
                Assert.AreEqual(kept ? (float)Weight(entropy, sample, samples) : 0, micro.EntropyWeights[i]);
                Assert.AreEqual((float)(sample.TokenAdvantages?[t] ?? sample.Advantage), micro.Advantages[i]);
                Assert.AreEqual(sample.Corrections?[t] ?? 1, micro.Corrections[i]);
                Assert.AreEqual(sample.OldLogProbs[t], micro.OldLogProbs[i]);
                Assert.AreEqual(sample.ReferenceLogProbs?[t] ?? 0, micro.ReferenceLogProbs[i]);
            }
            if (!packs)
                Assert.IsTrue(micro.Batch.Rows == 1 || micro.Batch.InputIds.Length <= most, $"{micro.Batch.InputIds.Length}");
        }
        Assert.AreEqual(samples.Where(s => !s.Masked).Sum(s => s.Rollout.Tokens.Length), seen);
        Assert.AreEqual(1, optimizer.Rests);
    }

    // The definitions, over the samples that are not masked; rows and nothing else count those that are.
    private static double Weight(string name, Sample sample, Sample[] all)
    {
        Sample[] live = [.. all.Where(s => !s.Masked)];
        int Of(Sample s) => Kept[(2 * s.Group) + s.Member].Count(k => k == '1');
        double rows = all.Length, own = Of(sample), tokens = live.Sum(Of), sequences = live.Count(s => Of(s) > 0);
        var groups = live.GroupBy(s => s.Group).Count(g => g.Sum(Of) > 0);
        return name switch
        {
            "token-mean" => 1 / tokens,
            "seq-mean-token-sum" => 1 / sequences,
            "seq-mean-token-sum-norm" => 1 / (sequences * Longest),
            "row-mean-token-mean" => 1 / (Math.Max(1, own) * rows),
            "length-weighted" => own / (rows * Longest),
            "prompt-mean" => 1.0 / (live.Where(s => s.Group == sample.Group).Sum(Of) * groups),
            _ => throw new ArgumentException(name),
        };
    }

    // The lot of a token goes with the token, however rows lie; a batch that chooses among all of its tokens is never divided.
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Run_LossThatChoosesTokens_HasOneMicrobatchWithALotForEach(bool packs)
    {
        var samples = Samples();
        var optimizer = new RecordingOptimizer { Packs = packs, MostTokens = 1 };
        var metrics = Run(optimizer, samples, c => c with
        {
            Algorithm = c.Algorithm with { Loss = "clip-cov" },
            Training = c.Training with { TokensPerMicrobatch = 1, MinibatchesPerBatch = 1, EpochsPerBatch = 2 },
        });
        Sequence[] sequences = [.. samples.Where(s => !s.Masked).Select(s => s.Sequence)];
        for (var update = 0; update < 2; update++)
        {
            var order = Seeds.Permutation(
                Seeds.Derive(model.Config.Seed, Seeds.Purpose.Lots, (3 * 2) + update), sequences.Sum(s => s.Response.Length));
            var next = 0;
            var expected = SequenceBatch.Plan(sequences, int.MaxValue).Single()
                .ToDictionary(i => sequences[i].Response, i => sequences[i].Response.Select(_ => (float)order[next++]).ToArray());
            var micro = optimizer.Updates[update].Single();
            var at = 0;
            foreach (var sequence in micro.Batch.Sequences)
            {
                CollectionAssert.AreEqual(expected[sequence.Response], micro.Lots[at..(at + sequence.Response.Length)]);
                at += sequence.Response.Length;
            }
            Assert.AreEqual(order.Length, at);
        }
        if (!packs)
            return;
        // What packing spares is held against all rows in one batch, too.
        double Work(bool packed) => BatchPlan.Work(
            inputs.Policy.Spec, [.. BatchPlan.Whole(sequences, packed).Select(i => sequences[i])], packed);
        Assert.AreEqual(1 - (Work(packed: true) / Work(packed: false)), metrics.Values["packing/saved_flops_share"], 1e-12);
    }

    // Nor is one of more tokens than a micro-batch of a small model has, 256, where tokens are not chosen.
    [TestMethod]
    [DataRow("clip-cov", 1)]
    [DataRow("clipped", 2)]
    public void Run_ManyTokens_AreDividedUnlessTheyAreChosenAmong(string loss, int micros)
    {
        Rollout[] rollouts = [.. Enumerable.Range(0, 2).Select(_ => new Rollout
        {
            PromptTokens = [1],
            Tokens = new int[200],
            LogProbs = [.. Enumerable.Repeat(-1f, 200)],
            Entropies = new float[200],
            Finish = FinishReason.StopToken,
            Version = inputs.Policy.Version,
            Text = "x",
        })];
        var scored = new ScoredGroup(new(new Problem("p", "", ""), rollouts), [Outcome.Judged(true), Outcome.Judged(false)]);
        var optimizer = new RecordingOptimizer();
        Run(
            optimizer,
            [.. rollouts.Select((r, i) => new Sample(0, i, scored, r) { OldLogProbs = r.LogProbs })],
            c => c with { Algorithm = c.Algorithm with { Loss = loss }, Training = c.Training with { TokensPerMicrobatch = 4096 } });
        Assert.HasCount(micros, optimizer.Updates.Single());
    }

    // Work of padded rows that packed ones spare, by the count of products.
    [TestMethod]
    public void Run_PackedRows_TellWhatTheySpare()
    {
        var samples = Samples();
        var optimizer = new RecordingOptimizer { Packs = true };
        var metrics = Run(optimizer, samples, c => c with { Training = c.Training with { TokensPerMicrobatch = 8, EpochsPerBatch = 2 } });
        Sequence[] sequences = [.. samples.Where(s => !s.Masked).Select(s => s.Sequence)];
        var spec = inputs.Policy.Spec;
        var packed = optimizer.Updates[0].Sum(m => BatchPlan.Work(spec, m.Batch.Sequences, packed: true));
        var padded = BatchPlan.Of(spec, sequences, 8, packed: false)
            .Sum(b => BatchPlan.Work(spec, [.. b.Select(i => sequences[i])], packed: false));
        Assert.IsGreaterThan(1, optimizer.Updates[0].Count);
        Assert.AreEqual(1 - (packed / padded), metrics.Values["packing/saved_flops_share"], 1e-12);
        Assert.IsFalse(Run(new RecordingOptimizer(), samples).Values.ContainsKey("packing/saved_flops_share"));
    }

    // Groups of each mini-batch, drawn by the run's seed, the step and the epoch.
    [TestMethod]
    public void Run_EpochsOfMinibatches_TakeTheirGroupsInTheOrderDrawn()
    {
        var samples = Samples();
        var optimizer = new RecordingOptimizer { LaterLogProb = -9 };
        Run(optimizer, samples, c => c with
        {
            Training = c.Training with { EpochsPerBatch = 2, MinibatchesPerBatch = 2, TokensPerMicrobatch = 512 },
        });
        var update = 0;
        for (var epoch = 0; epoch < 2; epoch++)
        {
            var order = Seeds.Permutation(Seeds.Derive(model.Config.Seed, Seeds.Purpose.Minibatches, (3 * 2) + epoch), 5);
            foreach (var members in new[] { order[..2], order[2..] })
            {
                // The fourth group is masked; without a token there is no update.
                if (members.All(g => g is 3 or 4))
                    continue;
                CollectionAssert.AreEquivalent(
                    members.Where(g => g != 3).ToArray(),
                    optimizer.Updates[update++].SelectMany(m => m.Batch.Sequences).Select(s => s.Prompt[0]).Distinct().ToArray());
            }
        }
        Assert.HasCount(update, optimizer.Updates);
    }

    [TestMethod]
    [DataRow(-0.995f)]
    [DataRow(-1.005f)]
    public void Run_FirstUpdate_TellsHowFarTheTrainGraphIs(float logProb)
    {
        var metrics = Run(new RecordingOptimizer { LogProb = logProb }, Samples());
        Assert.AreEqual(0.005, metrics.Values["mismatch/first_ratio_max_nats"], 1e-6);
    }

    // Before the weights change a step can be given up; after that it runs to its end.
    [TestMethod]
    public void Run_Cancelled_StopsBeforeTheFirstUpdateOnly()
    {
        static RunConfig Two(RunConfig c) => c with { Training = c.Training with { EpochsPerBatch = 2 } };
        using var cancel = new CancellationTokenSource();
        var optimizer = new RecordingOptimizer { OnStep = cancel.Cancel };
        Run(optimizer, Samples(), Two, cancel: cancel.Token);
        Assert.HasCount(2, optimizer.Rates);
        using var update = new PolicyUpdate(inputs.Policy, model.Config, optimizer);
        Assert.ThrowsExactly<OperationCanceledException>(() => update.Run(3, Samples(), 5, Metrics(), cancel: cancel.Token));
        Assert.IsTrue(update.IsWhole);
        Assert.HasCount(2, optimizer.Rates);
        // A failure after the first update leaves weights that are of no step.
        var failing = new RecordingOptimizer { OnStep = () => throw new InvalidOperationException("no memory") };
        using var torn = new PolicyUpdate(inputs.Policy, model.Config, failing);
        Assert.ThrowsExactly<InvalidOperationException>(() => torn.Run(3, Samples(), 5, Metrics()));
        Assert.IsFalse(torn.IsWhole);
    }

    // 22 tokens of 0.5 nats each: at the target the bonus weighs what it weighs, and the weight stays; below it grows.
    [TestMethod]
    public void Run_AdaptiveEntropy_WeighsTheBonusOfTheNextStep()
    {
        var samples = Samples();
        Assert.IsNull(new PolicyUpdate(inputs.Policy, model.Config, new RecordingOptimizer()).Entropy);
        RunConfig At(double target) =>
            model.Config with { Algorithm = model.Config.Algorithm with { AdaptiveEntropy = new() { Target = target, Delta = 0.25 } } };
        var optimizer = new RecordingOptimizer();
        using var low = new PolicyUpdate(inputs.Policy, At(0.6), optimizer);
        var (first, second) = (Metrics(), Metrics());
        low.Run(3, samples, 5, first);
        low.Run(4, samples, 5, second);
        Assert.AreEqual((0, 0.25), (first.Values["policy/entropy_coefficient"], first.Values["policy/entropy_weight_next"]));
        Assert.AreEqual((0.25, 0.5), (second.Values["policy/entropy_coefficient"], second.Values["policy/entropy_weight_next"]));
        float[] Entropies(int update) => [.. optimizer.Updates[update].SelectMany(m => m.EntropyWeights)];
        float[] Losses(int update) => [.. optimizer.Updates[update].SelectMany(m => m.Weights)];
        Assert.IsTrue(Entropies(0).All(w => w == 0));
        CollectionAssert.AreEqual(Losses(1).Select(w => w / 4).ToArray(), Entropies(1));
        Assert.IsTrue(Losses(1).Any(w => w > 0));
        using var exact = new PolicyUpdate(inputs.Policy, At(0.5), new RecordingOptimizer());
        exact.Run(3, samples, 5, first);
        Assert.AreEqual(0, first.Values["policy/entropy_weight_next"]);
        using var scratch = new Scratch();
        low.Entropy!.Save(scratch.Path);
        exact.Entropy!.Load(scratch.Path);
        Assert.AreEqual(0.5, exact.Entropy.Weight);
        // As every run begins.
        using var begun = new Scratch();
        new AdaptiveEntropy(new() { Target = 1, Delta = 0.25 }).Save(begun.Path);
        low.Entropy.Load(begun.Path);
        Assert.AreEqual(0, low.Entropy.Weight);
        foreach (var text in new[] { "{}", "null", "[]", "{\"weight\":-1}", "{\"weight\":1e999}", "{\"weight\":\"1\"}", "{" })
        {
            File.WriteAllText(Path.Combine(scratch.Path, "entropy.json"), text);
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => exact.Entropy.Load(scratch.Path)).Message,
                "entropy.json is not what a run with algorithm.adaptiveEntropy wrote: ");
        }
        Assert.AreEqual(0.5, exact.Entropy.Weight);
    }

    private StepMetrics Run(
        RecordingOptimizer optimizer, Sample[] samples, Func<RunConfig, RunConfig>? change = null, CancellationToken cancel = default)
    {
        var metrics = Metrics();
        using var update = new PolicyUpdate(inputs.Policy, change?.Invoke(model.Config) ?? model.Config, optimizer);
        update.Run(3, samples, 5, metrics, cancel: cancel);
        Assert.IsTrue(update.IsWhole);
        return metrics;
    }

    private static StepMetrics Metrics()
    {
        var metrics = new StepMetrics(3);
        metrics.Set("mismatch/allowed_nats", 1e-3);
        return metrics;
    }

    private Sample[] Samples() =>
    [
        .. Enumerable.Range(0, 5).SelectMany(g =>
        {
            Rollout[] rollouts = [.. Enumerable.Range(2 * g, 2).Select(i => new Rollout
            {
                PromptTokens = [g, 1],
                Tokens = [.. Enumerable.Range(2, Kept[i].Length)],
                LogProbs = Same(i, -1f),
                Entropies = Same(i, 0.5f),
                Finish = FinishReason.StopToken,
                Version = inputs.Policy.Version,
                Text = "x",
            })];
            var scored = new ScoredGroup(new(new Problem($"p{g}", "", ""), rollouts), [Outcome.Judged(true), Outcome.Judged(false)])
            {
                Masked = g == 3,
                TokenAdvantages = g == 1 ? [.. rollouts.Select((r, i) => r.Tokens.Select((_, t) => (10.0 * i) + t).ToArray())] : null,
            };
            (scored.Advantages[0], scored.Advantages[1]) = (g + 0.5, -g - 0.25);
            return rollouts.Select((r, m) => new Sample(g, m, scored, r)
            {
                OldLogProbs = Same((2 * g) + m, -1f),
                Kept = [.. Kept[(2 * g) + m].Select(k => k == '1')],
                Corrections = g == 2 ? [.. r.Tokens.Select((_, t) => 2f + t)] : null,
                ReferenceLogProbs = g == 0 ? [.. r.Tokens.Select((_, t) => -2f - t)] : null,
            });
        }),
    ];

    private static float[] Same(int rollout, float value) => [.. Kept[rollout].Select(_ => value)];
}
