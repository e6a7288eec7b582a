using System.Collections.Concurrent;
using System.Security.Cryptography;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// A .gguf file wherever a model's folder is asked for: it is written as a Hugging Face folder once, into a cache, under a name that
/// holds the hash of the file. A run that goes on finds the same folder, or makes it again with the same bytes.
/// </summary>
public static class GgufCache
{
    /// <summary>The environment variable that names another folder for what is kept between commands.</summary>
    public const string Variable = "G2RL_CACHE";

    // By path, length and time of change, so that a command reads the file once.
    private static readonly ConcurrentDictionary<(string, long, DateTime), Lazy<string>> Known = new();

    /// <summary>Where converted models lie: in <see cref="Variable"/>'s folder, or the user's own for caches.</summary>
    public static string Root => Path.Combine(
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } user ? Path.Combine(user, "g2rl")
            : OperatingSystem.IsWindows()
                ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "g2rl", "cache")
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "g2rl"),
        "gguf");

    /// <summary>Whether a path is that of a .gguf file.</summary>
    public static bool IsFile(string path) => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && File.Exists(path);

    /// <summary>The folder to read: of a .gguf file the converted one, else what <see cref="BundledModels.Resolve"/> gives.</summary>
    /// <exception cref="InputException">The file is malformed or of a kind that is not read, or the cache cannot be written.</exception>
    public static string FolderOf(string model)
    {
        if (!IsFile(model))
            return BundledModels.Resolve(model);
        var file = new FileInfo(Path.GetFullPath(model));
        return Known.GetOrAdd((file.FullName, file.Length, file.LastWriteTimeUtc), _ => new(() => Converted(file.FullName))).Value;
    }

    /// <summary>What deserves a word of a .gguf file that is to be trained: that its weights are quantised; null for nothing.</summary>
    public static string? Note(string model)
    {
        if (!IsFile(model))
            return null;
        using var file = GgufFile.Open(model);
        var quantised = file.Tensors.Values.Where(t => t.Type.BlockElements() > 1).GroupBy(t => t.Type).ToArray();
        return quantised.Length == 0 ? null
            : $"{model}: {quantised.Sum(t => t.Count())} of {file.Tensors.Count} tensors are quantised "
                + $"({string.Join(", ", quantised.Select(t => t.Key).Order())}). They become float32 with "
                + "the errors of their quantisation, and what is trained begins there. Give the unquantised model where you have it.";
    }

    private static string Converted(string file)
    {
        var folder = "";
        try
        {
            using (var stream = File.OpenRead(file))
                folder = Path.Combine(
                    Root,
                    $"{Path.GetFileNameWithoutExtension(file)}-{Convert.ToHexStringLower(SHA256.HashData(stream))[..16]}");
            if (Directory.Exists(folder))
                return folder;
            Directory.CreateDirectory(Root);
            GgufConversion.ToHuggingFace(file, folder);
        }
        catch (InputException) when (folder.Length > 0 && Directory.Exists(folder))
        {
            // Another process was quicker; its folder is whole.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(
                $"{file} cannot be written as a folder into {Root}: {e.Message} Make room, or name another folder in {Variable}.", e);
        }
        return folder;
    }
}
