using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training.Pretraining;

/// <summary>Where the examples of supervised fine-tuning lie, and how a row becomes a prompt and a response.</summary>
public sealed record FineTuneData
{
    /// <summary>
    /// The examples: a file (JSON Lines, a JSON list, CSV or Parquet), a folder of shards, or a glob. A row has a prompt and a response, or
    /// a conversation (a list of turns with role and content).
    /// </summary>
    public string Train { get; init; } = "";

    /// <summary>Examples to measure on, likewise; empty takes <see cref="HeldOutFraction"/> of the others.</summary>
    public string HeldOut { get; init; } = "";

    /// <summary>Share of the examples that is held out, by a hash of the prompt, in [0, 1); 0 measures nothing.</summary>
    public double HeldOutFraction { get; init; } = 0.1;

    /// <summary>The prompt's field; null takes the first of messages, conversations, prompt, question, problem, instruction.</summary>
    public string? PromptField { get; init; }

    /// <summary>The response's field; null takes the first of response, completion, answer, output, solution.</summary>
    public string? ResponseField { get; init; }

    /// <summary>Whether plain prompts go through the model's chat template, too; conversations always do.</summary>
    public bool Chat { get; init; }

    /// <summary>The system turn before plain prompts that go through the template; null takes that of problems.chat.</summary>
    public string? System { get; init; }

    /// <summary>Whether of a conversation the last answer alone is learned, instead of every one.</summary>
    public bool LastTurnOnly { get; init; }

    /// <summary>Whether examples of more than maxTokens tokens are left out instead of refused.</summary>
    public bool SkipTooLong { get; init; }
}

/// <summary>Supervised fine-tuning: a model, examples, and how it learns their responses. One JSON file is the recipe.</summary>
public sealed record FineTuneConfig
{
    internal static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.Strict,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <summary>Seed of the order of the examples.</summary>
    public ulong Seed { get; init; }

    /// <summary>What it starts from: a Hugging Face folder, a run, or a checkpoint of one.</summary>
    public string Model { get; init; } = "models/arithmetic-base";

    /// <summary>The examples.</summary>
    public FineTuneData Data { get; init; } = new();

    /// <summary>Times that every example is learned, >= 1.</summary>
    public int Epochs { get; init; } = 3;

    /// <summary>Examples of one step, >= 1.</summary>
    public int ExamplesPerStep { get; init; } = 16;

    /// <summary>Peak learning rate, > 0.</summary>
    public double LearningRate { get; init; } = 1e-5;

    /// <summary>Steps of linear warm-up; then a cosine to a tenth of the peak.</summary>
    public int WarmupSteps { get; init; } = 10;

    /// <summary>Decoupled weight decay of matrices, >= 0.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Longest example, tokens of prompt and response; at most the model's positions.</summary>
    public int MaxTokens { get; init; } = 1024;

    /// <summary>Tokens of a micro-batch, padding included.</summary>
    public int TokensPerMicrobatch { get; init; } = 2048;

    /// <summary>
    /// Whether examples lie one behind the other without padding, a prompt that several have once: auto does where operators of our own
    /// compute. Losses are those of padded rows but for the order of sums.
    /// </summary>
    public Packing Packing { get; init; } = Packing.Auto;

    /// <summary>Whether all weights learn, or adapters beside them: the settings of the main job.</summary>
    public AdapterConfig Adapter { get; init; } = new();

    /// <summary>Reads a recipe.</summary>
    /// <param name="path">The file; null takes the defaults.</param>
    /// <param name="set">Overrides by dotted name, as <c>data.train=rows.jsonl</c>.</param>
    /// <exception cref="InputException">Missing file, malformed JSON, unknown keys or values out of range.</exception>
    public static FineTuneConfig Load(string? path, IEnumerable<string> set)
    {
        var source = path ?? "the recipe";
        JsonObject root = path is null ? [] : RunConfigFile.Object(InputFile.Text(path), path);
        foreach (var entry in set)
            Apply(root, entry);
        try
        {
            var config = root.Deserialize<FineTuneConfig>(Options)!;
            config.Validate(source);
            return config;
        }
        catch (JsonException e)
        {
            throw new InputException($"{source}: {e.Message.Split(" LineNumber:")[0]} Its settings are {string.Join(", ", Names())}.", e);
        }
    }

    /// <summary>Whether a file is such a recipe and not one of a model from scratch.</summary>
    public static bool Is(string path) => RunConfigFile.Object(InputFile.Text(path), path).ContainsKey("data");

    /// <summary>The recipe as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Options);

    private static IEnumerable<string> Names() =>
        ((JsonObject)JsonSerializer.SerializeToNode(new FineTuneConfig(), Options)!)
            .SelectMany(p => p.Value is JsonObject inner ? inner.Select(i => $"{p.Key}.{i.Key}") : [p.Key]);

    private static void Apply(JsonObject root, string set)
    {
        var (name, text) = set.IndexOf('=', StringComparison.Ordinal) is > 0 and var at
            ? (set[..at].Trim(), set[(at + 1)..])
            : throw new InputException($"--set {set}: write it as name=value, for example epochs=2.");
        if (!Names().Contains(name))
            throw new InputException($"--set {set}: there is no setting '{name}' of a fine-tuning."
                + NearNames.Hint(name, Names()));
        var target = root;
        if (name.Split('.') is [var group, var inner])
        {
            root[group] ??= new JsonObject();
            target = root[group] as JsonObject ?? throw new InputException($"--set {set}: '{group}' is no group of settings.");
            name = inner;
        }
        JsonNode? value;
        try
        {
            value = JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            value = JsonValue.Create(text);
        }
        target[name] = value;
    }

    private void Validate(string source)
    {
        var faults = new List<string>();
        void Check(bool ok, string name, object value, string rule)
        {
            if (!ok)
                faults.Add($"{source}: {name} is {value}; it must be {rule}.");
        }
        Check(Model.Length > 0, "model", "empty", "the folder of a model");
        Check(Data.Train.Length > 0, "data.train", "empty", "a file of examples, for example data.train=rows.jsonl");
        Check(Data.HeldOutFraction is >= 0 and < 1, "data.heldOutFraction", Data.HeldOutFraction, "in [0, 1)");
        Check(Epochs is >= 1 and <= 100_000, "epochs", Epochs, "at least 1");
        Check(ExamplesPerStep is >= 1 and <= 1_000_000, "examplesPerStep", ExamplesPerStep, "at least 1");
        Check(LearningRate > 0 && double.IsFinite(LearningRate), "learningRate", LearningRate, "above 0 and finite, for example 1e-5");
        Check(WarmupSteps >= 0, "warmupSteps", WarmupSteps, "0 or more");
        Check(WeightDecay >= 0 && double.IsFinite(WeightDecay), "weightDecay", WeightDecay, "0 or more and finite");
        Check(MaxTokens is >= 2 and <= 10_000_000, "maxTokens", MaxTokens, "at least 2");
        Check(TokensPerMicrobatch >= 1, "tokensPerMicrobatch", TokensPerMicrobatch, "at least 1");
        faults.AddRange(Adapter.Faults().Select(fault => $"{source}: {fault}"));
        var (a, fresh) = (Adapter, new AdapterConfig());
        if (a.Type == AdapterKind.None
            && (a.Rank != fresh.Rank || a.Alpha != fresh.Alpha || a.RsLora || a.Targets?.SequenceEqual(fresh.Targets) == false))
            faults.Add($"{source}: adapter.type is none, so adapter.rank, alpha, targets and rsLora mean nothing. "
                + "Set adapter.type=lora, or leave them away.");
        if (faults.Count > 0)
            throw InputException.Of(faults);
    }
}
