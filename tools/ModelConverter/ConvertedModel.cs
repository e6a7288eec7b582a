using System.Security.Cryptography;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Converter;

/// <summary>
/// A converted folder whose bytes have been checked, and its graphs as ONNX Runtime runs them: what any other client would see.
/// </summary>
internal sealed class ConvertedModel(string folder) : IDisposable
{
    private readonly Dictionary<string, InferenceSession> sessions = new(StringComparer.Ordinal);
    private readonly RunOptions runOptions = new();

    /// <summary>The folder.</summary>
    public string Folder { get; } = folder;

    /// <summary>Its manifest.</summary>
    public ConversionManifest Manifest { get; } = ConversionManifest.Read(folder);

    /// <summary>The model.</summary>
    public DecoderSpec Spec { get; } = Architectures.Read(folder);

    /// <summary>Whether a graph is there.</summary>
    public bool Has(ConvertedGraphs graph) => Manifest.Settings.Graphs.HasFlag(graph);

    /// <summary>Compares every file and tensor with its hash.</summary>
    /// <exception cref="InputException">One is missing or differs.</exception>
    public void CheckBytes()
    {
        foreach (var file in Manifest.Files)
        {
            var path = Path.Combine(Folder, file.Name);
            if (!File.Exists(path))
                throw new InputException($"{path} is missing; {ConversionManifest.FileName} lists it. Convert the source again.");
            using var stream = File.OpenRead(path);
            if (Convert.ToHexStringLower(SHA256.HashData(stream)) != file.Sha256)
                throw new InputException($"{path} is not what was converted: its SHA-256 differs from {ConversionManifest.FileName}. "
                    + "Convert the source again.");
        }
        using var data = File.OpenRead(Path.Combine(Folder, "weights.bin"));
        var buffer = new byte[1 << 20];
        foreach (var (name, place) in Manifest.Places)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            data.Position = place.Offset;
            for (var left = place.Bytes; left > 0;)
            {
                var read = data.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, left)));
                if (read == 0)
                    throw new InputException($"{data.Name} ends inside tensor '{name}'. Convert the source again.");
                hash.AppendData(buffer.AsSpan(0, read));
                left -= read;
            }
            if (Convert.ToHexStringLower(hash.GetHashAndReset()) != place.Sha256)
                throw new InputException($"{data.Name}: tensor '{name}' is not what was converted: "
                    + $"its SHA-256 differs from {ConversionManifest.FileName}. Convert the source again.");
        }
    }

    /// <summary>Runs a graph; gives every output as floats.</summary>
    /// <param name="graph">"decode", "score" or "train".</param>
    /// <param name="inputs">Inputs by name: long[] or float[] with their shapes.</param>
    public Dictionary<string, float[]> Run(string graph, IReadOnlyDictionary<string, (Array Data, long[] Shape)> inputs)
    {
        if (!sessions.TryGetValue(graph, out var session))
        {
            using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            sessions[graph] = session = new InferenceSession(Path.Combine(Folder, graph + ".onnx"), options);
        }
        var values = inputs.ToDictionary(input => input.Key, input => input.Value.Data switch
        {
            long[] integers => OrtValue.CreateTensorValueFromMemory(integers, input.Value.Shape),
            float[] floats => OrtValue.CreateTensorValueFromMemory(floats, input.Value.Shape),
            var other => throw new ArgumentException($"No tensor of {other.GetType()} is made here.", nameof(inputs)),
        }, StringComparer.Ordinal);
        try
        {
            using var results = session.Run(runOptions, values, session.OutputNames);
            return session.OutputNames.Zip(results)
                .ToDictionary(pair => pair.First, pair => pair.Second.GetTensorDataAsSpan<float>().ToArray(), StringComparer.Ordinal);
        }
        finally
        {
            foreach (var value in values.Values)
                value.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var session in sessions.Values)
            session.Dispose();
        runOptions.Dispose();
    }
}
