namespace G2RL.Onnx.Models;

/// <summary>
/// Where a model named by a relative path lies: in the folder that the program was started in, or among the models that came with the
/// program.
/// </summary>
public static class BundledModels
{
    /// <summary>
    /// The folder to read. An installed program brings the base models under its own folder, so that <c>models/arithmetic-base</c> is found
    /// wherever it is started; the path stays as it was given in configurations and run folders.
    /// </summary>
    /// <param name="folder">As it was given.</param>
    /// <returns>The same where it exists or is absolute, else the one beside the program where that exists, else the same.</returns>
    public static string Resolve(string folder)
    {
        if (Path.IsPathRooted(folder) || Directory.Exists(folder))
            return folder;
        var bundled = Path.Combine(AppContext.BaseDirectory, folder);
        return Directory.Exists(bundled) ? bundled : folder;
    }
}
