namespace G2RL.Onnx.Cluster.Contracts;

/// <summary>What a member's bits depend on: two members whose passports are equal compute the same.</summary>
/// <param name="Build">Identities of the assemblies that compute.</param>
/// <param name="Runtime">ONNX Runtime's version, and .NET's.</param>
/// <param name="Processor">Architecture and vector extensions.</param>
/// <param name="Probe">Hash of a draw, its scores and its features on a made-up model.</param>
[GenerateSerializer, Immutable]
public sealed record Passport(
    [property: Id(0)] string Build,
    [property: Id(1)] string Runtime,
    [property: Id(2)] string Processor,
    [property: Id(3)] string Probe)
{
    /// <summary>What differs, by the names of <c>distribution.allow</c>: (name, here, there).</summary>
    public IEnumerable<(string Name, string Here, string There)> Differences(Passport other) =>
        new[]
        {
            ("build", Build, other.Build),
            ("runtime", Runtime, other.Runtime),
            ("processor", Processor, other.Processor),
            ("probe", Probe, other.Probe),
        }.Where(d => d.Item2 != d.Item3);
}
