using System.Globalization;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Benchmarks;

/// <summary>A decoder to measure on: seeded random weights in a real model's shape.</summary>
/// <param name="Name">What the rows call it.</param>
/// <param name="Spec">The decoder.</param>
internal sealed record Shape(string Name, DecoderSpec Spec)
{
    private static readonly float[] Block = Normal();

    /// <summary>The model of the main job; the defaults of a pretraining recipe are its shape.</summary>
    public static Shape ArithmeticBase { get; } = new(
        "arithmetic-base",
        new PretrainConfig().Spec(Arithmetic.Characters.Length + 3, bos: 1, eos: 2, pad: 0));

    /// <summary>SmolLM2-135M's shape.</summary>
    public static Shape Smol { get; } = new("135M", Llama(layers: 30, vocabulary: 49152));

    /// <summary>Four layers of that width and a middling vocabulary: training in seconds.</summary>
    public static Shape FourLayers { get; } = new("576x4", Llama(layers: 4, vocabulary: 8192));

    /// <summary>A shape by its name; <c>576x4:49152</c> gives it another vocabulary, and a third part another number of layers.</summary>
    public static Shape Parse(string text)
    {
        var parts = text.Split(':');
        var shape = new[] { ArithmeticBase, Smol, FourLayers, Qwen06, Qwen17 }.First(s => s.Name == parts[0]);
        var numbers = parts.Skip(1).Select(p => int.Parse(p, CultureInfo.InvariantCulture)).ToArray();
        var spec = shape.Spec with
        {
            VocabularySize = numbers.Length > 0 ? numbers[0] : shape.Spec.VocabularySize,
            Layers = numbers.Length > 1 ? numbers[1] : shape.Spec.Layers,
        };
        return new(text, spec);
    }

    /// <summary>Qwen3-0.6B's shape.</summary>
    public static Shape Qwen06 { get; } = new("qwen3-0.6b", Qwen3(width: 1024, inner: 3072));

    /// <summary>Qwen3-1.7B's shape.</summary>
    public static Shape Qwen17 { get; } = new("qwen3-1.7b", Qwen3(width: 2048, inner: 6144));

    /// <summary>Numbers in the matrices that a token is multiplied with, LM head included.</summary>
    public double MatrixNumbers => Spec.Parameters.Where(p => p.Shape.Length == 2).Sum(p => (double)p.Count)
        - (Spec.TieEmbeddings ? 0 : (double)Spec.VocabularySize * Spec.HiddenSize);

    /// <summary>Bytes of all weights.</summary>
    public long WeightBytes => Spec.ParameterCount * sizeof(float);

    /// <summary>Operations of a forward pass for one token that attends to so many.</summary>
    public double ForwardFlops(double attended) => (2 * MatrixNumbers) + (4.0 * Spec.Layers * Spec.Heads * Spec.HeadDimension * attended);

    /// <summary>Bytes of keys and values of one position.</summary>
    public double CacheBytes => 2.0 * Spec.Layers * Spec.KeyValueHeads * Spec.HeadDimension * sizeof(float);

    /// <summary>A policy with random weights.</summary>
    public Policy Policy(int positions) => Execution.Policy.Create(Spec, positions, Fill);

    /// <summary>Gives a weight seeded random numbers, a norm ones.</summary>
    public static void Fill(ParameterSpec parameter, Span<float> weights)
    {
        var scale = parameter.Shape.Length == 1 ? 0 : (float)Math.Sqrt(1.0 / parameter.Shape[1]);
        for (var i = 0; i < weights.Length; i++)
            weights[i] = parameter.Shape.Length == 1 ? 1 : scale * Block[i % Block.Length];
    }

    /// <summary>Any tokenizer: rollouts want a text, and ids without a token have none.</summary>
    public static Tokenizer Tokenizer()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-benchmark-").FullName;
        try
        {
            CharacterTokenizer.Write(folder, Arithmetic.Characters);
            return Tokenizers.Tokenizer.Load(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Seeded random ids.</summary>
    public int[] Tokens(
        int count,
        int seed) => [.. Enumerable.Range(0, count).Select(i => (int)(Seeds.Uniform(2, seed, 0, 0, i) * Spec.VocabularySize))];

    /// <summary>Sequences of one prompt token and a response.</summary>
    public Sequence[] Sequences(
        int rows,
        int length) => [.. Enumerable.Range(0, rows).Select(r => new Sequence(Tokens(1, r), Tokens(length, rows + r)))];

    private static float[] Normal()
    {
        var numbers = new float[(1 << 16) - 1];
        Seeds.Normal(1, 0, numbers);
        return numbers;
    }

    private static DecoderSpec Qwen3(int width, int inner) => new()
    {
        Architecture = "Qwen3ForCausalLM",
        ModelType = "qwen3",
        VocabularySize = 151936,
        HiddenSize = width,
        IntermediateSize = inner,
        Layers = 28,
        Heads = 16,
        KeyValueHeads = 8,
        HeadDimension = 128,
        NormEpsilon = 1e-6,
        MaxPositions = 40960,
        Rope = new RopeSpec { Theta = 1000000 },
        QueryKeyNorm = true,
        TieEmbeddings = true,
    };

    private static DecoderSpec Llama(int layers, int vocabulary) => new()
    {
        Architecture = "LlamaForCausalLM",
        ModelType = "llama",
        VocabularySize = vocabulary,
        HiddenSize = 576,
        IntermediateSize = 1536,
        Layers = layers,
        Heads = 9,
        KeyValueHeads = 3,
        HeadDimension = 64,
        NormEpsilon = 1e-5,
        MaxPositions = 2048,
        Rope = new RopeSpec { Theta = 100000 },
        TieEmbeddings = true,
    };
}
