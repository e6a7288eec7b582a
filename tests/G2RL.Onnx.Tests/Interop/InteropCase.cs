using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Interop;

/// <summary>
/// A folder for tests/ort-training-interop: training artifacts, what was fed to the stock path, and what the stock path made of it. The
/// training runtime in Node feeds the same and compares.
/// </summary>
internal sealed class InteropCase : IDisposable
{
    private readonly string name;
    private readonly bool onPolicy;
    private readonly string aside;
    private readonly FileStream feeds;
    private readonly JsonArray steps = [];
    private readonly JsonArray expected = [];
    private JsonArray microbatches = [];
    private double loss;
    private double terms;

    /// <summary>Starts a case; it takes the place of an older one of its name when it is done.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="onPolicy">Whether ratios are 1, so that the loss is a difference of near-equal halves and its error has to be judged
    /// against their sum.</param>
    public InteropCase(string name, bool onPolicy = false)
    {
        (this.name, this.onPolicy) = (name, onPolicy);
        aside = Path.Combine(Root, name + ".tmp");
        if (Directory.Exists(aside))
            Directory.Delete(aside, recursive: true);
        Directory.CreateDirectory(aside);
        feeds = File.Create(Path.Combine(aside, "feeds.bin"));
    }

    /// <summary>Where tests/ort-training-interop looks for cases.</summary>
    public static string Root => SharedFolder.InRepository("artifacts", "ort-training-interop");

    /// <summary>The folder under construction, for the artifacts.</summary>
    public string Folder => aside;

    /// <summary>Optimizer steps recorded.</summary>
    public int Steps => steps.Count;

    /// <summary>Notes a micro-batch and its share of the stock path's loss.</summary>
    public void Feed(Microbatch micro, double temperature, AlgorithmConfig algorithm, double itsLoss)
    {
        var batch = micro.Batch;
        Assert.IsLessThanOrEqualTo(2048, batch.Rows * batch.Width);
        var inputs = Inputs(batch, temperature);
        inputs[PolicyLoss.Weights] = Floats(micro.Weights, micro.Weights.Length);
        inputs[PolicyLoss.Advantages] = Floats(micro.Advantages, micro.Advantages.Length);
        inputs[PolicyLoss.OldLogProbs] = Floats(micro.OldLogProbs, micro.OldLogProbs.Length);
        if (algorithm.KlCoefficient != 0)
            inputs[PolicyLoss.ReferenceLogProbs] = Floats(micro.ReferenceLogProbs, micro.ReferenceLogProbs.Length);
        microbatches.Add(inputs);
        loss += itsLoss;
        for (var t = 0; t < micro.Weights.Length; t++)
            terms += micro.Weights[t] * Math.Abs(micro.Advantages[t]) * Math.Exp(micro.LogProbs[t] - (double)micro.OldLogProbs[t]);
    }

    /// <summary>Ends an optimizer step.</summary>
    public void Step(double learningRate)
    {
        steps.Add(new JsonObject
        {
            ["loss"] = loss,
            ["scale"] = onPolicy ? terms : Math.Abs(loss),
            ["learningRate"] = learningRate,
            ["microbatches"] = microbatches,
        });
        (microbatches, loss, terms) = ([], 0, 0);
    }

    /// <summary>Notes what the parameters must be after the steps so far.</summary>
    /// <param name="source">Who says so.</param>
    /// <param name="values">The parameters that learn, one after another.</param>
    /// <param name="tolerance">For 99.9 % of them.</param>
    /// <param name="strict">1 for each parameter that must keep the tolerance without exception, or null.</param>
    public void Expect(string source, IEnumerable<float[]> values, double tolerance, byte[]? strict = null)
    {
        var all = values.SelectMany(v => v).ToArray();
        expected.Add(new JsonObject
        {
            ["source"] = source,
            ["afterStep"] = Steps,
            ["tolerance"] = tolerance,
            ["parameters"] = Floats(all, all.Length),
            ["strict"] = strict is null ? null : Bytes("uint8", strict, [strict.Length]),
        });
    }

    /// <summary>Notes what the stock score graph says of the first micro-batch before any step.</summary>
    public void ExpectScores(IReadOnlyList<Scores> scores)
    {
        var (logProbs, entropies) = (scores.SelectMany(s => s.LogProbs).ToArray(), scores.SelectMany(s => s.Entropies).ToArray());
        Scores = new JsonObject { ["log_probs"] = Floats(logProbs, logProbs.Length), ["entropy"] = Floats(entropies, entropies.Length) };
    }

    /// <summary>Puts the case in its place.</summary>
    public void Done(double largestRate)
    {
        feeds.Dispose();
        File.WriteAllText(Path.Combine(aside, "case.json"), new JsonObject
        {
            ["name"] = name,
            ["largestLearningRate"] = largestRate,
            ["steps"] = steps,
            ["expected"] = expected,
            ["scores"] = Scores,
        }.ToJsonString());
        var final = Path.Combine(Root, name);
        if (Directory.Exists(final))
            Directory.Delete(final, recursive: true);
        Directory.Move(aside, final);
    }

    public void Dispose()
    {
        feeds.Dispose();
        if (Directory.Exists(aside))
            Directory.Delete(aside, recursive: true);
    }

    private JsonObject? Scores { get; set; }

    private JsonObject Inputs(SequenceBatch batch, double temperature) => new()
    {
        ["input_ids"] = Longs(batch.InputIds, batch.Rows, batch.Width),
        ["attention_mask"] = Longs(batch.Mask, batch.Rows, batch.Width),
        ["position_ids"] = Longs(batch.Positions, batch.Rows, batch.Width),
        ["rows"] = Longs(batch.Scored, batch.Scored.Length),
        ["targets"] = Longs(batch.Targets, batch.Targets.Length),
        ["inverse_temperature"] = Floats([(float)(1 / temperature)]),
    };

    private JsonObject Longs(long[] values, params long[] dims) => Bytes("int64", MemoryMarshal.AsBytes(values.AsSpan()), dims);

    private JsonObject Floats(float[] values, params long[] dims) => Bytes("float32", MemoryMarshal.AsBytes(values.AsSpan()), dims);

    private JsonObject Bytes(string type, ReadOnlySpan<byte> bytes, long[] dims)
    {
        // Typed arrays in JavaScript begin at multiples of their element.
        feeds.Write(new byte[-feeds.Position & 7]);
        var at = feeds.Position;
        feeds.Write(bytes);
        return new JsonObject { ["type"] = type, ["dims"] = new JsonArray([.. dims.Select(d => (JsonNode)d)]), ["at"] = at };
    }
}

/// <summary>Looks over the shoulder of the stock optimizer and notes all that it is given and says.</summary>
internal sealed class RecordingOptimizer(
    IPolicyOptimizer inner,
    RunConfig config,
    Action<Microbatch, double> fed,
    Action<double> stepped) : IPolicyOptimizer
{
    public RunConfig Config => config;

    public bool Packs => inner.Packs;

    public void Clear() => inner.Clear();

    public double Add(Microbatch micro)
    {
        var loss = inner.Add(micro);
        fed(micro, loss);
        return loss;
    }

    public double? GradientNorm() => inner.GradientNorm();

    public void Step(double learningRate)
    {
        inner.Step(learningRate);
        stepped(learningRate);
    }

    public void Save(string folder) => inner.Save(folder);

    public void Load(string folder) => inner.Load(folder);

    public void Dispose() => inner.Dispose();
}
