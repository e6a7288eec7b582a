using System.Text.Json;
using System.Text.Json.Serialization;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Problems.Generated;

namespace G2RL.Onnx.Training.Pretraining;

/// <summary>A base model from scratch: its shape, its corpus and its training. One JSON file is the recipe.</summary>
public sealed record PretrainConfig
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
    };

    /// <summary>Seed of weights and corpus.</summary>
    public ulong Seed { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public int HiddenSize { get; init; } = 128;

    /// <summary>Width inside the feed-forward block.</summary>
    public int IntermediateSize { get; init; } = 384;

    /// <summary>Blocks.</summary>
    public int Layers { get; init; } = 5;

    /// <summary>Query heads.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>Key/value heads.</summary>
    public int KeyValueHeads { get; init; } = 2;

    /// <summary>Width of a head.</summary>
    public int HeadDimension { get; init; } = 32;

    /// <summary>Longest sequence, tokens.</summary>
    public int MaxPositions { get; init; } = 256;

    /// <summary>
    /// What it learns from: arithmetic (expressions with worked-out steps) or countdown (problems, each with one of its solutions).
    /// </summary>
    public string Corpus { get; init; } = "arithmetic";

    /// <summary>Settings of the corpus arithmetic.</summary>
    public ArithmeticSettings Arithmetic { get; init; } = new();

    /// <summary>Settings of the corpus countdown.</summary>
    public CountdownSettings Countdown { get; init; } = new();

    /// <summary>Optimizer steps, >= 1.</summary>
    public int Steps { get; init; } = 3000;

    /// <summary>Examples of one step, >= 1.</summary>
    public int ExamplesPerStep { get; init; } = 128;

    /// <summary>Peak learning rate, > 0.</summary>
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>Steps of linear warm-up; then a cosine to a tenth of the peak.</summary>
    public int WarmupSteps { get; init; } = 100;

    /// <summary>Decoupled weight decay of matrices.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Padded tokens of a micro-batch.</summary>
    public int TokensPerMicrobatch { get; init; } = 1024;

    /// <summary>Reads a recipe.</summary>
    /// <exception cref="InputException">Missing file, malformed JSON, unknown keys or values out of range.</exception>
    public static PretrainConfig Load(string path)
    {
        try
        {
            var config = JsonSerializer.Deserialize<PretrainConfig>(InputFile.Text(path), Options)
                ?? throw new InputException($"{path} holds null; a pretraining recipe is a JSON object.");
            config.Validate(path);
            return config;
        }
        catch (JsonException e)
        {
            throw new InputException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>The recipe as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <summary>The corpus.</summary>
    /// <exception cref="InputException">There is no corpus of that name, or its settings are wrong.</exception>
    public ICorpus Problems() => Corpus switch
    {
        "arithmetic" => new Arithmetic(Arithmetic, "arithmetic"),
        "countdown" => new Countdown(Countdown, "countdown"),
        _ => throw new InputException($"corpus is '{Corpus}'; it must be arithmetic or countdown."),
    };

    /// <summary>The model to be made: Qwen3 over a character vocabulary.</summary>
    public DecoderSpec Spec(int vocabulary, int bos, int eos, int pad) => new()
    {
        Architecture = "Qwen3ForCausalLM",
        ModelType = "qwen3",
        VocabularySize = vocabulary,
        HiddenSize = HiddenSize,
        IntermediateSize = IntermediateSize,
        Layers = Layers,
        Heads = Heads,
        KeyValueHeads = KeyValueHeads,
        HeadDimension = HeadDimension,
        NormEpsilon = 1e-6,
        MaxPositions = MaxPositions,
        Rope = new RopeSpec { Theta = 10000 },
        TieEmbeddings = true,
        QueryKeyNorm = true,
        BosToken = bos,
        EosTokens = [eos],
        PadToken = pad,
    };

    private void Validate(string path)
    {
        var faults = new List<string>();
        void Check(bool ok, string name, object value, string rule)
        {
            if (!ok)
                faults.Add($"{path}: {name} is {value}; it must be {rule}.");
        }
        Check(Steps >= 1, "steps", Steps, "at least 1");
        Check(ExamplesPerStep >= 1, "examplesPerStep", ExamplesPerStep, "at least 1");
        Check(LearningRate > 0 && double.IsFinite(LearningRate), "learningRate", LearningRate, "above 0 and finite");
        Check(WarmupSteps >= 0, "warmupSteps", WarmupSteps, "0 or more");
        Check(WeightDecay >= 0 && double.IsFinite(WeightDecay), "weightDecay", WeightDecay, "0 or more and finite");
        Check(TokensPerMicrobatch >= MaxPositions, "tokensPerMicrobatch", TokensPerMicrobatch, $"at least maxPositions ({MaxPositions})");
        if (faults.Count > 0)
            throw InputException.Of(faults);
        Problems();
    }
}
