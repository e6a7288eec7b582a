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
        var spec = policy.Spec;
        var objective = PolicyLoss.Objective(PolicyLossSettings.Of(config.Algorithm));
        var aside = folder + ".tmp";
        try
        {
            if (Directory.Exists(aside))
                Directory.Delete(aside, recursive: true);
            Directory.CreateDirectory(aside);
            foreach (var graph in new[]
            {
                DecoderGraph.Decode(spec),
                DecoderGraph.Body(spec),
                DecoderGraph.Head(spec),
                DecoderGraph.Features(spec),
                DecoderGraph.Train(spec, objective),
            })
                File.WriteAllBytes(Path.Combine(aside, graph.Name + ".onnx"), OnnxFile.ToBytes(graph));
            File.WriteAllText(Path.Combine(aside, "config.json"), spec.ToConfigJson());
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
            throw new InputException($"The graphs cannot be written to {folder}: {e.Message}", e);
        }
    }
}
