using G2RL.Onnx.Mutation.Mutants;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace G2RL.Onnx.Mutation.Weaving;

/// <summary>One assembly that holds every mutant behind a switch.</summary>
/// <param name="Mutants">Those that compile; <see cref="Mutant.Id"/> is their place in the list.</param>
/// <param name="Stillborn">How many do not.</param>
/// <param name="Image">The assembly.</param>
internal sealed record WovenAssembly(IReadOnlyList<Mutant> Mutants, int Stillborn, byte[] Image)
{
    private const int MostRounds = 25;

    // Read by the runner by name.
    private const string Switch = """
        namespace G2RL.Onnx;
        internal static class MutantSwitch
        {
            public static int Active = int.TryParse(System.Environment.GetEnvironmentVariable("G2RL_MUTANT"), out var id) ? id : -1;
            public static System.Action<int>? Watch;
            public static bool On(int id)
            {
                Watch?.Invoke(id);
                return Active == id;
            }
        }
        """;

    /// <summary>Weaves and compiles; what does not compile goes, after it was tried with a body of its own.</summary>
    /// <param name="source">The project.</param>
    /// <param name="mutants">What to plant.</param>
    /// <param name="memory">What did not compile before; takes what does not now.</param>
    /// <param name="say">Told how it goes on.</param>
    /// <exception cref="InvalidOperationException">It does not compile, whatever goes.</exception>
    public static WovenAssembly Of(ProjectSource source, IReadOnlyList<Mutant> mutants, WeavingMemory memory, Action<string> say)
    {
        for (var i = 0; i < mutants.Count; i++)
            mutants[i].Id = i;
        var alive = mutants.Where(m => !memory.IsDead(m)).ToHashSet();
        var asBody = mutants.Where(memory.IsBody).Select(m => Placement.MemberOf(m.Original)).OfType<SyntaxNode>().ToHashSet();
        var models = mutants.Select(m => m.Original.SyntaxTree)
            .Distinct()
            .ToDictionary(t => t, t => source.Compilation.GetSemanticModel(t));
        var trees = new Dictionary<SyntaxTree, SyntaxTree>();
        for (var round = 0; round < MostRounds; round++)
        {
            foreach (var tree in models.Keys.Where(t => !trees.ContainsKey(t)))
                trees[tree] = Weave(tree, models[tree], [.. alive.Where(m => m.Original.SyntaxTree == tree)], alive, asBody);
            var parse = (CSharpParseOptions)source.Compilation.SyntaxTrees[0].Options;
            var compilation =
                source.Compilation.AddSyntaxTrees(CSharpSyntaxTree.ParseText(Switch, parse, encoding: System.Text.Encoding.UTF8));
            foreach (var (old, woven) in trees)
                compilation = compilation.ReplaceSyntaxTree(old, woven);
            compilation = source.Generate(compilation);
            using var image = new MemoryStream();
            var emitted = compilation.Emit(image, manifestResources: source.Resources);
            if (emitted.Success)
            {
                memory.Keep(mutants, alive, asBody);
                return new([.. mutants.Where(alive.Contains)], mutants.Count - alive.Count, image.ToArray());
            }
            var errors = emitted.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).ToArray();
            say($"round {round + 1}: {errors.Length} errors, {alive.Count} mutants");
            GiveUp(errors, trees, mutants, alive, asBody);
        }
        throw new InvalidOperationException("the woven sources do not compile, whatever is left out");
    }

    /// <summary>The assembly with another text of one file, and no switch in use; null when it does not compile.</summary>
    public static byte[]? Changed(ProjectSource source, string file, string text)
    {
        var parse = (CSharpParseOptions)source.Compilation.SyntaxTrees[0].Options;
        var tree = source.Compilation.SyntaxTrees.Single(t => Path.GetFullPath(t.FilePath) == Path.GetFullPath(file));
        var compilation = source.Generate(source.Compilation
            .ReplaceSyntaxTree(tree, CSharpSyntaxTree.ParseText(text, parse, tree.FilePath, System.Text.Encoding.UTF8))
            .AddSyntaxTrees(CSharpSyntaxTree.ParseText(Switch, parse, encoding: System.Text.Encoding.UTF8)));
        using var image = new MemoryStream();
        return compilation.Emit(image, manifestResources: source.Resources).Success ? image.ToArray() : null;
    }

    private static SyntaxTree Weave(
        SyntaxTree tree,
        SemanticModel model,
        IReadOnlyList<Mutant> mutants,
        HashSet<Mutant> alive,
        HashSet<SyntaxNode> asBody)
    {
        var placed = new Dictionary<Placement, List<Mutant>>();
        foreach (var mutant in mutants)
            if (Placement.Of(mutant, model, Placement.MemberOf(mutant.Original) is { } m && asBody.Contains(m)) is { } place)
                (placed.TryGetValue(place, out var list) ? list : placed[place] = []).Add(mutant);
            else
                alive.Remove(mutant);
        var root = new Weaver(placed, model).Visit(tree.GetRoot())!;
        return tree.WithRootAndOptions(root, tree.Options);
    }

    private static void GiveUp(
        Diagnostic[] errors,
        Dictionary<SyntaxTree, SyntaxTree> trees,
        IReadOnlyList<Mutant> mutants,
        HashSet<Mutant> alive,
        HashSet<SyntaxNode> asBody)
    {
        var originals = trees.ToDictionary(t => t.Value, t => t.Key);
        var handled = new HashSet<(SyntaxTree, int)>();
        foreach (var error in errors)
        {
            if (error.Location.SourceTree is not { } tree || !originals.TryGetValue(tree, out var original))
                throw new InvalidOperationException(error.ToString());
            trees.Remove(original);
            var at = tree.GetRoot().FindNode(error.Location.SourceSpan);
            if (at.AncestorsAndSelf().SelectMany(a => a.GetAnnotations(Weaver.Mark)).FirstOrDefault() is { Data: { } id })
            {
                alive.Remove(mutants[int.Parse(id)]);
                continue;
            }
            // In what all share: first each gets a body of its own, then all of the member go.
            var name = NameOf(Placement.MemberOf(at));
            if (!handled.Add((original, name)))
                continue;
            var members = alive.Where(m => m.Original.SyntaxTree == original)
                .Where(m => Placement.MemberOf(m.Original) is { } p && NameOf(p) == name)
                .ToArray();
            if (members.Length == 0)
                throw new InvalidOperationException($"no mutant is to blame for {error}");
            if (members.Any(m => asBody.Add(Placement.MemberOf(m.Original)!)))
                continue;
            alive.ExceptWith(members);
        }
    }

    // A member is the same before and after weaving when it stands at the same place among its file's members.
    private static int NameOf(SyntaxNode? member) => member is null ? -1
        : member.SyntaxTree.GetRoot().DescendantNodes().Where(n => Placement.MemberOf(n) == n).TakeWhile(n => n != member).Count();
}
