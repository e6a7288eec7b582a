using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Files;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Training;

/// <summary>
/// The graphs of a model as ONNX files: the very graphs that the run samples, scores and trains with. Weights are their inputs.
/// </summary>
public static class GraphArtifacts
{
    private const string Decode = "decode.onnx";

    /// <summary>
    /// Writes decode.onnx, score.body.onnx, score.head.onnx, features.onnx, train.onnx and the resolved config.json, and in the folder
    /// training what ONNX Runtime's training API takes: training_model.onnx, eval_model.onnx, optimizer_model.onnx and checkpoint.
    /// </summary>
    /// <param name="folder">Folder to be made; appears whole or not at all.</param>
    /// <param name="policy">The architecture, and the weights that training starts from.</param>
    /// <param name="config">Decides the training objective.</param>
    /// <param name="warn">Told when the folder training is left out, because a setting cannot be expressed there.</param>
    /// <exception cref="InputException">The folder exists or cannot be written.</exception>
    public static void Write(string folder, Policy policy, RunConfig config, Action<string>? warn = null)
    {
        var aside = folder + ".tmp";
        try
        {
            if (Directory.Exists(aside))
                Directory.Delete(aside, recursive: true);
            Directory.CreateDirectory(aside);
            foreach (var (name, bytes) in Graphs(policy.Spec, config))
                File.WriteAllBytes(Path.Combine(aside, name), bytes);
            File.WriteAllText(Path.Combine(aside, "config.json"), policy.Spec.ToConfigJson());
            if (OrtTraining.Fault(policy, config) is { } fault)
                warn?.Invoke($"artifacts/training is left out: {fault}");
            else
                OrtTraining.Write(Path.Combine(aside, "training"), policy, config);
            foreach (var file in Directory.EnumerateFiles(aside, "*", SearchOption.AllDirectories))
                DurableFile.Flush(file);
            Directory.Move(aside, folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritten(folder, e);
        }
    }

    /// <summary>Takes graphs that were written before into a run, if they are the very ones that it needs.</summary>
    /// <param name="source">What <see cref="Write"/> made, or the folder of a run that holds it.</param>
    /// <param name="folder">Folder to be made; appears whole or not at all.</param>
    /// <param name="policy">The architecture.</param>
    /// <param name="config">Decides the training objective.</param>
    /// <exception cref="InputException">A graph is missing or another; each is named. Or the folder cannot be written.</exception>
    public static void Take(string source, string folder, Policy policy, RunConfig config)
    {
        if (!File.Exists(Path.Combine(source, Decode)) && Directory.Exists(Path.Combine(source, "artifacts")))
            source = Path.Combine(source, "artifacts");
        var faults = new List<string>();
        foreach (var (name, bytes) in Graphs(policy.Spec, config))
            if (!File.Exists(Path.Combine(source, name)))
                faults.Add($"{Path.Combine(source, name)} does not exist; it is one of the graphs that a run needs.");
            else if (!File.ReadAllBytes(Path.Combine(source, name)).AsSpan().SequenceEqual(bytes))
                faults.Add($"{Path.Combine(source, name)} is not the graph of {config.Model} under this configuration"
                    + (name.StartsWith("train", StringComparison.Ordinal) ? " (another loss or model)." : " (another model)."));
        if (faults.Count > 0)
            throw InputException.Of([.. faults, "Write the graphs anew with g2rl export --format onnx, or let export-and-train do it."]);
        var aside = folder + ".tmp";
        try
        {
            if (Directory.Exists(aside))
                Directory.Delete(aside, recursive: true);
            foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
            {
                var target = Path.Combine(aside, Path.GetRelativePath(source, file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target);
                DurableFile.Flush(target);
            }
            Directory.Move(aside, folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritten(folder, e);
        }
    }

    // What was begun lies in the folder with .tmp behind its name, and the next attempt replaces it.
    private static InputException Unwritten(string folder, Exception e) => new(
        $"The graphs cannot be written to {folder}: {e.Message} Make room or correct its permissions and give the same command again; "
            + "what was begun is replaced then.",
        e);

    private static IEnumerable<(string Name, byte[] Bytes)> Graphs(DecoderSpec spec, RunConfig config)
    {
        var objective = PolicyLoss.Objective(PolicyLossSettings.Of(config.Algorithm));
        foreach (var graph in new[]
        {
            DecoderGraph.Decode(spec),
            DecoderGraph.Body(spec),
            DecoderGraph.Head(spec),
            DecoderGraph.Features(spec),
            DecoderGraph.Train(spec, objective),
        })
            yield return (graph.Name + ".onnx", OnnxFile.ToBytes(graph));
    }
}
