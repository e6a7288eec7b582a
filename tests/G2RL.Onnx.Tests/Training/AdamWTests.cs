using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class AdamWTests
{
    [TestMethod]
    public void Step_TwoStepsByHand_FollowTheFormula()
    {
        using var set = new Set(1, _ => 1f, _ => 0.5f);
        using var optimizer = set.Optimizer(new() { Beta1 = 0.9, Beta2 = 0.99, WeightDecay = 0.1, MaxGradientNorm = 0 });
        optimizer.Step(0.1, 0.5);
        // m = .05, v = .0025; m/(1-.9) = .5, v/(1-.99) = .25: p = 1(1 - .01) - .1 * .5/.5 = .89.
        Assert.AreEqual(0.05, Set.First(optimizer), 1e-8);
        Assert.AreEqual(0.0025, Set.Second(optimizer), 1e-9);
        Assert.AreEqual(0.89, set.Weight, 1e-7);
        set.Gradients[0].Buffer.Span[0] = -1;
        optimizer.Step(0.1, 1);
        // m = .045 - .1 = -.055, v = .002475 + .01 = .012475; -.055/.19 = -.289473684, .012475/.0199 = .626884422, root .791760;
        // p = .89 * .99 + .1 * .289473684/.791760 = .8811 + .036560777 = .917660777.
        Assert.AreEqual(-0.055, Set.First(optimizer), 1e-8);
        Assert.AreEqual(0.012475, Set.Second(optimizer), 1e-9);
        Assert.AreEqual(0.917660777, set.Weight, 1e-7);
        Assert.AreEqual(2, optimizer.Steps);
    }

    [TestMethod]
    public void Step_NormAboveTheLimit_ScalesTheGradientAsTorchDoes()
    {
        using var set = new Set(2, _ => 0f, i => i == 0 ? 3f : 4f);
        using var optimizer = set.Optimizer(new() { MaxGradientNorm = 1 });
        Assert.AreEqual(5, optimizer.GradientNorm(), 1e-12);
        optimizer.Step(0, 5);
        // m = .1 * 3 / (5 + 1e-6)
        Assert.AreEqual(0.1 * 3 / 5.000001, Set.First(optimizer), 1e-8);
        using var small = new Set(2, _ => 0f, i => i == 0 ? 0.3f : 0.4f);
        using var unscaled = small.Optimizer(new() { MaxGradientNorm = 1 });
        unscaled.Step(0, unscaled.GradientNorm());
        Assert.AreEqual(0.1f * 0.3f, Set.First(unscaled), 1e-9f);
    }

    [TestMethod]
    public void Step_ExcludedName_IsNotDecayed()
    {
        using var set = new Set(3, _ => 1f, _ => 0f, "model.norm.weight");
        using var optimizer = set.Optimizer(new() { WeightDecay = 0.5, DecayExclusions = ["norm", "bias"] });
        optimizer.Step(0.1, 0);
        Assert.AreEqual(1f, set.Weight);
        using var other = new Set(3, _ => 1f, _ => 0f);
        using var decaying = other.Optimizer(new() { WeightDecay = 0.5, DecayExclusions = ["norm", "bias"] });
        decaying.Step(0.1, 0);
        Assert.AreEqual(0.95f, other.Weight);
    }

    [TestMethod]
    public void Step_TorchsOwnGradients_GiveTorchsParameters()
    {
        StepGivesTorchsParameters("golden-qwen3-a", "golden-qwen3-a-adamw");
        StepGivesTorchsParameters("golden-llama-a", "golden-llama-a");
        StepGivesTorchsParameters("golden-qwen2-a", "golden-qwen2-a");
    }

    private static void StepGivesTorchsParameters(string name, string after)
    {
        var folder = SharedFolder.Require("models", name);
        using var before = SafeTensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        using var gradients = SafeTensorsFile.Open(Path.Combine(folder, "grads.safetensors"));
        using var expected = SafeTensorsFile.Open(Path.Combine(SharedFolder.Require("models", after), "params_step1.safetensors"));
        Parameter[] weights = [.. gradients.Tensors.Keys.Select(k => Read(before, k))];
        Parameter[] slopes = [.. gradients.Tensors.Keys.Select(k => Read(gradients, k))];
        using var optimizer = new AdamW(weights, slopes, new() { Beta2 = 0.95, WeightDecay = 0.1, MaxGradientNorm = 1 }, threads: 2);
        var norm = optimizer.GradientNorm();
        optimizer.Step(1e-3, norm);
        var scale = Math.Min(1, 1 / (norm + 1e-6));
        var compared = 0;
        foreach (var (weight, slope) in weights.Zip(slopes))
        {
            using var after1 = Read(expected, weight.Name);
            for (var i = 0; i < weight.Buffer.Length; i++)
                if (Math.Abs(slope.Buffer.Span[i] * scale) is 0 or > 1e-6)
                {
                    Assert.AreEqual(after1.Buffer.Span[i], weight.Buffer.Span[i], Tolerances.Parameters, $"{weight.Name}[{i}]");
                    compared++;
                }
        }
        Assert.IsGreaterThan(10_000, compared);
        foreach (var parameter in weights.Concat(slopes))
            parameter.Dispose();
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(7)]
    [DataRow(65_535)]
    [DataRow(65_537)]
    [DataRow(200_003)]
    public void Step_AnyNumberOfThreads_GivesTheSameBits(int length)
    {
        var results = new List<(double Norm, float[] Weights, float[] Second)>();
        foreach (var threads in new[] { 1, 2, 5 })
        {
            using var set = new Set(length, Noise(1), Noise(2));
            using var optimizer = set.Optimizer(new() { WeightDecay = 0.01 }, threads);
            var norm = 0d;
            for (var step = 0; step < 3; step++)
                optimizer.Step(1e-2, norm = optimizer.GradientNorm());
            results.Add((norm, set.Weights[0].Buffer.Span.ToArray(), optimizer.SecondMoments[0].Buffer.Span.ToArray()));
        }
        foreach (var (norm, weights, second) in results)
        {
            Assert.AreEqual(results[0].Norm, norm);
            CollectionAssert.AreEqual(results[0].Weights, weights);
            CollectionAssert.AreEqual(results[0].Second, second);
        }
    }

    [TestMethod]
    public void Update_ElementInAVectorOrInItsTail_GetsTheSameBits()
    {
        // Whatever a vector's width, some lengths put element 0 in a vector and length 1 never does.
        var c = new AdamWCoefficients(new() { WeightDecay = 0.1 }, 1e-3, 3, 0.7);
        float[] first = [], second = [], weights = [];
        for (var n = 1; n <= 40; n++)
        {
            float[] p = new float[n], m = new float[n], v = new float[n], g = new float[n];
            Array.Fill(p, 0.37f);
            Array.Fill(m, -0.011f);
            Array.Fill(v, 0.00031f);
            Array.Fill(g, 0.123f);
            AdamW.Update(p, g, m, v, c);
            (weights, first, second) = n == 1 ? (p, m, v) : (weights, first, second);
            Assert.IsTrue(p.All(x => x == weights[0]) && m.All(x => x == first[0]) && v.All(x => x == second[0]), $"length {n}");
        }
        AdamW.Update([], [], [], [], c);
        Assert.ThrowsExactly<ArgumentException>(() => AdamW.Update(new float[2], new float[1], new float[2], new float[2], c));
    }

    [TestMethod]
    public void Steps_RestoredWithMoments_ContinuesToTheSameBits()
    {
        using var whole = new Set(1001, Noise(1), Noise(2));
        using var uninterrupted = whole.Optimizer(new());
        uninterrupted.Step(1e-2, 1);
        using var half = new Set(1001, i => whole.Weights[0].Buffer.Span[i], Noise(2));
        using var resumed = half.Optimizer(new());
        uninterrupted.FirstMoments[0].Buffer.Span.CopyTo(resumed.FirstMoments[0].Buffer.Span);
        uninterrupted.SecondMoments[0].Buffer.Span.CopyTo(resumed.SecondMoments[0].Buffer.Span);
        resumed.Steps = 1;
        uninterrupted.Step(1e-2, 1);
        resumed.Step(1e-2, 1);
        CollectionAssert.AreEqual(whole.Weights[0].Buffer.Span.ToArray(), half.Weights[0].Buffer.Span.ToArray());
    }

    [TestMethod]
    [DataRow(float.NaN)]
    [DataRow(float.PositiveInfinity)]
    public void GradientNorm_NotFinite_NamesTheTensorAndLeavesEverything(float bad)
    {
        using var set = new Set(70_000, _ => 1f, i => i == 69_999 ? bad : 0.1f, "layers.3.weight");
        using var optimizer = set.Optimizer(new());
        StringAssert.Contains(Assert.ThrowsExactly<NonFiniteException>(() => optimizer.GradientNorm()).Message, "layers.3.weight");
        Assert.ThrowsExactly<NonFiniteException>(() => optimizer.Step(0.1, double.NaN));
        Assert.ThrowsExactly<NonFiniteException>(() => optimizer.Step(double.NaN, 1));
        Assert.AreEqual(0, optimizer.Steps);
        Assert.AreEqual(1f, set.Weight);
    }

    [TestMethod]
    public void SumOfSquares_HugeAndTinyNumbers_NeitherOverflowsNorVanishes()
    {
        Assert.AreEqual(0, AdamW.SumOfSquares([]));
        Assert.AreEqual(9e60, AdamW.SumOfSquares([3e30f]), 1e54);
        Assert.AreEqual(17 * 1e-60, AdamW.SumOfSquares([.. Enumerable.Repeat(1e-30f, 17)]), 1e-66);
        foreach (var n in new[] { 1, 15, 16, 17, 33, 1000 })
            Assert.AreEqual(n * (n + 1.0) * ((2 * n) + 1) / 6, AdamW.SumOfSquares([.. Enumerable.Range(1, n).Select(i => (float)i)]));
    }

    [TestMethod]
    public void Constructor_WrongSettings_NamesThemAllAtOnce()
    {
        using var set = new Set(1, _ => 0f, _ => 0f);
        var fault = Assert.ThrowsExactly<InputException>(() =>
            set.Optimizer(new() { Beta1 = 1, Beta2 = -0.1, Epsilon = 0, WeightDecay = -1, MaxGradientNorm = double.NaN }));
        foreach (var name in new[] { "training.optimizer.beta1 is 1", "training.optimizer.beta2 is -0.1", "training.optimizer.epsilon is "
            + "0", "training.optimizer.weightDecay is -1", "training.optimizer.maxGradientNorm is NaN" })
            StringAssert.Contains(fault.Message, name);
    }

    // Another name, another length, one that is missing, one of two.
    [TestMethod]
    [DataRow("a2", "b2")]
    [DataRow("a2", "a3")]
    [DataRow("a2", "")]
    [DataRow("a2 b2", "a2 c2")]
    public void Constructor_GradientsOfOtherWeights_AreRefused(string weights, string gradients)
    {
        Parameter[] Of(string parts) =>
            [.. parts.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => new Parameter(p[..1], p[1] - '0'))];
        var (owns, others) = (Of(weights), Of(gradients));
        StringAssert.Contains(
            Assert.ThrowsExactly<ArgumentException>(() => new AdamW(owns, others, new(), threads: 1)).Message,
            "Weights and gradients do not belong together.");
        foreach (var parameter in owns.Concat(others))
            parameter.Dispose();
    }

    // Where a gradient ends, its moments fade together: an update is never more than about the rate, also of small neighbours of large
    // ones. A second moment that was rounded to nothing would divide by epsilon alone.
    [TestMethod]
    public void Step_SecondMomentsOfAByteBesideLargeOnes_StayAboveNothing()
    {
        using var set = new Set(256, _ => 0f, i => i == 255 ? 1f : 1e-4f);
        using var optimizer = set.Optimizer(new() { Moments = MomentStorage.Int8, MaxGradientNorm = 0 });
        optimizer.Step(1e-3, 1);
        set.Gradients[0].Buffer.Clear();
        var before = set.Weights[0].Buffer.Span.ToArray();
        // The first update is the rate.
        Assert.IsTrue(before.All(w => Math.Abs(w + 1e-3) < 1e-6));
        optimizer.Step(1e-3, 0);
        // m = .9 x .1 g / (1 - .81), v = .999 x .001 g^2 / (1 - .998001): .473684 / .706930 = .670058, to an eighth of each moment.
        for (var i = 0; i < before.Length; i++)
            Assert.AreEqual(before[i] - 0.670058e-3, set.Weights[0].Buffer.Span[i], i == 255 ? 1e-6 : 0.25e-3, $"{i}");
    }

    // g / (g + epsilon) of the rate is half of it; one weight and a vector's worth.
    [TestMethod]
    [DataRow(1)]
    [DataRow(33)]
    public void Step_EpsilonOfTheGradientsSize_IsAddedToTheRoot(int length)
    {
        using var set = new Set(length, _ => 1f, _ => 0.5f);
        using var optimizer = set.Optimizer(new() { Epsilon = 0.5, MaxGradientNorm = 0 });
        optimizer.Step(0.1, 1);
        Assert.IsTrue(set.Weights[0].Buffer.Span.ToArray().All(w => Math.Abs(w - 0.95) < 1e-6));
    }

    [TestMethod]
    public void FloatBuffer_AfterDispose_RefusesItsAddress()
    {
        var buffer = new FloatBuffer(10);
        Assert.AreEqual(0, buffer.Pointer % 64);
        Assert.IsTrue(buffer.Span.SequenceEqual(new float[10]));
        buffer.Slice(9, 1)[0] = 5;
        Assert.AreEqual(5, buffer.Span[9]);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => _ = buffer.Slice(9, 2).Length);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => _ = buffer.Slice(-1, 2).Length);
        buffer.Clear();
        Assert.AreEqual(0, buffer.Span[9]);
        buffer.Dispose();
        Assert.ThrowsExactly<ObjectDisposedException>(() => _ = buffer.Pointer);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => new FloatBuffer(-1).Dispose());
        using var empty = new FloatBuffer(0);
        Assert.IsTrue(empty.Span.IsEmpty);
    }

    private static Func<int, float> Noise(ulong seed) => i => (float)(Seeds.Uniform(seed, 0, 0, 0, i) - 0.5);

    private static Parameter Read(SafeTensorsFile file, string name)
    {
        var parameter = new Parameter(name, file.Find(name).Shape);
        file.ReadFloats(name, parameter.Buffer.Span);
        return parameter;
    }

    private sealed class Set : IDisposable
    {
        public Set(int length, Func<int, float> weight, Func<int, float> gradient, string name = "w")
        {
            (Weights, Gradients) = ([new Parameter(name, length)], [new Parameter(name, length)]);
            for (var i = 0; i < length; i++)
                (Weights[0].Buffer.Span[i], Gradients[0].Buffer.Span[i]) = (weight(i), gradient(i));
        }

        public Parameter[] Weights { get; }

        public Parameter[] Gradients { get; }

        public float Weight => Weights[0].Buffer.Span[0];

        public AdamW Optimizer(AdamWSettings settings, int threads = 1) => new(Weights, Gradients, settings, threads);

        public static float First(AdamW optimizer) => optimizer.FirstMoments[0].Buffer.Span[0];

        public static float Second(AdamW optimizer) => optimizer.SecondMoments[0].Buffer.Span[0];

        public void Dispose()
        {
            Weights[0].Dispose();
            Gradients[0].Dispose();
        }
    }
}
