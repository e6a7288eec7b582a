using Mono.Cecil;

namespace G2RL.Onnx.Tests.Structure;

/// <summary>The namespaces of an assembly from the ground up: each may use those before it (docs/decisions/0014).</summary>
/// <param name="root">What stands before the names, without a dot at its end; the root itself has no floor.</param>
/// <param name="names">Names from the ground up; what lies within one shares its floor.</param>
internal sealed class Floors(string root, params string[] names)
{
    /// <summary>Uses that lead upwards, in words.</summary>
    public string Upwards(string assembly) => string.Join('\n', NamespaceGraph.Of(assembly)
        .Where(u => Of(u.From) >= 0 && Of(u.To) > Of(u.From))
        .Select(u => $"{u.From} is below {u.To}, yet {u}")
        .Order(StringComparer.Ordinal));

    /// <summary>Namespaces without a floor.</summary>
    public string Missing(string assembly)
    {
        using var module = ModuleDefinition.ReadModule(assembly);
        return string.Join('\n', module.Types
            .Select(t => t.Namespace)
            .Where(n => n.StartsWith(root + ".", StringComparison.Ordinal) && Of(n) < 0)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal));
    }

    /// <summary>Circles, each with the uses that close it; empty when there are none.</summary>
    public static string Circles(string assembly)
    {
        var uses = NamespaceGraph.Of(assembly);
        Assert.IsNotEmpty(uses);
        return string.Join('\n', NamespaceGraph.Circles(uses).Select(c => string.Join(" <-> ", c) + ":\n  " + string.Join(
            "\n  ",
            uses.Where(u => c.Contains(u.From) && c.Contains(u.To)).Select(u => $"{u.From}: {u}").Order(StringComparer.Ordinal))));
    }

    private int Of(string name) => name.StartsWith(root + ".", StringComparison.Ordinal)
        ? Array.IndexOf(names, name[(root.Length + 1)..].Split('.')[0])
        : -1;
}
