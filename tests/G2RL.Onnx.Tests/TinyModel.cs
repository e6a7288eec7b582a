using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests;

/// <summary>
/// A small model, Qwen3 unless said otherwise, with seeded random weights in a temporary folder, and a reward that such a model can learn.
/// </summary>
internal sealed class TinyModel : IDisposable
{
    public TinyModel(
        int headDimension = 8,
        int hidden = 16,
        DecoderSpec? like = null,
        string characters = Arithmetic.Characters,
        int positions = 64)
    {
        Root = Directory.CreateTempSubdirectory("g2rl-test-").FullName;
        var companions = Directory.CreateDirectory(Path.Combine(Root, "tokenizer")).FullName;
        CharacterTokenizer.Write(companions, characters);
        var tokenizer = Tokenizer.Load(companions);
        var spec = new DecoderSpec
        {
            Architecture = "Qwen3ForCausalLM",
            ModelType = "qwen3",
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = hidden,
            IntermediateSize = 24,
            Layers = 2,
            Heads = 4,
            KeyValueHeads = 2,
            HeadDimension = headDimension,
            NormEpsilon = 1e-6,
            MaxPositions = positions,
            Rope = new RopeSpec { Theta = 10000 },
            TieEmbeddings = true,
            QueryKeyNorm = true,
            EosTokens = [tokenizer.EosId!.Value],
        };
        if (like is not null)
            spec = like with { VocabularySize = spec.VocabularySize, EosTokens = spec.EosTokens, BosToken = null, PadToken = null };
        var index = 0;
        using var policy = Policy.Create(spec, positions, (p, w) =>
        {
            Seeds.Normal(7, index++, w);
            for (var i = 0; i < w.Length; i++)
                w[i] = p.Shape.Length == 1 ? 1 + (0.1f * w[i]) : 0.3f * w[i];
        });
        Folder = Path.Combine(Root, "model");
        var weights = policy.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        HuggingFaceCheckpoint.Create(Folder, spec, name => weights[name].Buffer.Span, companions: Directory.EnumerateFiles(companions));
    }

    public string Root { get; }

    public string Folder { get; }

    /// <summary>A short run on it: a few prompts, small groups.</summary>
    public RunConfig Config => new()
    {
        Model = Folder,
        Output = Path.Combine(Root, "runs"),
        Steps = 3,
        Sampling = new() { PromptsPerStep = 4, GroupSize = 6, MaxPromptTokens = 12, MaxNewTokens = 12 },
        Training = new() { LearningRate = 1e-3, CheckpointEvery = 1, TokensPerMicrobatch = 256 },
        Evaluation = new() { Problems = 4, Samples = 2 },
        Execution = new() { Threads = 2 },
    };

    /// <summary>Right when the completion has more even digits than odd ones: noisy, learnable, never all alike.</summary>
    /// <param name="judge">Another judge of a completion's text, for the same problems.</param>
    public static FunctionProblemSet Problems(Func<string, Outcome>? judge = null)
    {
        var problems = Enumerable.Range(0, 24).Select(i => new Problem($"p{i}", $"{i}+{i % 7}*3=", "")
        {
            Solution = $"{i}+{i % 7 * 3}={i + (i % 7 * 3)}",
        }).ToArray();
        return new FunctionProblemSet("even", problems[..16], problems[16..], (_, text) => (judge ?? IsEven)(text));
    }

    /// <summary>The judge of <see cref="Problems"/>.</summary>
    public static Outcome IsEven(string text) =>
        Outcome.Judged(text.Count(c => "02468".Contains(c)) > text.Count(c => "13579".Contains(c)));

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
