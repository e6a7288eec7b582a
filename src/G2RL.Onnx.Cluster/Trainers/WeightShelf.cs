using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>The weights that the trainer lends while workers need them: they do not change meanwhile, or are no longer here.</summary>
internal sealed class WeightShelf(DistributionConfig config) : IDisposable
{
    private const int WrittenAtOnce = 4 << 20;

    private readonly Lock gate = new();
    private Policy? lent;
    private string file = "";

    /// <summary>Lends a policy's weights as they are now.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="address">This member's address.</param>
    /// <exception cref="InputException">The file of weights cannot be written.</exception>
    public WeightsCard Lend(Policy policy, string address)
    {
        var version = policy.Identify();
        var flat = new FlatWeights(policy);
        lock (gate)
        {
            lent = policy;
            var path = config.Weights == WeightTransfer.File ? Write(flat, version.Content) : "";
            return new(address, version.Counter, version.Content, flat.Length, path);
        }
    }

    /// <summary>Bytes of the weights that are lent.</summary>
    /// <exception cref="InvalidOperationException">They are no longer here.</exception>
    public byte[] Read(string content, long offset, int count)
    {
        lock (gate)
        {
            if (lent?.Version.Content != content)
                throw new InvalidOperationException($"The weights {content} are no longer here.");
            var bytes = GC.AllocateUninitializedArray<byte>(count);
            new FlatWeights(lent).Read(offset, bytes);
            return bytes;
        }
    }

    public void Dispose()
    {
        if (file.Length > 0)
            File.Delete(file);
    }

    // One file at a time; who reads the last one still does.
    private string Write(FlatWeights flat, string content)
    {
        var path = Path.Combine(config.WeightsFolder, $"{config.ClusterId}-{Environment.ProcessId}-{content}.weights");
        if (path == file)
            return path;
        try
        {
            Directory.CreateDirectory(config.WeightsFolder);
            using (var handle = File.OpenHandle(path + ".tmp", FileMode.Create, FileAccess.Write, preallocationSize: flat.Length))
            {
                var buffer = new byte[WrittenAtOnce];
                for (long at = 0; at < flat.Length; at += buffer.Length)
                {
                    var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, flat.Length - at));
                    flat.Read(at, part);
                    RandomAccess.Write(handle, part, at);
                }
            }
            File.Move(path + ".tmp", path, overwrite: true);
            if (file.Length > 0)
                File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"distribution.weightsFolder {config.WeightsFolder} cannot be written: {e.Message}", e);
        }
        return file = path;
    }
}

/// <summary>The shelf as others call it.</summary>
[OnSilo]
internal sealed class ShelfGrain(WeightShelf shelf) : Grain, IShelfGrain
{
    public Task<byte[]> Read(string content, long offset, int count) => Task.FromResult(shelf.Read(content, offset, count));
}
