using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;
using Tokenizer = G2RL.Onnx.Tokenizers.Tokenizer;

namespace G2RL.Onnx.Benchmarks;

/// <summary>
/// Text to tokens with Qwen3's tokenizer, which must lie in ../shared/tokenizers/qwen3, beside Microsoft.ML.Tokenizers with the same
/// vocabulary and cuts. The text is this repository's own sources and documents, and one part in eight decoded from random tokens, frequent
/// ones more often: all scripts.
/// </summary>
internal static class TokenizerBenchmarks
{
    private const int Piece = 4096, Foreign = 8;

    /// <summary>Megabytes of UTF-8 a second, on one thread.</summary>
    public static IEnumerable<Row> Encode(Machine machine)
    {
        var root = Root();
        var folder = Path.Combine(root, "..", "shared", "tokenizers", "qwen3");
        if (!Directory.Exists(folder))
        {
            Console.Error.WriteLine("tokenizer: ../shared/tokenizers/qwen3 is missing; no row.");
            yield break;
        }

        var tokenizer = Tokenizer.Load(folder);
        var texts = Texts(root, tokenizer);
        var megabytes = texts.Sum(Encoding.UTF8.GetByteCount) / 1e6;
        // The first text compiles the cuts. Words are met once only, so this cannot be repeated: processor time, which a busy machine does
        // not lengthen.
        tokenizer.Encode("warm up");
        var start = Environment.CpuUsage.TotalTime;
        var tokens = texts.Sum(t => tokenizer.Encode(t).Length);
        yield return new(
            "tokenizer",
            $"Qwen3, {megabytes:0.0} MB for the first time, processor time",
            megabytes / (Environment.CpuUsage.TotalTime - start).TotalSeconds,
            0,
            "MB/s");
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        foreach (var text in texts)
            tokenizer.Encode(text);
        yield return new(
            "tokenizer",
            "Qwen3, allocated again",
            (GC.GetAllocatedBytesForCurrentThread() - allocated) / (double)tokens,
            0,
            "bytes/token");
        var ours = Timing.Of(() => texts.ForEach(t => tokenizer.Encode(t)), machine.Budget);
        yield return new("tokenizer", "Qwen3, again", megabytes / ours.Seconds, ours.Spread, "MB/s");
        var library = Library(folder);
        var theirs = Timing.Of(() => texts.ForEach(t => library.EncodeToIds(t)), machine.Budget);
        yield return new("tokenizer", "Microsoft.ML.Tokenizers, the same again", megabytes / theirs.Seconds, theirs.Spread, "MB/s");
    }

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "G2RL.Onnx.sln")))
                return folder.FullName;
        return AppContext.BaseDirectory;
    }

    private static List<string> Texts(string root, Tokenizer tokenizer)
    {
        var files = new[] { "src", "docs" }
            .SelectMany(f => Directory.GetFiles(Path.Combine(root, f), "*", SearchOption.AllDirectories))
                .Where(f => Path.GetExtension(f) is ".cs" or ".md" && !f.EndsWith("UnicodeTables.cs", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        var texts = files.Select(File.ReadAllText).SelectMany(t => t.Chunk(Piece)).Select(c => new string(c)).ToList();
        var random = new Random(1);
        for (var i = texts.Count / Foreign; i > 0; i--)
            texts.Add(tokenizer.Decode([.. Enumerable.Range(0, Piece / 4).Select(_ => (int)(150_000 * Math.Pow(random.NextDouble(), 3)))]));
        return texts;
    }

    private static BpeTokenizer Library(string folder)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "tokenizer.json")));
        var model = json.RootElement.GetProperty("model");
        var pattern = json.RootElement.GetProperty("pre_tokenizer")
            .GetProperty("pretokenizers")[0]
            .GetProperty("pattern")
            .GetProperty("Regex")
            .GetString()!;
        return BpeTokenizer.Create(new BpeOptions(model.GetProperty("vocab")
            .EnumerateObject()
            .Select(p => KeyValuePair.Create(p.Name, p.Value.GetInt32())))
        {
            Merges = model.GetProperty("merges")
                .EnumerateArray()
                .Select(m => m.ValueKind == JsonValueKind.String ? m.GetString()! : $"{m[0]} {m[1]}"),
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(new Regex(pattern, RegexOptions.Compiled | RegexOptions.CultureInvariant), null),
        });
    }
}
