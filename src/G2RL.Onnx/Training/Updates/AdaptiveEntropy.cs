using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Updates;

/// <summary>The weight of an entropy bonus from step to step, see <see cref="AdaptiveEntropyConfig"/>.</summary>
internal sealed class AdaptiveEntropy(AdaptiveEntropyConfig config)
{
    private const string StateFile = "entropy.json";

    /// <summary>c, >= 0: what the bonus weighs where the entropy is low.</summary>
    public double Weight { get; private set; }

    /// <summary>What the bonus of a step weighs whose rollouts have this entropy.</summary>
    /// <param name="entropy">Mean entropy of a token, nats.</param>
    public double Of(double entropy) => entropy <= config.Target ? Weight : 0;

    /// <summary>Moves the weight after a whole step.</summary>
    /// <param name="entropy">As given to <see cref="Of"/>.</param>
    /// <param name="metrics">Receives the weight that the step had, and the one that comes.</param>
    public void Adapt(double entropy, StepMetrics metrics)
    {
        metrics.Set("policy/entropy_coefficient", Of(entropy));
        Weight = entropy < config.Target
            ? Weight + config.Delta
            : entropy > config.Target ? Math.Max(0, Weight - config.Delta) : Weight;
        metrics.Set("policy/entropy_weight_next", Weight);
    }

    /// <summary>Writes the weight into a checkpoint's folder.</summary>
    public void Save(string folder) =>
        File.WriteAllText(Path.Combine(folder, StateFile), new JsonObject { ["weight"] = Weight }.ToJsonString() + "\n");

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InputException">The file is missing or something else.</exception>
    public void Load(string folder)
    {
        var path = Path.Combine(folder, StateFile);
        try
        {
            Weight = JsonNode.Parse(InputFile.Text(path))?["weight"]?.GetValue<double>() is >= 0 and var read && double.IsFinite(read)
                ? read
                : throw new JsonException("it holds no weight of at least 0");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InputException($"{path} is not what a run with algorithm.adaptiveEntropy wrote: {e.Message}", e);
        }
    }
}
