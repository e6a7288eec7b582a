namespace G2RL.Onnx.Converter;

/// <summary>A Hugging Face folder that is only a step on the way to another; it lies beside that one meanwhile.</summary>
internal static class Aside
{
    /// <summary>Writes it, uses it, removes it, whatever happens.</summary>
    public static void Use(string output, Action<string> write, Action<string> use)
    {
        if (Path.Exists(output))
            throw new InputException($"{output} exists already; a model is never written over another. Name a new folder, or remove this one.");
        var folder = Path.TrimEndingDirectorySeparator(output) + ".checkpoint";
        Remove(folder);
        try
        {
            write(folder);
            use(folder);
        }
        finally
        {
            Remove(folder);
        }
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }
}
