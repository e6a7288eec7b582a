using System.IO.Enumeration;
using Microsoft.Extensions.FileSystemGlobbing;

namespace G2RL.Onnx.Problems.Sources;

/// <summary>The files that a path of the configuration stands for: a file, a folder of shards, or a glob.</summary>
internal static class SourceFiles
{
    /// <summary>Names of files that hold problems, by how they end; the text forms also with <c>.gz</c> behind.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"];

    private static readonly string[] Splits = ["train", "test", "validation", "valid", "val", "dev"];

    /// <summary>The files, by ordinal order of their paths, so that rows come in the same order on every machine.</summary>
    /// <param name="path">A file, a folder, or a glob with <c>*</c>, <c>**</c> or <c>?</c>.</param>
    /// <exception cref="InputException">Nothing is there, or a folder mixes splits.</exception>
    public static IReadOnlyList<string> Resolve(string path)
    {
        if (File.Exists(path))
            return [path];
        if (Directory.Exists(path))
            return Shards(path);
        if (!path.AsSpan().ContainsAny('*', '?'))
            throw new InputException($"{path} cannot be read: it does not exist. Give a file, a folder of shards, or a glob such as "
                + "data/train-*.parquet.");
        // What stands before the first wildcard is a folder.
        var wildcard = path.AsSpan().IndexOfAny('*', '?');
        var slash = path.AsSpan(0, wildcard).LastIndexOfAny('/', Path.DirectorySeparatorChar);
        var (root, pattern) = slash < 0 ? (".", path) : (path[..(slash + 1)], path[(slash + 1)..]);
        // The matcher has no '?': it is matched as '*' first and then strictly.
        var matcher = new Matcher(StringComparison.Ordinal).AddInclude(pattern.Replace('?', '*'));
        string[] found = Directory.Exists(root)
            ? [.. matcher.GetResultsInFullPath(root)
                .Select(f => Path.GetRelativePath(Path.GetFullPath(root), f))
                .Where(f => !pattern.Contains('?', StringComparison.Ordinal) || Fits(Parts(pattern), Parts(f)))
                .Select(f => slash < 0 ? f : Path.Combine(root, f))]
            : [];
        return found.Length > 0 ? [.. found.Order(StringComparer.Ordinal)] : throw new InputException($"{path} matches no file.");
    }

    private static string[] Parts(string path) => [.. path.Split('/', Path.DirectorySeparatorChar).Where(p => p is not ("" or "."))];

    // Folder by folder; '**' stands for any number of them.
    private static bool Fits(ReadOnlySpan<string> pattern, ReadOnlySpan<string> path) => pattern switch
    {
        [] => path.IsEmpty,
        ["**", .. var rest] => Fits(rest, path) || (!path.IsEmpty && Fits(pattern, path[1..])),
        [var part, .. var rest] =>
            !path.IsEmpty && FileSystemName.MatchesSimpleExpression(part, path[0], ignoreCase: false) && Fits(rest, path[1..]),
    };

    private static string[] Shards(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(folder).Where(IsSource).Order(StringComparer.Ordinal)];
        if (files.Length == 0)
            throw new InputException($"{folder} holds no file of problems; "
                + $"their names end with {string.Join(", ", Extensions)}, or .gz behind those of texts.");
        string[] splits = [.. files.Select(Split).OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase)];
        return splits.Length < 2
            ? files
            : throw new InputException($"{folder} holds shards of several splits ({string.Join(", ", splits)}); "
                + "training on all of them would spoil the evaluation. "
                + $"Give a glob, for example {Path.Combine(folder, $"*{splits[0]}*")}.");
    }

    private static bool IsSource(string path)
    {
        var name = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
        return Extensions.Any(e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase));
    }

    // The word of its name that names a split, as it is written: train of gsm8k_train.jsonl, none of trainer.jsonl.
    private static string? Split(string path) =>
        string.Concat(Path.GetFileName(path).Select(c => char.IsAsciiLetter(c) ? c : ' '))
            .Split(' ')
            .FirstOrDefault(word => Splits.Contains(word, StringComparer.OrdinalIgnoreCase));
}
