using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Advantages;
using G2RL.Onnx.Algorithms.Losses;

namespace G2RL.Onnx.Tests;

/// <summary>
/// Names and switches as configurations and docs/profiles.md have them. Who changes one changes what runs in the world compute: it belongs
/// under Numerics.
/// </summary>
[TestClass]
public sealed class TableTests
{
    [TestMethod]
    public void Names_OfEveryTable_AreThoseOfConfigurations()
    {
        Assert.AreEqual(
            "clip-higher embedding entropy g2rl g2rl-hidden g2rl-masked g2rl-prose g2rl-shuffled gar grpo maxrl otb passk remax",
            Names(AlgorithmTable.All));
        Assert.AreEqual(
            "batch-std gdpo global-whiten gpg group-mean group-normal group-std opo pass-at-k reinforce++ reinforce++-baseline rloo",
            Names(AdvantageTable.All));
        Assert.AreEqual(
            "cispo clip-cov clipped dppo-kl dppo-tv dro gmpo gspo gspo-token kl-cov reinforce sapo vespo",
            Names(LossTable.All));
        Assert.AreEqual(
            "length-weighted prompt-mean row-mean-token-mean row-mean-token-sum-norm seq-mean-token-mean seq-mean-token-sum "
                + "seq-mean-token-sum-norm token-mean token-sum",
            Names(Aggregations.All));
        Assert.AreEqual("abs abs+ k1 k1+ k2 k2+ k3 k3+", Names(KlEstimators.All));
        Assert.AreEqual("openrlhf paper trl verl", Names(Profile.All));
    }

    [TestMethod]
    public void Algorithms_OfTheTable_HaveTheirFeaturesAndConstants()
    {
        static string Words(Algorithm a) => string.Join(' ', new[]
        {
            $"{a.Features}", $"{a.ClipHigh}", $"{a.EntropyCoefficient}", a.Shapes ? "shapes" : "", a.OwnAdvantages ? "own" : "",
            a.Greedy ? "greedy" : "",
        }.Where(w => w.Length > 0));
        foreach (var (name, words) in new[]
        {
            ("grpo", "None 0.2 0"), ("entropy", "None 0.2 0.003"), ("clip-higher", "None 0.28 0"), ("maxrl", "None 0.2 0 own"),
            ("passk", "None 0.2 0 own"), ("remax", "None 0.2 0 own greedy"), ("otb", "Energy 0.2 0 own"), ("gar", "Alignment 0.2 0"),
            ("embedding", "Embedding 0.2 0"), ("g2rl", "Gradient 0.2 0 shapes"), ("g2rl-prose", "Gradient 0.2 0 shapes"),
            ("g2rl-shuffled", "Gradient 0.2 0 shapes"), ("g2rl-masked", "Gradient 0.2 0 shapes"), ("g2rl-hidden", "Hidden 0.2 0 shapes"),
        })
            Assert.AreEqual(words, Words(AlgorithmTable.All[name]), name);
    }

    [TestMethod]
    public void Losses_OfTheTable_SayWhatTheyRead()
    {
        static string Words(TokenLoss l) => string.Join(' ', new[]
        {
            l.DualClip ? "dual" : "", l.WholeSequences ? "sequences" : "", l.WholeBatch ? "batch" : "", l.Clips ? "clips" : "",
            l.Aggregation ?? "",
        }.Where(w => w.Length > 0));
        foreach (var (name, words) in new[]
        {
            ("clipped", "dual clips"), ("cispo", "clips"), ("clip-cov", "batch clips"), ("dppo-kl", "clips"), ("dppo-tv", "clips"),
            ("dro", ""), ("gmpo", "sequences clips row-mean-token-mean"), ("gspo", "sequences clips"), ("gspo-token", "sequences clips"),
            ("kl-cov", "batch"), ("reinforce", ""), ("sapo", ""), ("vespo", "sequences"),
        })
            Assert.AreEqual(words, Words(LossTable.All[name]), name);
    }

    // Rows of docs/profiles.md.
    [TestMethod]
    [DataRow("paper", "group-normal 1E-06 clipped token-mean k3 0 0 0 0 gspo | | AsTheLoss AsTheLoss | skips")]
    [DataRow("verl", "group-std 1E-06 keeps tokens clipped token-mean k3 20 3 20 10 gspo-token | gspo-token=seq-mean-token-mean "
        + "sapo=seq-mean-token-mean | Configured Configured |")]
    [DataRow("trl", "group-std 0.0001 clipped row-mean-token-mean k3 0 0 0 0 gspo | cispo=token-mean sapo=row-mean-token-mean "
        + "vespo=token-mean | AsTheLoss Tokens |")]
    [DataRow("openrlhf", "group-std 1E-09 clipped token-mean k1 20 0 0 10 gspo | gspo=seq-mean-token-mean | Tokens Tokens |")]
    public void Profile_OfEachTrainer_HasItsConventions(string name, string expected)
    {
        var p = Profile.Named(name);
        string[] words =
        [
            p.Advantage, $"{p.AdvantageSettings.Epsilon}", p.AdvantageSettings.LoneKeepsReward ? "keeps" : "",
            p.AdvantageSettings.WhitensTokens ? "tokens" : "", p.Loss, p.Aggregation, p.Kl, $"{p.LogRatioClamp}", $"{p.DualClip}",
            $"{p.KlInputClamp}", $"{p.KlOutputClamp}", p.Gspo, "|",
            .. p.FixedAggregations.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => $"{f.Key}={f.Value}"), "|",
            $"{p.KlAverage}", $"{p.EntropyAverage}", "|", p.SkipsMasked ? "skips" : "",
        ];
        Assert.AreEqual(expected, string.Join(' ', words.Where(w => w.Length > 0)));
    }

    [TestMethod]
    public void Named_UnknownProfile_ListsThem() => StringAssert.Contains(
        Assert.ThrowsExactly<InputException>(() => Profile.Named("nobody")).Message,
        "There is no profile 'nobody'. There are: openrlhf, paper, trl, verl.");

    [TestMethod]
    public void Aggregations_WeightsByHand_OfTwoRows()
    {
        // Rows of 3 and 1 tokens, and an empty one, in a width of 4; the first two are one group.
        float[] mask = [1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        var counts = Aggregations.Count(mask, 3, scale: 8, groups: [0, 0, 1]);
        Assert.AreEqual(new BatchCounts(3, 2, 4, 4, 8, 1), counts);
        Assert.AreEqual(new BatchCounts(3, 2, 4, 4, 4, 2), Aggregations.Count(mask, 3));
        Assert.AreEqual(new BatchCounts(0, 0, 0, 0, 0, 0), Aggregations.Count([], 0));
        foreach (var (name, first, second) in new[]
        {
            ("token-mean", 1 / 4.0, 1 / 4.0), ("token-sum", 1, 1), ("seq-mean-token-sum", 1 / 2.0, 1 / 2.0),
            ("seq-mean-token-sum-norm", 1 / 16.0, 1 / 16.0), ("seq-mean-token-mean", 1 / 6.0, 1 / 2.0),
            ("row-mean-token-mean", 1 / 9.0, 1 / 3.0), ("row-mean-token-sum-norm", 1 / 24.0, 1 / 24.0),
            ("length-weighted", 3 / 12.0, 1 / 12.0), ("prompt-mean", 1 / 4.0, 1 / 4.0),
        })
        {
            var weights = Aggregations.Weights(Aggregations.All[name], mask, 3, counts, emptyIsZero: true, [4, 4, 0]);
            Assert.AreEqual(first, weights[0], 1e-6, name);
            Assert.AreEqual(first, weights[2], 1e-6, name);
            Assert.AreEqual(second, weights[4], 1e-6, name);
            // Every position counts for one of them alone.
            Assert.AreEqual(name == "length-weighted" ? first : 0, weights[3], 1e-6, name);
        }
        Assert.IsEmpty(Aggregations.Weights(Aggregations.All["token-mean"], [], 0, Aggregations.Count([], 0), emptyIsZero: false));
        CollectionAssert.AreEqual(
            new[] { "prompt-mean", "token-mean", "token-sum" },
            Aggregations.All.Where(a => a.Value.Selects).Select(a => a.Key).ToArray());
    }

    [TestMethod]
    public void At_StepOfAnEndOfShaping_LosesItsLambdaThen()
    {
        var config = new AlgorithmConfig { Lambda = 0.25, StopAfter = 3 };
        Assert.AreEqual((0.25, 0, 0), (config.At(2).Lambda, config.At(3).Lambda, config.At(4).Lambda));
    }

    private static string Names<T>(IReadOnlyDictionary<string, T> table) => string.Join(' ', table.Keys.Order(StringComparer.Ordinal));
}
