using G2RL.Onnx.Checkpoints;

namespace G2RL.Onnx.Cli;

/// <summary>
/// A model as a command line names it: a folder as it is, or a .gguf file, written as a folder for the time of the command.
/// </summary>
internal sealed class ModelSource : IDisposable
{
    private readonly string? temporary;

    /// <param name="path">Folder or file.</param>
    /// <exception cref="InputException">A .gguf file that cannot be read.</exception>
    public ModelSource(string path)
    {
        Folder = path;
        if (Directory.Exists(path) || !File.Exists(path) || !path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
            return;
        temporary = Directory.CreateTempSubdirectory("g2rl-gguf-").FullName;
        Folder = Path.Combine(temporary, "model");
        try
        {
            GgufConversion.ToHuggingFace(path, Folder);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The folder to read.</summary>
    public string Folder { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (temporary is not null)
            Directory.Delete(temporary, recursive: true);
    }
}
