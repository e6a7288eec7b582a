using System.Globalization;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Training.Lagging;

/// <summary>
/// The weights of the last k steps and of now: with <c>sampling.lag</c> k the batch of step t is drawn with the weights that step t - k
/// began with, of the first k steps with the very first; rounded where <c>sampling.weights</c> says so.
/// </summary>
internal sealed class PolicyHistory : IDisposable
{
    private readonly Policy policy;
    private readonly DrawnWeights weights;
    private readonly Policy[] kept;
    private Policy? last;

    /// <summary>Reserves the weights that learn k + 1 times; those that do not are shared.</summary>
    /// <param name="policy">The policy in training.</param>
    /// <param name="lag">k, >= 0.</param>
    /// <param name="weights">Whether they are rounded.</param>
    public PolicyHistory(Policy policy, int lag, DrawnWeights weights = DrawnWeights.Float32)
    {
        (this.policy, this.weights, Lag) = (policy, weights, lag);
        kept = [.. Enumerable.Range(0, lag + 1).Select(_ => policy.Copy())];
    }

    /// <summary>k</summary>
    public int Lag { get; }

    /// <summary>Policies that are held.</summary>
    public IReadOnlyList<Policy> Kept => kept;

    /// <summary>The step at whose beginning the weights were those that a step's batch is drawn with.</summary>
    public int Source(int step) => Math.Max(0, step - Lag);

    /// <summary>The weights that a step's batch is drawn with; they do not change while that batch may be at work.</summary>
    /// <param name="step">A step from now to k after it.</param>
    public Policy Of(int step) => kept[Source(step) % kept.Length];

    /// <summary>A step begins: its weights are kept, and what changed since the step before where somebody sends that on.</summary>
    public void Keep(int step)
    {
        var slot = kept[step % kept.Length];
        WeightDelta.Form? form = weights == DrawnWeights.BFloat16 ? Rounding.ToBFloat16 : null;
        if (slot.KeepsStep && last is { } before)
        {
            var content = before.Identify().Content;
            var from = new FlatWeights(before);
            var into = ReferenceEquals(before, slot) ? from : new FlatWeights(slot);
            var (parts, change) = WeightDelta.Advance(from, new(policy), form, into);
            slot.Step = new(content, slot.Become(before, change, policy.Updates).Content, parts);
        }
        else
        {
            new FlatWeights(policy).CopyTo(new(slot), form);
            (slot.Updates, slot.Step) = (policy.Updates, null);
        }
        last = slot;
    }

    /// <summary>Writes what the next steps still need beside the weights of now, a file a step.</summary>
    /// <param name="folder">The checkpoint's.</param>
    /// <param name="done">Whole steps.</param>
    public void Save(string folder, int done)
    {
        for (var step = Source(done); step < done; step++)
        {
            var slot = kept[step % kept.Length];
            SafeTensorsWriter.Write(
                Path.Combine(folder, Name(step)),
                [.. slot.Trainable.Select(p => TensorToWrite.Floats(p.Name, SafeTensorsDtype.F32, [.. p.Shape], _ => p.Buffer.Span))],
                new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["format"] = "pt",
                    ["updates"] = slot.Updates.ToString(CultureInfo.InvariantCulture),
                });
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InputException">A file is missing or broken.</exception>
    public void Load(string folder, int done)
    {
        for (var step = Source(done); step < done; step++)
        {
            var slot = kept[step % kept.Length];
            using var file = SafeTensorsFile.Open(Path.Combine(folder, Name(step)));
            foreach (var parameter in slot.Trainable)
                file.ReadFloats(parameter.Name, parameter.Buffer.Span);
            slot.Updates = file.Metadata.TryGetValue("updates", out var text)
                && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var updates)
                ? updates
                : throw new InputException($"{file.Path} does not say how many updates are behind its weights.");
        }
    }

    /// <summary>Copies the weights that learn.</summary>
    public static void Copy(Policy from, Policy into)
    {
        foreach (var (source, target) in from.Trainable.Zip(into.Trainable))
            source.Buffer.Span.CopyTo(target.Buffer.Span);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var own in kept)
            own.Dispose();
    }

    private static string Name(int step) => $"lag-{step.ToString("D6", CultureInfo.InvariantCulture)}.safetensors";
}
