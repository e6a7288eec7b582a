using System.Globalization;
using G2RL.Onnx.Cluster.Trainers;
using G2RL.Onnx.Cluster.Workers;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Lagging;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>
/// A version of weights on its way from one policy to another: by file, beside the plain write and read of as many bytes, and by
/// differences after an update of 1e-6 a weight, in float32 and in bfloat16.
/// </summary>
internal static class WeightTrials
{
    // What AdamW moves a number by at a learning rate of 1e-6: all of it, and as little as changes 1 % of rounded numbers, as runs do.
    private static readonly float[] Moves = [1e-6f, 2e-7f];
    private const int PieceBytes = 4 << 20;

    public static bool Run(int numbers, string folder, string only)
    {
        var spec = Spec(numbers);
        using var trainer = Policy.Create(spec, 16, Fill);
        double? plain = null;
        var isWell = !"file".Contains(only, StringComparison.Ordinal) || ByFile(trainer, folder, out plain);
        foreach (var weights in new[] { DrawnWeights.Float32, DrawnWeights.BFloat16 })
            if ($"delta {weights}".Contains(only, StringComparison.OrdinalIgnoreCase))
                foreach (var move in weights == DrawnWeights.Float32 ? Moves[..1] : Moves)
                    isWell &= ByDifference(trainer, weights, folder, plain, move);
        return isWell;
    }

    private static bool ByFile(Policy trainer, string folder, out double? plainly)
    {
        using var worker = trainer.Copy();
        var bytes = new FlatWeights(trainer).Length;
        // Plain: as many bytes written to the folder and read again, in pieces of 4 MB.
        var path = Path.Combine(folder, $"g2rl-plain-{Environment.ProcessId}");
        var plain = Trial.Timed(() => Plain(path, bytes));
        plainly = plain;
        File.Delete(path);
        using var shelf = new WeightShelf(new() { Weights = WeightTransfer.File, WeightsFolder = folder });
        Update(trainer, Moves[0]);
        var hashing = Trial.Timed(() => trainer.Identify());
        var byFile = Trial.Timed(() =>
        {
            var card = shelf.Lend(trainer, "");
            WeightTransfers.ReadFile(card, new FlatWeights(worker));
            worker.Updates = card.Counter;
            if (worker.Identify().Content != card.Content)
                throw new InvalidDataException("the file gave other weights");
        });
        return Findings.Say(
            $"{bytes / 1e9:F2} GB by file in {folder}",
            $"{Trial.Seconds(byFile)}, the worker's look at their hash included (the trainer's took {Trial.Seconds(hashing)}); plain write "
                + $"and read {Trial.Seconds(plain)}: {Ratio(byFile / plain)} times",
            byFile <= 1.5 * plain);
    }

    // There and back again: what leads to the new version leads from it to the old one. What draws from rounded weights rounds them in any
    // case, so what the difference costs its maker is what it takes beyond that.
    private static bool ByDifference(Policy trainer, DrawnWeights weights, string folder, double? plain, float rate)
    {
        using var history = new PolicyHistory(trainer, 0, weights);
        var slot = history.Of(0);
        var flat = new FlatWeights(slot);
        var (step, rounds) = (0, weights == DrawnWeights.Float32 ? 1 : 5);
        double Keep()
        {
            Update(trainer, rate);
            return Trial.Timed(() => history.Keep(step++));
        }
        Keep();
        var rounding = Median(rounds, Keep);
        slot.KeepsStep = true;
        Keep();
        var before = "";
        var made = Median(rounds, () =>
        {
            before = slot.Identify().Content;
            return Keep();
        });
        var (after, difference) = (slot.Version.Content, slot.Step!);
        var same = flat.Hash() == after && difference.Base == before;
        var sent = difference.Parts.Sum(p => (long)p.Length);
        double Apply(bool forward)
        {
            var changes = new WeightIdentity[difference.Parts.Length];
            var seconds = Trial.Timed(() =>
            {
                Parallel.For(0, changes.Length, p => changes[p] = WeightDelta.Apply(flat, p, difference.Parts[p], forward));
                slot.Become(slot, changes.Aggregate((a, b) => a + b), slot.Updates);
            });
            same &= slot.Version.Content == (forward ? after : before) && flat.Hash() == slot.Version.Content;
            return seconds;
        }
        var applied = Median(rounds, () =>
        {
            Apply(forward: false);
            return Apply(forward: true);
        });
        var path = Path.Combine(folder, $"g2rl-plain-{Environment.ProcessId}");
        var moved = Trial.Timed(() => Plain(path, sent));
        File.Delete(path);
        var look = Median(rounds, () => Trial.Timed(() => flat.Hash()));
        var all = Math.Max(0, made - rounding) + moved + applied;
        return Findings.Say(
            $"{flat.Length / 1e9:F2} GB by difference after updates of {rate:0e-0} a weight, {weights}",
            $"{(same ? "same bits" : "OTHER BITS")}; {sent / 1e6:F1} MB, {100.0 * sent / flat.Length:F2} % of the bytes; "
                + $"kept for drawing in {Trial.Seconds(rounding)}, with the difference in {Trial.Seconds(made)}; "
                + $"written and read {Trial.Seconds(moved)}; applied in {Trial.Seconds(applied)}"
                + (plain is { } p
                    ? $": {Ratio(all / p)} times the plain write and read ({Ratio((made + moved + applied) / p)} with the keeping)"
                    : "")
                + $"; one look at all numbers takes {Trial.Seconds(look)}",
            same && (weights == DrawnWeights.Float32 || plain is null || all <= 0.1 * plain));
    }

    // Of as many as a run's first steps, in which code is compiled anew.
    private static double Median(int rounds, Func<double> seconds)
    {
        var all = Enumerable.Range(0, rounds).Select(_ => seconds()).Order().ToArray();
        return all[rounds / 2];
    }

    private static void Plain(string path, long bytes)
    {
        var buffer = new byte[PieceBytes];
        for (var i = 0; i < buffer.Length; i++)
            buffer[i] = (byte)Mix(i);
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, preallocationSize: bytes))
            for (long at = 0; at < bytes; at += buffer.Length)
                RandomAccess.Write(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, bytes - at)), at);
        using var read = File.OpenHandle(path);
        for (long at = 0; at < bytes; at += buffer.Length)
            RandomAccess.Read(read, buffer, at);
    }

    // As a step of AdamW: every weight by about the learning rate, either way.
    private static void Update(Policy policy, float rate)
    {
        foreach (var parameter in policy.Trainable)
            Parallel.For(0, (parameter.Buffer.Length + (1 << 20) - 1) >> 20, block =>
            {
                var offset = block << 20;
                var span = parameter.Buffer.Slice(offset, (int)Math.Min(1 << 20, parameter.Buffer.Length - offset));
                for (var i = 0; i < span.Length; i++)
                    span[i] += (Mix(offset + i + policy.Updates) & 1) == 0 ? rate : -rate;
            });
        policy.Updates++;
    }

    // About as large as those of a trained model: a standard deviation of 0.02.
    private static void Fill(ParameterSpec parameter, Span<float> into)
    {
        for (var i = 0; i < into.Length; i++)
            into[i] = ((Mix(i) & 0xFFFF) + (Mix(i + 7_777_777) & 0xFFFF) + (Mix(i + 3_333_333) & 0xFFFF) - 98302.5f) * (0.02f / 32768);
    }

    private static uint Mix(long i)
    {
        var x = (ulong)i * 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 29)) * 0xBF58476D1CE4E5B9;
        return (uint)(x >> 32);
    }

    private static string Ratio(double value) => value.ToString("F2", CultureInfo.InvariantCulture);

    private static DecoderSpec Spec(int numbers)
    {
        const int Width = 2048;
        const int LayerWeights = 46_100_000;
        var layers = Math.Max(1, numbers / LayerWeights);
        return new()
        {
            Architecture = "Qwen3ForCausalLM",
            ModelType = "qwen3",
            VocabularySize = 4096,
            HiddenSize = Width,
            IntermediateSize = 5461,
            Layers = layers,
            Heads = 16,
            KeyValueHeads = 8,
            HeadDimension = 128,
            NormEpsilon = 1e-6,
            MaxPositions = 16,
            Rope = new RopeSpec { Theta = 10000 },
            TieEmbeddings = true,
            QueryKeyNorm = true,
            EosTokens = [],
        };
    }
}
