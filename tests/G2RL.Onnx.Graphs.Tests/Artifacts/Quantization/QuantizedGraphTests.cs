using System.Runtime.InteropServices;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Graphs.Tests.Artifacts;

/// <summary>MatMulNBits in ONNX Runtime against our own dequantisation and a float32 product.</summary>
[TestClass]
public sealed class QuantizedGraphTests
{
    private static readonly ConvertedObjective Objective = new(
        (op, logProbs, _) => op.Neg(op.ReduceSum(logProbs, keepDims: false, 0)),
        new Dictionary<string, double>());

    public static IEnumerable<object[]> Kinds =>
        from bits in (int[])[4, 8]
        from zeroPoints in (bool[])[false, true]
        from accuracy in (int[])[0, 1]
        from inputs in (int[])[64, 72, 300]
        select new object[] { bits, zeroPoints, accuracy, inputs };

    [TestMethod]
    [DynamicData(nameof(Kinds))]
    public void Product_InTheRuntime_IsThatOfTheDequantisedWeights(int bits, bool zeroPoints, int accuracy, int inputs)
    {
        const int rows = 5, outputs = 7;
        var settings = new QuantizationSettings { Bits = bits, ZeroPoints = zeroPoints, AccuracyLevel = accuracy };
        var quantizer = settings.Quantizer(bits, inputs);
        var random = new Random(inputs);
        float[] x = Some(rows * inputs), weights = Some(outputs * inputs), bias = Some(outputs), back = new float[inputs];
        var (codes, scales, zeros) =
            (new byte[outputs * quantizer.CodeBytes], new float[outputs * quantizer.Blocks], new byte[outputs * quantizer.ZeroBytes]);
        var (expected, magnitude) = (new double[rows * outputs], new double[rows * outputs]);
        for (var o = 0; o < outputs; o++)
        {
            var c = codes.AsSpan(o * quantizer.CodeBytes, quantizer.CodeBytes);
            var s = scales.AsSpan(o * quantizer.Blocks, quantizer.Blocks);
            var z = zeros.AsSpan(o * quantizer.ZeroBytes, quantizer.ZeroBytes);
            quantizer.Quantize(weights.AsSpan(o * inputs, inputs), c, s, z);
            quantizer.Dequantize(c, s, z, back);
            for (var r = 0; r < rows; r++)
            {
                expected[(r * outputs) + o] = bias[o];
                for (var i = 0; i < inputs; i++)
                {
                    expected[(r * outputs) + o] += (double)x[(r * inputs) + i] * back[i];
                    magnitude[(r * outputs) + o] += Math.Abs((double)x[(r * inputs) + i] * back[i]);
                }
            }
        }

        var graph = new Graph("full");
        var op = new OpBuilder(graph);
        graph.Output(op.Named("y", op.Gemm(
            graph.Input("x", ElementType.Float32, "R", inputs),
            graph.Input("w", ElementType.Float32, outputs, inputs),
            graph.Input("b", ElementType.Float32, outputs),
            transposeB: true)));
        var quantized = QuantizedGraph.Of(
            graph,
            new Dictionary<string, QuantizedMatrix>(StringComparer.Ordinal) { ["w"] = new(bits, inputs, outputs, settings) });
        // Weights are constants in the exported graph; the runtime packs those, and computes others elsewhere.
        quantized.Fix("w" + QuantizedGraph.Codes, new(ElementType.UInt8, [outputs, quantizer.Blocks, quantizer.BlockBytes], codes));
        quantized.Fix("w" + QuantizedGraph.Scales, TensorData.Of(scales, scales.Length));
        if (zeroPoints)
            quantized.Fix("w" + QuantizedGraph.Zeros, new(ElementType.UInt8, [zeros.Length], zeros));
        var y = MemoryMarshal.Cast<byte, float>(OrtRunner.Run(quantized, new Dictionary<string, TensorData>(
            StringComparer.Ordinal)
        { ["x"] = TensorData.Of(x, rows, inputs), ["b"] = TensorData.Of(bias, outputs) })[0].Bytes.Span);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], y[i], Tolerances.QuantizedProduct * (1 + magnitude[i]), $"element {i}");

        float[] Some(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)((2 * random.NextDouble()) - 1))];
    }

    public static IEnumerable<object[]> Models =>
    [
        [
            """{"model_type": "qwen3", "vocab_size": 19, "hidden_size": 40, "intermediate_size": 56, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "tie_word_embeddings": true, "eos_token_id": 1}""",
            4,
            14,
        ],
        [
            """{"model_type": "qwen2", "vocab_size": 19, "hidden_size": 40, "intermediate_size": 56, "num_hidden_layers": 2, "num_attention_heads": 5, "num_key_value_heads": 5, "max_position_embeddings": 64, "tie_word_embeddings": false, "eos_token_id": 1}""",
            8,
            15,
        ],
        [
            """{"model_type": "gpt2", "vocab_size": 19, "n_embd": 40, "n_layer": 2, "n_head": 5, "n_positions": 32, "eos_token_id": 1, "bos_token_id": 1}""",
            4,
            8,
        ],
        [
            """{"model_type": "phi3", "vocab_size": 19, "hidden_size": 40, "intermediate_size": 56, "num_hidden_layers": 2, "num_attention_heads": 5, "max_position_embeddings": 64, "tie_word_embeddings": false, "eos_token_id": 1, "pad_token_id": 2}""",
            4,
            9,
        ],
    ];

    [TestMethod]
    [DynamicData(nameof(Models))]
    public void Model_InFewBits_ComputesWhatItsDequantisedWeightsDo(string config, int bits, int matrices)
    {
        using var folder = new TemporaryFolder();
        var spec = Architectures.Parse(config, "test");
        var random = new Random(5);
        var weights = spec.Parameters.ToDictionary(
            p => p.Name,
            p => Enumerable.Range(0, (int)p.Count).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray(),
            StringComparer.Ordinal);
        HuggingFaceCheckpoint.Create(folder["full"], spec, name => weights[name]);
        var settings = new QuantizationSettings { Bits = bits, ZeroPoints = bits == 4 };
        var manifest = ModelConversion.Convert(
            folder["full"],
            folder["small"],
            new() { Graphs = ConvertedGraphs.Decode, Quantization = settings },
            Objective);
        ModelConversion.Convert(
            folder["full"],
            folder["again"],
            new() { Graphs = ConvertedGraphs.Decode, Quantization = settings },
            Objective);
        foreach (var file in (string[])["weights.bin", "decode.onnx", "manifest.json"])
            CollectionAssert.AreEqual(
                File.ReadAllBytes(Path.Combine(folder["small"], file)),
                File.ReadAllBytes(Path.Combine(folder["again"], file)),
                file);

        // What is quantised: the matrices of the layers and an untied head.
        var quantized = manifest.Quantized!;
        Assert.HasCount(matrices, quantized);
        Assert.IsTrue(quantized.All(t => t.Shape.Length == 2 && t.Bits == (t.Name == "lm_head.weight" ? 8 : bits)));
        Assert.IsTrue(quantized.All(t => t.RelativeError is > 0 and < 0.12), string.Join(' ', quantized.Select(t => t.RelativeError)));
        CollectionAssert.AreEquivalent(
            spec.Parameters.Select(p => p.Name).ToArray(),
            manifest.Tensors.Select(t => t.Parameter).Concat(quantized.Select(t => t.Parameter)).ToArray());

        var bytes = File.ReadAllBytes(Path.Combine(folder["small"], "weights.bin"));
        foreach (var tensor in quantized)
            weights[tensor.Parameter] = Dequantised(tensor, settings, bytes, spec.Weights == WeightLayout.Gpt2);
        HuggingFaceCheckpoint.Create(folder["rounded"], spec, name => weights[name]);
        ModelConversion.Convert(folder["rounded"], folder["reference"], new() { Graphs = ConvertedGraphs.Decode }, Objective);
        float[] expected = Logits(folder["reference"], spec), actual = Logits(folder["small"], spec);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], Tolerances.QuantizedLogits, $"logit {i}");
        Assert.Contains(
            "few bits",
            Assert.ThrowsExactly<InputException>(() => ModelExport.ToHuggingFace(folder["small"], folder["back"])).Message);
    }

    [TestMethod]
    public void Matrix_ThatSomethingElseReads_IsNamed()
    {
        var graph = new Graph("g");
        var op = new OpBuilder(graph);
        graph.Output(op.Gather(graph.Input("w", ElementType.Float32, 4, 32), op.Int(1)));
        var fault = Assert.ThrowsExactly<GraphException>(() =>
            QuantizedGraph.Of(graph, new Dictionary<string, QuantizedMatrix>(StringComparer.Ordinal) { ["w"] = new(4, 32, 4, new()) }));
        StringAssert.Contains(fault.Message, "'w' is read by Gather");
    }

    [TestMethod]
    public void Settings_OutOfRange_AreAllNamed()
    {
        var spec = Architectures.Parse((string)Models.First()[0], "test");
        var settings = new ConversionSettings { Quantization = new() { Bits = 5, BlockSize = 48, AccuracyLevel = 7 } };
        var message = Assert.ThrowsExactly<InputException>(() => settings.Validate(spec)).Message;
        foreach (var part in (string[])["5 bits", "48", "accuracy level is 7", "Decode alone"])
            StringAssert.Contains(message, part);
    }

    private static float[] Dequantised(QuantizedTensor tensor, QuantizationSettings settings, byte[] file, bool inputsFirst)
    {
        var (inputs, outputs) = inputsFirst ? ((int)tensor.Shape[0], (int)tensor.Shape[1]) : ((int)tensor.Shape[1], (int)tensor.Shape[0]);
        var quantizer = settings.Quantizer(tensor.Bits, inputs);
        ReadOnlySpan<byte> Part(ConvertedPlace place) => file.AsSpan((int)place.Offset, (int)place.Bytes);
        var codes = Part(tensor.Codes);
        var scales = MemoryMarshal.Cast<byte, float>(Part(tensor.Scales));
        var zeros = tensor.Zeros is null ? default : Part(tensor.Zeros);
        var (weights, row) = (new float[inputs * outputs], new float[inputs]);
        for (var o = 0; o < outputs; o++)
        {
            quantizer.Dequantize(
                codes.Slice(o * quantizer.CodeBytes, quantizer.CodeBytes),
                scales.Slice(o * quantizer.Blocks, quantizer.Blocks),
                zeros.Slice(o * quantizer.ZeroBytes, quantizer.ZeroBytes),
                row);
            for (var i = 0; i < inputs; i++)
                weights[inputsFirst ? (i * outputs) + o : (o * inputs) + i] = row[i];
        }
        return weights;
    }

    private static float[] Logits(string folder, DecoderSpec spec)
    {
        using var runner = new OrtRunner(Path.Combine(folder, "decode.onnx"));
        var inputs = new Dictionary<string, TensorData>(StringComparer.Ordinal)
        {
            ["input_ids"] = TensorData.Of([3L, 1, 4, 15, 9], 1, 5),
            ["attention_mask"] = TensorData.Of([1L, 1, 1, 1, 1], 1, 5),
            ["position_ids"] = TensorData.Of([0L, 1, 2, 3, 4], 1, 5),
        };
        for (var layer = 0; layer < spec.Layers; layer++)
            foreach (var kind in (string[])["key", "value"])
                inputs[$"past_key_values.{layer}.{kind}"] = new(
                    ElementType.Float32,
                    [1, spec.KeyValueHeads, 0, DecoderGraph.CacheWidth(spec)],
                    default);
        return MemoryMarshal.Cast<byte, float>(runner.Run(inputs)[0].Bytes.Span).ToArray();
    }
}
