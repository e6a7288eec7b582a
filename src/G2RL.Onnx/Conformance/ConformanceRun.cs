using System.Diagnostics;
using System.Text.Json;
using G2RL.Onnx.Conformance.Cases;
using G2RL.Onnx.Conformance.Models;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Conformance;

/// <summary>
/// Runs golden files (*.json with <c>cases</c>) and model folders with golden.json through the code that training uses: losses and their
/// gradients come out of the train graph's objective.
/// </summary>
public static class ConformanceRun
{
    private static readonly JsonDocumentOptions Json = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Runs everything under some paths.</summary>
    /// <param name="paths">Files and folders; folders are searched to their depths.</param>
    /// <param name="tokenizer">Runs JSONL files of {"text", "ids"}, too; null leaves them out.</param>
    /// <param name="done">Told of each file as it is finished.</param>
    /// <param name="cancel">Stops between cases.</param>
    /// <exception cref="InputException">A path does not exist, or a file that should hold cases cannot be read.</exception>
    public static ConformanceReport Run(
        IEnumerable<string> paths,
        Tokenizer? tokenizer = null,
        Action<FileResult>? done = null,
        CancellationToken cancel = default)
    {
        var (files, notCases) = (new List<FileResult>(), new List<string>());
        void Add(FileResult file)
        {
            files.Add(file);
            done?.Invoke(file);
        }
        void Visit(string path)
        {
            if (Directory.Exists(path))
            {
                if (GoldenModelCases.IsModel(path))
                {
                    Add(GoldenModelCases.Run(path, cancel));
                    return;
                }
                var before = files.Count;
                foreach (var file in Directory.EnumerateFiles(path).Order(StringComparer.Ordinal))
                    Visit(file);
                foreach (var folder in Directory.EnumerateDirectories(path).Order(StringComparer.Ordinal))
                    Visit(folder);
                if (files.Count == before)
                    notCases.Add(path);
            }
            else if (!File.Exists(path))
            {
                throw new InputException($"{path} does not exist; give golden files, or folders that hold them.");
            }
            else if ((tokenizer is not null && TokenizerCases.IsFile(path)
                ? TokenizerCases.Run(path, tokenizer)
                : Cases(path, cancel)) is { } file)
            {
                Add(file);
            }
            else
            {
                notCases.Add(path);
            }
        }
        foreach (var path in paths)
            Visit(path);
        return new(
            files,
            [.. notCases.Where(n => !notCases.Any(other => n.StartsWith(other + Path.DirectorySeparatorChar, StringComparison.Ordinal)))]);
    }

    /// <summary>Runs one case.</summary>
    public static CaseResult Case(GoldenCase c, double rtol, double atol)
    {
        var started = Stopwatch.GetTimestamp();
        var kind = CaseKinds.All.FirstOrDefault(k => k.Is(c));
        var check = new Check(c.FieldNumber("rtol") ?? rtol, c.FieldNumber("atol") ?? atol);
        string? unsupported;
        try
        {
            unsupported = kind is null ? $"cases like '{c.Id.Split('/')[0]}'" : kind.Run(c, check);
            if (unsupported is null && check.Compared == 0)
                check.Fail("nothing was compared");
        }
        catch (ArgumentException e)
        {
            // A formula that refuses its input: the case does not pass, the others go on.
            unsupported = null;
            check.Fail(e.Message);
        }
        return new(
            c.Id,
            unsupported ?? kind!.Name,
            unsupported is null,
            check.Fault,
            check.Largest,
            Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static FileResult? Cases(string path, CancellationToken cancel)
    {
        var name = Path.GetFileName(path);
        if (name.StartsWith('_') || !name.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            return null;
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(InputFile.Bytes(path, Array.MaxLength), Json);
        }
        catch (JsonException e)
        {
            throw new InputException(InputFile.Foreign(path) ?? $"{path} is not valid JSON: {e.Message}", e);
        }
        using (document)
        {
            var root = document.RootElement;
            if (RopeCases.Is(root))
                return RopeCases.Run(root, path);
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("cases", out var cases))
                return null;
            double Tolerance(string which, double otherwise) => root.TryGetProperty("tolerance", out var t)
                && t.ValueKind == JsonValueKind.Object
                && t.TryGetProperty(which, out var v)
                && v.ValueKind == JsonValueKind.Number ? v.GetDouble() : otherwise;
            var (rtol, atol) = (Tolerance("rtol", 1e-5), Tolerance("atol", 1e-6));
            var upstream = root.TryGetProperty("upstream", out var u) && u.ValueKind == JsonValueKind.String ? u.GetString()! : "";
            var results = new List<CaseResult>();
            foreach (var element in Elements(cases, path))
            {
                cancel.ThrowIfCancellationRequested();
                results.Add(Case(new GoldenCase(element, path, upstream), rtol, atol));
            }
            return new(path, results);
        }
    }

    private static IEnumerable<JsonElement> Elements(JsonElement cases, string path) => cases.ValueKind switch
    {
        JsonValueKind.Array => cases.EnumerateArray(),
        // A file may sort its cases by kind.
        JsonValueKind.Object => cases.EnumerateObject().SelectMany(group => group.Value.ValueKind == JsonValueKind.Array
            ? group.Value.EnumerateArray()
            : throw new InputException($"{path}: cases.{group.Name} is no list of cases.")),
        _ => throw new InputException($"{path}: 'cases' is a JSON {cases.ValueKind}; it must be a list."),
    };
}
