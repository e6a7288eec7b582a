using System.Security.Cryptography;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Artifacts;

/// <summary>The loss of a converted training graph.</summary>
/// <param name="Loss">Writes it, as <see cref="DecoderGraph.Train"/> takes it.</param>
/// <param name="Coefficients">Its constants by name; the manifest keeps them, since the graph cannot be asked.</param>
public sealed record ConvertedObjective(Func<OpBuilder, Value, Value, Value> Loss, IReadOnlyDictionary<string, double> Coefficients);

/// <summary>
/// A Hugging Face folder as a folder of ONNX graphs that any client can load: weights are external constants in one data file that the
/// graphs
/// share, where the running system feeds the same graphs its weights as inputs.
/// </summary>
public static class ModelConversion
{
    // Graphs, configuration and manifest, beside the weights.
    private const long Overhead = 64L << 20;

    /// <summary>Converts.</summary>
    /// <param name="source">A Hugging Face folder.</param>
    /// <param name="folder">The new folder; must not exist. It appears whole or not at all.</param>
    /// <param name="settings">Choices.</param>
    /// <param name="objective">The training graph's loss.</param>
    /// <param name="progress">Called with the bytes of weights written so far and in all.</param>
    /// <exception cref="InputException">
    /// The source is not supported or damaged, the folder exists, or the disk has too little room.
    /// </exception>
    public static ConversionManifest Convert(
        string source,
        string folder,
        ConversionSettings settings,
        ConvertedObjective objective,
        Action<long, long>? progress = null)
    {
        using var checkpoint = HuggingFaceCheckpoint.Open(source);
        var spec = checkpoint.Spec;
        settings.Validate(spec);
        var length = settings.MaxLength ?? spec.MaxPositions;
        var tables = RotaryTable.Of(spec);
        var quantized = settings.Quantization is { } quantization ? new QuantizedWeights(spec, quantization) : null;
        var weightBytes = checkpoint.Tensors.Values.Sum(t =>
            quantized?.Space(checkpoint.ParameterOf(t.Name)) ?? WeightFile.Space(t.Count * Stored(checkpoint, t, settings).Bytes()));
        CheckRoom(folder, checked(weightBytes + TableBytes(tables, length) + Overhead));

        ConversionManifest? manifest = null;
        ModelFolder.Write(folder, temporary =>
        {
            var tensors = new List<ConvertedTensor>();
            var data = new Dictionary<string, TensorData>(StringComparer.Ordinal);
            using (var file = new WeightFile(Path.Combine(temporary, WeightFile.FileName)))
            {
                WriteWeights(checkpoint, settings, quantized, file, tensors, data, written => progress?.Invoke(written, weightBytes));
                WriteTables(tables, length, file, data);
                file.Flush();
            }
            foreach (var graph in Graphs(spec, settings, objective))
                WriteGraph(temporary, quantized is null ? graph : QuantizedGraph.Of(graph, quantized.Matrices), data);
            ModelFolder.CopyCompanions(source, temporary);
            ModelFolder.WriteText(
                Path.Combine(temporary, GenAiConfig.FileName),
                GenAiConfig.Write(spec with { EosTokens = checkpoint.GenerationEosTokens() }, length));
            manifest = new()
            {
                Architecture = spec.Architecture,
                Settings = settings with { MaxLength = length },
                Objective = objective.Coefficients,
                Files = [.. Directory.GetFiles(temporary)
                    .Where(path => Path.GetFileName(path) != WeightFile.FileName)
                    .Order(StringComparer.Ordinal)
                    .Select(Describe)],
                Shards = [.. checkpoint.Shards.Files.Select(shard => new ConvertedShard(Path.GetFileName(shard.Path), shard.Metadata))],
                HasIndex = checkpoint.Shards.HasIndex,
                Tensors = tensors,
                Quantized = quantized?.Tensors,
            };
            ModelFolder.WriteText(Path.Combine(temporary, ConversionManifest.FileName), manifest.ToJson());
        });
        return manifest!;
    }

    /// <summary>Bytes of disk that a conversion takes: what it checks first.</summary>
    /// <param name="plan">The source's weights.</param>
    /// <param name="settings">Choices.</param>
    public static long Room(WeightPlan plan, ConversionSettings settings)
    {
        var quantized = settings.Quantization is { } quantization ? new QuantizedWeights(plan.Spec, quantization) : null;
        var weights = plan.Spec.Parameters.Sum(p =>
            quantized?.Space(p.Name) ?? WeightFile.Space(p.Count * (settings.Precision ?? plan.Types[p.Name]).Bytes()));
        return checked(weights + TableBytes(RotaryTable.Of(plan.Spec), settings.MaxLength ?? plan.Spec.MaxPositions) + Overhead);
    }

    /// <summary>Refuses before anything is written what the disk has no room for.</summary>
    /// <exception cref="InputException">The free bytes are fewer; the shortfall is named.</exception>
    public static void CheckRoom(string folder, long needed) => ModelFolder.CheckRoom(folder, needed);

    /// <summary>Whether a conversion into this folder was interrupted; the next one starts over.</summary>
    public static bool WasInterrupted(string folder) => ModelFolder.HasRemains(folder);

    internal static ConvertedFile Describe(string path)
    {
        using var stream = File.OpenRead(path);
        return new(Path.GetFileName(path), stream.Length, System.Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    private static IEnumerable<Graph> Graphs(DecoderSpec spec, ConversionSettings settings, ConvertedObjective objective)
    {
        if (settings.Graphs.HasFlag(ConvertedGraphs.Decode))
            yield return DecoderGraph.PortableDecode(spec, settings.Opset);
        if (settings.Graphs.HasFlag(ConvertedGraphs.Score))
            yield return DecoderGraph.Score(spec, settings.Opset);
        if (settings.Graphs.HasFlag(ConvertedGraphs.Train))
            yield return DecoderGraph.Train(spec, objective.Loss, opset: settings.Opset);
    }

    private static void WriteWeights(
        HuggingFaceCheckpoint checkpoint,
        ConversionSettings settings,
        QuantizedWeights? quantized,
        WeightFile file,
        List<ConvertedTensor> tensors,
        Dictionary<string, TensorData> data,
        Action<long> progress)
    {
        var written = new Dictionary<string, ConvertedTensor>(StringComparer.Ordinal);
        // A stored copy of a tied head points at the embedding, which may come later in the files: copies go last and the list is put in
        // order again.
        var order = checkpoint.Shards.Files.SelectMany(shard =>
            shard.Tensors.Values.OrderBy(t => t.Offset).ThenBy(t => t.Length).Select(tensor => (Shard: shard, Tensor: tensor))).ToList();
        foreach (var (shard, tensor) in order.OrderBy(entry => IsCopy(checkpoint, entry.Tensor) ? 1 : 0))
        {
            var parameter = checkpoint.ParameterOf(tensor.Name);
            var dtype = Stored(checkpoint, tensor, settings);
            if (parameter is not null && written.TryGetValue(parameter, out var twin))
            {
                tensors.Add(twin with { Name = tensor.Name, Shard = Path.GetFileName(shard.Path) });
                continue;
            }
            if (quantized?.BitsOf(parameter) is not null)
            {
                quantized.Append(file, shard, tensor, parameter!, data);
                progress(file.Length);
                continue;
            }
            var (offset, bytes, hash) = file.Append(shard, tensor, dtype, isWeight: parameter is not null);
            var entry = new ConvertedTensor(tensor.Name, parameter, Path.GetFileName(shard.Path), tensor.Dtype, dtype, tensor.Shape, offset,
                bytes, hash);
            tensors.Add(entry);
            if (parameter is not null)
            {
                written.Add(parameter, entry);
                data.Add(
                    parameter,
                    new TensorData(TypeOf(dtype), tensor.Shape, default, new ExternalData(WeightFile.FileName, offset, bytes)));
            }
            progress(offset + bytes);
        }
        var place = order.Select((entry, index) => (entry.Tensor.Name, index))
            .ToDictionary(entry => entry.Name, entry => entry.index, StringComparer.Ordinal);
        tensors.Sort((a, b) => place[a.Name].CompareTo(place[b.Name]));
    }

    private static bool IsCopy(HuggingFaceCheckpoint checkpoint, TensorInfo tensor) =>
        checkpoint.Spec.TieEmbeddings && checkpoint.PlainName(tensor.Name) == CheckpointRules.Head(checkpoint.Spec);

    private static long TableBytes(IReadOnlyList<RotaryTable> tables, int length) =>
        tables.Sum(t => 2 * WeightFile.Space((long)length * (t.Width / 2) * sizeof(float)));

    private static void WriteTables(IReadOnlyList<RotaryTable> tables, int length, WeightFile file, Dictionary<string, TensorData> data)
    {
        foreach (var table in tables)
        {
            var half = table.Width / 2;
            float[] cos = new float[checked(length * half)], sin = new float[cos.Length];
            new RotaryEmbedding(table.Rope, table.Width).Fill(cos, sin, length);
            foreach (var (name, values) in new[] { (table.Cos, cos), (table.Sin, sin) })
            {
                var (offset, bytes) = file.Append(values);
                data.Add(
                    name,
                    new TensorData(ElementType.Float32, [length, half], default, new ExternalData(WeightFile.FileName, offset, bytes)));
            }
        }
    }

    private static void WriteGraph(string folder, Graph graph, Dictionary<string, TensorData> data)
    {
        foreach (var input in graph.Inputs.Where(input => data.ContainsKey(input.Name)).ToList())
            graph.Fix(input.Name, data[input.Name]);
        using var stream = new FileStream(Path.Combine(folder, graph.Name + ".onnx"), FileMode.CreateNew, FileAccess.Write);
        stream.Write(OnnxFile.ToBytes(graph));
        stream.Flush(flushToDisk: true);
    }

    private static SafeTensorsDtype Stored(HuggingFaceCheckpoint checkpoint, TensorInfo tensor, ConversionSettings settings) =>
        checkpoint.ParameterOf(tensor.Name) is null ? tensor.Dtype : settings.Precision ?? tensor.Dtype;

    private static ElementType TypeOf(SafeTensorsDtype dtype) => dtype switch
    {
        SafeTensorsDtype.F32 => ElementType.Float32,
        SafeTensorsDtype.F16 => ElementType.Float16,
        SafeTensorsDtype.BF16 => ElementType.BFloat16,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Weights are F32, F16 or BF16."),
    };
}
