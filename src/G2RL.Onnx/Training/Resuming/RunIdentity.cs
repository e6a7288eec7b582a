using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems.Prompts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Training.Resuming;

/// <summary>
/// What decides a run's results beside its configuration, kept in its folder as inputs.json: what the model, its tokenizer and the problems
/// mean to the run, and the hashes of their files, which tell where a difference comes from.
/// </summary>
internal sealed record RunIdentity
{
    /// <summary>Name of its file in a run's folder.</summary>
    public const string FileName = "inputs.json";

    private static readonly string[] ModelFiles =
    [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja",
    ];

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Identity of the weights that the run began with.</summary>
    public required string Weights { get; init; }

    /// <summary>The architecture, as config.json was read.</summary>
    public required JsonObject Architecture { get; init; }

    /// <summary>Ids that end a rollout.</summary>
    public required IReadOnlyList<int> StopTokens { get; init; }

    /// <summary>SHA-256 of the texts of all tokens.</summary>
    public required string Tokens { get; init; }

    /// <summary>SHA-256 of the training problems with their prompts' tokens.</summary>
    public required string TrainingProblems { get; init; }

    /// <summary>SHA-256 of the held-out problems with their prompts' tokens.</summary>
    public required string HeldOutProblems { get; init; }

    /// <summary>Problems that were looked at.</summary>
    public required int ProblemCount { get; init; }

    /// <summary>SHA-256 of files: those of the model without its weights, the embedder, and what the problems' settings name.</summary>
    public required SortedDictionary<string, string> Files { get; init; }

    /// <summary>Gathers it.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="weights">Identity of the weights.</param>
    /// <param name="spec">The architecture.</param>
    /// <param name="stopTokens">Ids that end a rollout.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="problems">The problems, looked at.</param>
    public static RunIdentity Of(
        RunConfig config,
        string weights,
        DecoderSpec spec,
        IReadOnlyList<int> stopTokens,
        Tokenizer tokenizer,
        CheckedProblems problems) => new()
        {
            Weights = weights,
            Architecture = Describe(spec),
            StopTokens = stopTokens,
            Tokens = Texts(tokenizer),
            TrainingProblems = problems.TrainingHash,
            HeldOutProblems = problems.HeldOutHash,
            ProblemCount = problems.Count,
            Files = FilesOf(config),
        };

    /// <summary>What inputs.json holds; null when the folder has none.</summary>
    /// <exception cref="InputException">It was not written by this program.</exception>
    public static RunIdentity? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonSerializer.Deserialize<RunIdentity>(InputFile.Text(path), Options)
                ?? throw new InputException($"{path} holds null.");
        }
        catch (JsonException e)
        {
            throw new InputException(
                $"{path} is not what a run wrote: {e.Message} Put it back, or remove it; what the run began with is then not compared.",
                e);
        }
    }

    /// <summary>Text of inputs.json.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Options) + "\n";

    private static JsonObject Describe(DecoderSpec spec)
    {
        var described = JsonSerializer.SerializeToNode(spec, Options)!.AsObject();
        // Derived, long, or without a part in any result.
        foreach (var name in new[] { "parameters", "parameterCount", "padToken" })
            described.Remove(name);
        return described;
    }

    private static string Texts(Tokenizer tokenizer)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var id = 0; id < tokenizer.VocabularySize; id++)
            hash.AppendData(Encoding.UTF8.GetBytes($"{id} {tokenizer.Decode([id])}\n"));
        hash.AppendData(Encoding.UTF8.GetBytes(tokenizer.Decode([.. Enumerable.Range(0, tokenizer.VocabularySize)])));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static SortedDictionary<string, string> FilesOf(RunConfig config)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        void Add(string name, string path)
        {
            if (File.Exists(path) && Hash(path) is { } hash)
                files[name] = hash;
        }
        foreach (var name in ModelFiles)
            Add($"model/{name}", Path.Combine(GgufCache.FolderOf(config.Model), name));
        Add("algorithm.embedder", config.Algorithm.Embedder);
        if (config.Problems.Settings is { } settings)
            foreach (var (name, value) in ConfigSettings.Flat(JsonSerializer.SerializeToNode(settings)!))
                if (value is ['"', ..] && JsonSerializer.Deserialize<string>(value) is { Length: > 0 } path)
                    Add($"problems.settings.{name}", path);
        return files;
    }

    // Null for what is no ordinary file, or cannot be read a second time.
    private static string? Hash(string path)
    {
        try
        {
            using var stream =
                new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0, FileOptions.SequentialScan);
            return stream.CanSeek && stream.Length > 0 ? Convert.ToHexStringLower(SHA256.HashData(stream)) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
