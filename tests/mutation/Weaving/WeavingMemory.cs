using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using G2RL.Onnx.Mutation.Mutants;
using Microsoft.CodeAnalysis;

namespace G2RL.Onnx.Mutation.Weaving;

/// <summary>
/// Which mutants do not compile, kept by file as long as the file does not change: finding that out
/// again takes a minute for a large folder.
/// </summary>
internal sealed class WeavingMemory
{
    private readonly string path;
    private readonly Dictionary<string, Entry> entries;
    private readonly Dictionary<SyntaxTree, string> hashes = [];

    /// <summary>Reads what is kept.</summary>
    /// <param name="path">The file; it need not exist.</param>
    public WeavingMemory(string path)
    {
        this.path = path;
        entries = File.Exists(path) ? JsonSerializer.Deserialize<Dictionary<string, Entry>>(File.ReadAllText(path))! : [];
    }

    /// <summary>Whether it is known not to compile.</summary>
    public bool IsDead(Mutant mutant) => Of(mutant) is { } e && e.Dead.Contains(mutant.Key);

    /// <summary>Whether it is known to need a body of its own.</summary>
    public bool IsBody(Mutant mutant) => Of(mutant) is { } e && e.Bodies.Contains(mutant.Key);

    /// <summary>Keeps what was found.</summary>
    /// <param name="mutants">What was woven.</param>
    /// <param name="alive">Of these, what compiles.</param>
    /// <param name="asBody">Members that are there twice.</param>
    public void Keep(IReadOnlyList<Mutant> mutants, HashSet<Mutant> alive, HashSet<SyntaxNode> asBody)
    {
        foreach (var file in mutants.GroupBy(m => m.Original.SyntaxTree))
        {
            var (first, known) = (file.First(), Of(file.First()));
            entries[first.File] = new(
                Hash(file.Key),
                [.. file.Where(m => !alive.Contains(m)).Select(m => m.Key).Concat(known?.Dead ?? [])],
                [.. file.Where(m => Placement.MemberOf(m.Original) is { } member && asBody.Contains(member)).Select(m => m.Key)
                    .Concat(known?.Bodies ?? [])]);
        }
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, JsonSerializer.Serialize(entries));
    }

    private Entry? Of(Mutant mutant) =>
        entries.TryGetValue(mutant.File, out var entry) && entry.Hash == Hash(mutant.Original.SyntaxTree) ? entry : null;

    private string Hash(SyntaxTree tree) => hashes.TryGetValue(tree, out var hash)
        ? hash
        : hashes[tree] = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(tree.ToString())));

    private sealed record Entry(string Hash, HashSet<string> Dead, HashSet<string> Bodies);
}
