using System.Globalization;
using G2RL.Onnx.Checkpoints.Adapters;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>Gives the place of a parameter's moment, to be filled.</summary>
internal delegate Span<float> MomentTarget(string name);

/// <summary>
/// Weights that learn, their moments and counters as safetensors files: what a resumed run needs to go on bit for bit. Of a run with adapters these are
/// the adapters alone, in PEFT's layout.
/// </summary>
internal static class TrainingState
{
    private const string Model = "model.safetensors";
    private const string Optimizer = "optimizer.safetensors";
    private const string Origin = "origin";
    private const string First = ".first_moment";
    private const string Second = ".second_moment";

    /// <summary>Bytes of the numbers that <see cref="Save(string, Policy, AdamW)"/> writes.</summary>
    public static long Bytes(Policy policy) => 3 * policy.TrainableCount * sizeof(float);

    public static void Save(string folder, Policy policy, AdamW optimizer) =>
        Save(folder, policy, optimizer.Steps, Source(optimizer.FirstMoments), Source(optimizer.SecondMoments));

    public static void Save(string folder, Policy policy, long steps, WeightSource first, WeightSource second)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt", ["updates"] = Text(policy.Updates), [Origin] = policy.Version.Origin };
        var weights = policy.Trainable.ToDictionary(p => p.Name, StringComparer.Ordinal);
        if (policy.Spec.Adapter is null)
            SafeTensorsWriter.Write(Path.Combine(folder, Model), [.. policy.Trainable.Select(p => Tensor(p, "", _ => p.Buffer.Span))], metadata);
        else
            PeftFolder.WriteInto(folder, policy.Spec, name => weights[name].Buffer.Span, "", metadata);
        SafeTensorsWriter.Write(
            Path.Combine(folder, Optimizer),
            [.. policy.Trainable.Select(p => Tensor(p, First, _ => first(p.Name))), .. policy.Trainable.Select(p => Tensor(p, Second, _ => second(p.Name)))],
            new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt", ["steps"] = Text(steps) });
    }

    public static void Load(string folder, Policy policy, AdamW optimizer) =>
        optimizer.Steps = Load(folder, policy, Target(optimizer.FirstMoments), Target(optimizer.SecondMoments));

    /// <summary>Reads weights into the policy and moments into their places; returns the optimizer's steps.</summary>
    public static long Load(string folder, Policy policy, MomentTarget first, MomentTarget second)
    {
        var prefix = policy.Spec.Adapter is null ? "" : PeftFolder.Prefix;
        using var weights = SafeTensorsFile.Open(Path.Combine(folder, policy.Spec.Adapter is null ? Model : PeftFolder.WeightsFile));
        // A reference policy is read anew from the model: it has to be the same model.
        if (weights.Metadata.GetValueOrDefault(Origin) is var origin && origin != policy.Version.Origin)
            throw new InputException($"{weights.Path} belongs to a run that began with other weights ({origin}) than the model now has ({policy.Version.Origin}). Put the first model back, or start a new run.");
        foreach (var parameter in policy.Trainable)
            weights.ReadFloats(prefix + parameter.Name, parameter.Buffer.Span);
        policy.Updates = Number(weights, "updates");
        using var moments = SafeTensorsFile.Open(Path.Combine(folder, Optimizer));
        foreach (var parameter in policy.Trainable)
        {
            moments.ReadFloats(parameter.Name + First, first(parameter.Name));
            moments.ReadFloats(parameter.Name + Second, second(parameter.Name));
        }
        return Number(moments, "steps");
    }

    private static WeightSource Source(IReadOnlyList<Parameter> list)
    {
        var byName = list.ToDictionary(p => p.Name, StringComparer.Ordinal);
        return name => byName[name].Buffer.Span;
    }

    private static MomentTarget Target(IReadOnlyList<Parameter> list)
    {
        var byName = list.ToDictionary(p => p.Name, StringComparer.Ordinal);
        return name => byName[name].Buffer.Span;
    }

    private static TensorToWrite Tensor(Parameter parameter, string suffix, WeightSource values) =>
        TensorToWrite.Floats(parameter.Name + suffix, SafeTensorsDtype.F32, [.. parameter.Shape], values);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static long Number(SafeTensorsFile file, string name) =>
        file.Metadata.TryGetValue(name, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new InputException($"{file.Path}: metadata '{name}' is missing or no number; this is no checkpoint of a run.");
}
