using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Training;

/// <summary>The graphs of a model as ONNX files: the very graphs that the run samples, scores and trains with. Weights are their inputs.</summary>
public static class GraphArtifacts
{
    /// <summary>Writes decode.onnx, score.body.onnx, score.head.onnx, features.onnx, train.onnx and the resolved config.json.</summary>
    /// <param name="folder">Folder to be made; appears whole or not at all.</param>
    /// <param name="spec">The architecture.</param>
    /// <param name="config">Decides the training objective.</param>
    /// <exception cref="InputException">The folder exists or cannot be written.</exception>
    public static void Write(string folder, DecoderSpec spec, RunConfig config)
    {
        var a = config.Algorithm;
        var objective = PolicyLoss.Objective(new(a.ClipLow, a.ClipHigh, a.KlCoefficient, a.EntropyCoefficient));
        var aside = folder + ".tmp";
        try
        {
            if (Directory.Exists(aside))
                Directory.Delete(aside, recursive: true);
            Directory.CreateDirectory(aside);
            foreach (var graph in new[] { DecoderGraph.Decode(spec), DecoderGraph.Body(spec), DecoderGraph.Head(spec), DecoderGraph.Features(spec), DecoderGraph.Train(spec, objective) })
                File.WriteAllBytes(Path.Combine(aside, graph.Name + ".onnx"), OnnxFile.ToBytes(graph));
            File.WriteAllText(Path.Combine(aside, "config.json"), spec.ToConfigJson());
            foreach (var file in Directory.EnumerateFiles(aside))
                DurableFile.Flush(file);
            Directory.Move(aside, folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"The graphs cannot be written to {folder}: {e.Message}", e);
        }
    }
}
