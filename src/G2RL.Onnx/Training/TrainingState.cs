using System.Globalization;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training;

/// <summary>Weights, both moments and counters of a run as safetensors files: what a resumed run needs to go on bit for bit.</summary>
internal static class TrainingState
{
    private const string Model = "model.safetensors";
    private const string Optimizer = "optimizer.safetensors";
    private const string Origin = "origin";

    /// <summary>Bytes of the numbers that <see cref="Save"/> writes.</summary>
    public static long Bytes(Policy policy) => 3 * policy.ParameterCount * sizeof(float);

    public static void Save(string folder, Policy policy, AdamW optimizer)
    {
        Write(Path.Combine(folder, Model), policy.Parameters.Select(p => ("", p)), new() { ["format"] = "pt", ["updates"] = Text(policy.Updates), [Origin] = policy.Version.Origin });
        Write(Path.Combine(folder, Optimizer), optimizer.FirstMoments.Select(p => (".first_moment", p)).Concat(optimizer.SecondMoments.Select(p => (".second_moment", p))), new() { ["format"] = "pt", ["steps"] = Text(optimizer.Steps) });
    }

    public static void Load(string folder, Policy policy, AdamW optimizer)
    {
        using var weights = SafeTensorsFile.Open(Path.Combine(folder, Model));
        // A reference policy is read anew from the model: it has to be the same model.
        if (weights.Metadata.GetValueOrDefault(Origin) is var origin && origin != policy.Version.Origin)
            throw new InputException($"{weights.Path} belongs to a run that began with other weights ({origin}) than the model now has ({policy.Version.Origin}). Put the first model back, or start a new run.");
        foreach (var parameter in policy.Parameters)
            weights.ReadFloats(parameter.Name, parameter.Buffer.Span);
        policy.Updates = Number(weights, "updates");
        using var moments = SafeTensorsFile.Open(Path.Combine(folder, Optimizer));
        foreach (var (suffix, list) in new[] { (".first_moment", optimizer.FirstMoments), (".second_moment", optimizer.SecondMoments) })
            foreach (var moment in list)
                moments.ReadFloats(moment.Name + suffix, moment.Buffer.Span);
        optimizer.Steps = Number(moments, "steps");
    }

    private static void Write(string path, IEnumerable<(string Suffix, Parameter Parameter)> tensors, Dictionary<string, string> metadata)
    {
        var list = tensors.ToDictionary(t => t.Parameter.Name + t.Suffix, t => t.Parameter, StringComparer.Ordinal);
        SafeTensorsWriter.Write(path, [.. list.Select(t => TensorToWrite.Floats(t.Key, SafeTensorsDtype.F32, [.. t.Value.Shape], name => list[name].Buffer.Span))], metadata);
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static long Number(SafeTensorsFile file, string name) =>
        file.Metadata.TryGetValue(name, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new InputException($"{file.Path}: metadata '{name}' is missing or no number; this is no checkpoint of a run.");
}
