using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Experiments;

/// <summary>One run of an experiment.</summary>
/// <param name="Base">Name of the base model.</param>
/// <param name="Arm">Name of the arm.</param>
/// <param name="Seed">Seed.</param>
/// <param name="Config">The run's whole configuration.</param>
public sealed record ExperimentCell(string Base, string Arm, ulong Seed, RunConfig Config)
{
    /// <summary>The row of a base model before training stands under this name, which no arm may have.</summary>
    public const string Before = "before";

    /// <summary>Folder of the run within the experiment's.</summary>
    public string Folder => Path.Combine(Base, Arm, $"seed-{Seed}");

    /// <summary>What people read.</summary>
    public override string ToString() => $"{Base} / {Arm} / seed {Seed}";

    /// <summary>Lays a part of a configuration over another: groups setting by setting, anything else as a whole.</summary>
    internal static JsonObject Merged(JsonObject under, JsonObject over)
    {
        var result = (JsonObject)under.DeepClone();
        Lay(result, over, "");
        return result;
    }

    private static void Lay(JsonObject under, JsonObject over, string prefix)
    {
        foreach (var (name, value) in over)
            // The settings of one problem set mean nothing to another.
            if (value is JsonObject group && under[name] is JsonObject place && prefix + name != "problems.settings")
                Lay(place, group, prefix + name + ".");
            else
                under[name] = value?.DeepClone();
    }
}
