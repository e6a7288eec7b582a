using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace G2RL.Onnx.Rewards.Judge;

/// <summary>Replies on disk, a file a request; several runs may share a folder. A file that cannot be read is as good as none.</summary>
/// <param name="folder">The folder; empty keeps nothing.</param>
internal sealed class JudgeCache(string folder)
{
    private static int writes;

    /// <summary>The name of a request: a hash of all that the reply may depend on.</summary>
    public static string Key(JudgeConfig config, string question) =>
        Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new
        {
            endpoint = config.Endpoint,
            model = config.Model,
            system = config.System,
            question,
            maxTokens = config.MaxTokens,
            temperature = config.Temperature,
        })));

    /// <summary>The reply to a request; null where there is none.</summary>
    public string? Find(string key)
    {
        if (folder.Length == 0)
            return null;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(PathOf(key)));
            return document.RootElement.TryGetProperty("reply", out var reply) && reply.ValueKind == JsonValueKind.String
                ? reply.GetString() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Keeps a reply: written beside its place and moved there, so that no reader sees half of it.</summary>
    /// <exception cref="InputException">The folder cannot be written.</exception>
    public void Keep(string key, string model, string reply)
    {
        if (folder.Length == 0)
            return;
        try
        {
            var path = PathOf(key);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var beside = $"{path}.{Environment.ProcessId}-{Interlocked.Increment(ref writes)}.tmp";
            File.WriteAllText(beside, JsonSerializer.Serialize(new { model, reply }), new UTF8Encoding(false));
            File.Move(beside, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException(
                $"The judge's cache {folder} cannot be written: {e.Message} Make room or correct its permissions, or name another " +
                "folder in the reward's setting cache.", e);
        }
    }

    private string PathOf(string key) => Path.Combine(folder, key[..2], key + ".json");
}
