using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;

namespace G2RL.Onnx.Converter;

/// <summary>A Hugging Face folder that is only a step on the way to another; it lies beside that one meanwhile.</summary>
internal static class Aside
{
    private const string Suffix = ".checkpoint";

    /// <summary>Writes it, uses it, removes it, whatever happens.</summary>
    /// <param name="output">The folder that is wanted in the end.</param>
    /// <param name="plan">The weights of the step.</param>
    /// <param name="settings">Choices of the conversion that follows.</param>
    /// <param name="write">Writes the folder that is named.</param>
    /// <param name="use">Makes the output from it.</param>
    /// <exception cref="InputException">The disk has no room for the step and the output together, or one of them cannot be
    /// made.</exception>
    public static void Use(string output, WeightPlan plan, ConversionSettings settings, Action<string> write, Action<string> use)
    {
        if (Path.Exists(output))
            throw new InputException($"{output} exists already; a model is never written over another. "
                + "Name a new folder, or remove this one.");
        settings.Validate(plan.Spec);
        var folder = FolderOf(output);
        Remove(folder);
        ModelConversion.CheckRoom(output, checked(plan.Bytes + ModelConversion.Room(plan, settings)));
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

    /// <summary>Whether a killed run left the step, or a part of it; <see cref="Use"/> removes it.</summary>
    public static bool HasRemains(string output) => Directory.Exists(FolderOf(output)) || ModelConversion.WasInterrupted(FolderOf(output));

    private static string FolderOf(string output) => Path.TrimEndingDirectorySeparator(output) + Suffix;

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }
}
