using System.Globalization;
using G2RL.Onnx.Checkpoints.Adapters;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>Gives the place of a parameter's moment, to be filled.</summary>
internal delegate Span<float> MomentTarget(string name);

/// <summary>
/// Weights that learn, their moments and counters as safetensors files: what a resumed run needs to go on bit for bit. Of a run with
/// adapters these are the adapters alone, in PEFT's layout.
/// </summary>
internal static class TrainingState
{
    private const string Model = "model.safetensors";
    private const string Optimizer = "optimizer.safetensors";
    private const string Origin = "origin";

    /// <summary>The most bytes of numbers that are written: those of float32 moments.</summary>
    public static long Bytes(Policy policy) => 3 * policy.TrainableCount * sizeof(float);

    public static void Save(string folder, Policy policy, IWeightOptimizer optimizer) =>
        Save(folder, policy, optimizer.Steps, [.. optimizer.State()]);

    /// <summary>The same for moments of AdamW that live elsewhere.</summary>
    public static void Save(string folder, Policy policy, long steps, WeightSource first, WeightSource second) =>
        Save(folder, policy, steps,
        [
            .. policy.Trainable.Select(p => Tensor(p, AdamW.FirstSuffix, _ => first(p.Name))),
            .. policy.Trainable.Select(p => Tensor(p, AdamW.SecondSuffix, _ => second(p.Name))),
        ]);

    /// <summary>The same with an optimizer's state as it is to be written.</summary>
    public static void Save(string folder, Policy policy, long steps, TensorToWrite[] state)
    {
        var metadata = new Dictionary<string, string>(
            StringComparer.Ordinal)
        { ["format"] = "pt", ["updates"] = Text(policy.Updates), [Origin] = policy.Version.Origin };
        var weights = policy.Trainable.ToDictionary(p => p.Name, StringComparer.Ordinal);
        if (policy.Spec.Adapter is null)
            SafeTensorsWriter.Write(
                Path.Combine(folder, Model),
                [.. policy.Trainable.Select(p => Tensor(p, "", _ => p.Buffer.Span))],
                metadata);
        else
            PeftFolder.WriteInto(folder, policy.Spec, name => weights[name].Buffer.Span, "", metadata);
        SafeTensorsWriter.Write(
            Path.Combine(folder, Optimizer),
            state,
            new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt", ["steps"] = Text(steps) });
    }

    public static void Load(string folder, Policy policy, IWeightOptimizer optimizer)
    {
        LoadWeights(folder, policy);
        using var state = SafeTensorsFile.Open(Path.Combine(folder, Optimizer));
        optimizer.Load(state);
        optimizer.Steps = Number(state, "steps");
    }

    /// <summary>Reads weights into the policy and AdamW's moments into their places; returns the optimizer's steps.</summary>
    public static long Load(string folder, Policy policy, MomentTarget first, MomentTarget second)
    {
        LoadWeights(folder, policy);
        using var moments = SafeTensorsFile.Open(Path.Combine(folder, Optimizer));
        foreach (var parameter in policy.Trainable)
        {
            moments.ReadFloats(parameter.Name + AdamW.FirstSuffix, first(parameter.Name));
            moments.ReadFloats(parameter.Name + AdamW.SecondSuffix, second(parameter.Name));
        }
        return Number(moments, "steps");
    }

    /// <summary>Reads weights into the policy and lets the optimizer read its state; returns its steps.</summary>
    public static long Load(string folder, Policy policy, Action<SafeTensorsFile> state)
    {
        LoadWeights(folder, policy);
        using var file = SafeTensorsFile.Open(Path.Combine(folder, Optimizer));
        state(file);
        return Number(file, "steps");
    }

    private static void LoadWeights(string folder, Policy policy)
    {
        var prefix = policy.Spec.Adapter is null ? "" : PeftFolder.Prefix;
        using var weights = SafeTensorsFile.Open(Path.Combine(folder, policy.Spec.Adapter is null ? Model : PeftFolder.WeightsFile));
        // A reference policy is read anew from the model: it has to be the same model.
        if (weights.Metadata.GetValueOrDefault(Origin) is var origin && origin != policy.Version.Origin)
            throw new InputException($"{weights.Path} belongs to a run that began with other weights ({origin}) than the model now has "
                + $"({policy.Version.Origin}). Put the first model back, or start a new run.");
        foreach (var parameter in policy.Trainable)
            weights.ReadFloats(prefix + parameter.Name, parameter.Buffer.Span);
        policy.Updates = Number(weights, "updates");
    }

    private static TensorToWrite Tensor(Parameter parameter, string suffix, WeightSource values) =>
        TensorToWrite.Floats(parameter.Name + suffix, SafeTensorsDtype.F32, [.. parameter.Shape], values);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static long Number(SafeTensorsFile file, string name) =>
        file.Metadata.TryGetValue(name, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new InputException($"{file.Path}: metadata '{name}' is missing or no number; this is no checkpoint of a run.");
}
