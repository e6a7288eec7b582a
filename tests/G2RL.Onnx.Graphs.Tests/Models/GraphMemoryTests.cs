using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Graphs.Tests.Models;

/// <summary>However a graph spends memory, it gives the numbers of the plain forward pass differentiated node by node.</summary>
[TestClass]
public sealed class GraphMemoryTests
{
    private const int Rows = 3, Length = 7, Positions = 16;

    private static readonly GraphMemory All = new(HeadChunks: 4, AttentionBlocks: 2, Recompute: true, InPlaceSums: true)
    {
        FeedForwardBlocks = 3,
    };

    // Each setting alone on one architecture, all together on every one and with every objective.
    public static IEnumerable<object[]> Cases =>
    [
        .. from architecture in new[] { "Qwen3ForCausalLM", "Gemma3ForCausalLM", "GPT2LMHeadModel", "MistralForCausalLM" }
           from objective in Objectives.Keys
           select new object[] { architecture, objective, All },
        .. from memory in new GraphMemory[]
           {
               new(),
               new(HeadChunks: 3),
               new(HeadChunks: 64),
               new(AttentionBlocks: 3),
               new(AttentionBlocks: 9),
               new(Recompute: true),
               new(InPlaceSums: true),
               new() { FeedForwardBlocks = 3 },
               new(Recompute: true, InPlaceSums: true) { FeedForwardBlocks = 9 },
           }
           select new object[] { "Gemma3ForCausalLM", "entropy", memory },
        ["Qwen3ForCausalLM", "sequence", new GraphMemory()],
    ];

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void TrainGraph_HoweverMemoryIsSpent_GivesThePlainNumbers(string architecture, string objective, GraphMemory memory)
    {
        var spec = Decoder(architecture);
        var feeds = Feeds(spec);
        var expected = Run(Plain(spec, Objectives[objective]), feeds);
        var actual = Run(DecoderGraph.Train(spec, Objectives[objective], memory: memory), feeds);
        CollectionAssert.AreEquivalent(expected.Keys.ToArray(), actual.Keys.ToArray());
        foreach (var (name, values) in expected)
            AssertClose(
                values,
                actual[name],
                name is "loss" or "log_probs" or "entropy" ? Tolerances.Scores : Tolerances.Gradient * Largest(values),
                name);
    }

    [TestMethod]
    public void Recomputation_ChangesNoBit()
    {
        var spec = Decoder("Qwen3ForCausalLM");
        var feeds = Feeds(spec);
        var kept = Run(DecoderGraph.Train(spec, Objectives["entropy"], memory: new(AttentionBlocks: 2)), feeds);
        var again = Run(DecoderGraph.Train(spec, Objectives["entropy"], memory: new(AttentionBlocks: 2, Recompute: true)), feeds);
        foreach (var (name, values) in kept)
            CollectionAssert.AreEqual(values, again[name], name);
    }

    [TestMethod]
    public void TrainGraph_WithAFrozenHead_HasNoGradientOfIt()
    {
        var spec = Decoder("Gemma3ForCausalLM");
        static bool Trainable(string name) => name.Contains("q_proj", StringComparison.Ordinal);
        var feeds = Feeds(spec);
        var all = Run(DecoderGraph.Train(spec, Objectives["token"]), feeds);
        var graph = DecoderGraph.Train(
            spec,
            Objectives["token"],
            Trainable,
            memory: new(HeadChunks: 3, AttentionBlocks: 2, Recompute: true, InPlaceSums: true));
        var some = Run(graph, feeds.Where(f => graph.Contains(f.Key)).ToDictionary());
        Assert.IsTrue(some.Keys.Where(k => k.EndsWith(".out", StringComparison.Ordinal)).All(Trainable));
        foreach (var (name, values) in some)
            AssertClose(all[name], values, Tolerances.Gradient * Math.Max(1, Largest(all[name])), name);
    }

    [TestMethod]
    [DataRow(1, 1)]
    [DataRow(4, 3)]
    [DataRow(64, 9)]
    public void ScoreGraph_HoweverMemoryIsSpent_GivesThePlainNumbers(int chunks, int attentionBlocks)
    {
        foreach (var architecture in new[] { "Qwen3ForCausalLM", "Gemma3ForCausalLM" })
        {
            var spec = Decoder(architecture);
            var feeds = Feeds(spec)
                .Where(f => !f.Key.EndsWith(DecoderGraph.GradientSuffix, StringComparison.Ordinal) && f.Key is not ("weights" or "members"))
                .ToDictionary();
            var expected = Run(Plain(spec, Objectives["entropy"]), Feeds(spec));
            var actual = Run(DecoderGraph.Score(spec, memory: new(chunks, attentionBlocks)), feeds);
            foreach (var name in new[] { "log_probs", "entropy" })
                AssertClose(expected[name], actual[name], Tolerances.Scores, name);
        }
    }

    // One whose tokens stand alone, one with the entropy's gradient, and one whose tokens depend on each other.
    private static readonly Dictionary<string, Func<OpBuilder, Value, Value, Value>> Objectives = new(StringComparer.Ordinal)
    {
        ["token"] = (op, logProbs, _) =>
            op.Neg(op.ReduceSum(op.Mul(op.Exp(logProbs), op.Graph.Input("weights", ElementType.Float32, "R")), keepDims: false, 0)),
        ["entropy"] =
            (op, logProbs, entropy) => op.Neg(op.ReduceSum(op.Add(logProbs, op.Mul(entropy, op.Scalar(0.3))), keepDims: false, 0)),
        ["sequence"] = (op, logProbs, _) =>
            op.ReduceSum(op.Exp(op.MatMul(
                op.Graph.Input("members", ElementType.Float32, "S", "R"),
                op.Unsqueeze(op.Mul(logProbs, op.Scalar(0.1)), 1))), keepDims: false, 0, 1),
    };

    private static Graph Plain(DecoderSpec spec, Func<OpBuilder, Value, Value, Value> objective)
    {
        var loss = DecoderGraph.Loss("plain", spec, objective);
        foreach (var (parameter, gradient) in loss.Gradients(trainable: null))
        {
            var accumulator = loss.Graph.Input(parameter.Name + DecoderGraph.GradientSuffix, parameter.Type, [.. parameter.Shape]);
            loss.Graph.Output(loss.Op.Named(accumulator.Name + ".out", loss.Op.Add(accumulator, gradient)));
        }
        loss.Graph.Prune();
        return loss.Graph;
    }

    private static Dictionary<string, float[]> Run(Graph graph, Dictionary<string, TensorData> feeds)
    {
        var outputs = OrtRunner.Run(graph, feeds.Where(f => graph.Contains(f.Key)).ToDictionary());
        return graph.Outputs.Zip(outputs)
            .ToDictionary(p => p.First.Name, p => MemoryMarshal.Cast<byte, float>(p.Second.Bytes.Span).ToArray(), StringComparer.Ordinal);
    }

    private static Dictionary<string, TensorData> Feeds(DecoderSpec spec)
    {
        var random = new Random(20250202);
        float[] Numbers(long count, double centre = 0, double spread = 1) => [.. Enumerable.Range(0, (int)count)
            .Select(_ => (float)(centre + (spread * (random.NextDouble() - 0.5))))];
        // The second row is padded on the right, the third on the left.
        (int From, int To)[] spans = [(0, 7), (0, 4), (2, 7)];
        long[] ids = new long[Rows * Length], mask = new long[ids.Length], positions = new long[ids.Length];
        var scored = new List<long>();
        for (var row = 0; row < Rows; row++)
            for (var t = spans[row].From; t < spans[row].To; t++)
            {
                var at = (row * Length) + t;
                (ids[at], mask[at], positions[at]) = (random.Next(spec.VocabularySize), 1, t - spans[row].From);
                if (t > spans[row].From)
                    scored.Add(at);
            }
        var count = scored.Count;
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal)
        {
            ["input_ids"] = TensorData.Of(ids, Rows, Length),
            ["attention_mask"] = TensorData.Of(mask, Rows, Length),
            ["position_ids"] = TensorData.Of(positions, Rows, Length),
            ["rows"] = TensorData.Of([.. scored], count),
            ["targets"] = TensorData.Of([.. scored.Select(_ => (long)random.Next(spec.VocabularySize))], count),
            ["inverse_temperature"] = TensorData.Of([1.25f]),
            ["weights"] = TensorData.Of(Numbers(count), count),
            ["members"] = TensorData.Of(
                [.. Enumerable.Range(0, Rows * count).Select(i => scored[i % count] / Length == i / count ? 1f : 0)],
                Rows,
                count),
        };
        foreach (var table in RotaryTable.Of(spec))
        {
            float[] cos = new float[Positions * table.Width / 2], sin = new float[cos.Length];
            new RotaryEmbedding(table.Rope, table.Width).Fill(cos, sin, Positions);
            (feeds[table.Cos], feeds[table.Sin]) =
                (TensorData.Of(cos, Positions, table.Width / 2), TensorData.Of(sin, Positions, table.Width / 2));
        }
        foreach (var parameter in spec.Parameters)
        {
            long[] shape = [.. parameter.Shape];
            feeds[parameter.Name] = TensorData.Of(Numbers(parameter.Count, shape.Length == 1 ? 0.5 : 0, 0.6), shape);
            feeds[parameter.Name + DecoderGraph.GradientSuffix] = TensorData.Of(Numbers(parameter.Count), shape);
        }
        return feeds;
    }

    private static DecoderSpec Decoder(string architecture)
    {
        var config = JsonNode.Parse(architecture == "GPT2LMHeadModel"
            ? """{"vocab_size": 19, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "eos_token_id": 1, "bos_token_id": 1}"""
            : """
              {
                "vocab_size": 19, "hidden_size": 24, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
                "max_position_embeddings": 64, "tie_word_embeddings": true, "eos_token_id": 1, "bos_token_id": 1, "pad_token_id": 0
              }
              """)!.AsObject();
        config["architectures"] = new JsonArray(architecture);
        if (architecture == "Gemma3ForCausalLM")
            (config["layer_types"], config["attn_logit_softcapping"], config["final_logit_softcapping"]) =
                (new JsonArray("sliding_attention", "full_attention"), 50, 3);
        if (architecture is "Gemma3ForCausalLM" or "MistralForCausalLM")
            (config["sliding_window"], config["tie_word_embeddings"]) = (4, false);
        return Architectures.Parse(config.ToJsonString(), architecture);
    }

    private static double Largest(float[] values) => values.Select(v => Math.Abs((double)v)).DefaultIfEmpty(0).Max();

    private static void AssertClose(float[] expected, float[] actual, double tolerance, string name)
    {
        Assert.HasCount(expected.Length, actual, name);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], tolerance, $"{name}[{i}]");
    }
}
