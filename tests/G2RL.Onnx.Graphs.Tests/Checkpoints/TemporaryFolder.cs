namespace G2RL.Onnx.Graphs.Tests.Checkpoints;

/// <summary>A folder of a test's own, gone afterwards.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("g2rl-test-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Copies a model folder's files (not its golden vectors), writable.</summary>
    public string CopyOf(string source, string name = "model")
    {
        Directory.CreateDirectory(this[name]);
        foreach (var file in Directory.GetFiles(source))
            if (System.IO.Path.GetFileName(file) is var plain
                && (plain.StartsWith("model", StringComparison.Ordinal) || plain.EndsWith("config.json", StringComparison.Ordinal)))
                File.WriteAllBytes(System.IO.Path.Combine(this[name], plain), File.ReadAllBytes(file));
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
