namespace G2RL.Onnx.Mutation;

/// <summary>A project whose mutants are tried, and the tests that try them.</summary>
/// <param name="Name">Name of the project.</param>
/// <param name="Tests">Name of the test project.</param>
/// <param name="Assembly">Name of its assembly.</param>
internal sealed record Target(string Name, string Tests, string Assembly)
{
    private static readonly Target[] All =
    [
        new("G2RL.Onnx.Graphs", "G2RL.Onnx.Graphs.Tests", "G2RL.Onnx.Graphs"),
        new("G2RL.Onnx.Cli", "G2RL.Onnx.Cli.Tests", "g2rl"),
        new("G2RL.Onnx", "G2RL.Onnx.Tests", "G2RL.Onnx"),
    ];

    /// <summary>The project that holds a folder or file of the repository, or null.</summary>
    public static Target? Of(string path) => All.FirstOrDefault(t => path.StartsWith($"src/{t.Name}/", StringComparison.Ordinal));
}
