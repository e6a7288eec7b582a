using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Cluster.Weights;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>
/// The weights that the trainer lends while workers need them: those of the policy in training, and those of steps before that still draw.
/// They do not change meanwhile, or are no longer here.
/// </summary>
internal sealed class WeightShelf(DistributionConfig config) : IDisposable
{
    // Shared memory where it is all of this machine's.
    private const string Memory = "/dev/shm";

    private readonly Lock gate = new();
    private readonly Lazy<FolderLease?> lease = new(() => Take(config));
    private readonly Dictionary<Policy, Loan> loans = [];
    private readonly DeltaChain[] chains = [new(config.FullEvery, areTold: false), new(config.FullEvery, areTold: true)];

    /// <summary>What the names of this trainer's files begin with, folder included; empty where weights do not go by file.</summary>
    /// <exception cref="InputException">The folder of the configuration cannot be used.</exception>
    public string Files => lease.Value?.Prefix ?? "";

    /// <summary>Lends a policy's weights as they are now.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="address">This member's address.</param>
    /// <param name="isDrawing">Whether the policy is a copy that only draws.</param>
    /// <exception cref="InputException">The file of weights cannot be written.</exception>
    public WeightsCard Lend(Policy policy, string address, bool isDrawing = false)
    {
        lock (gate)
        {
            var chain = chains[isDrawing ? 1 : 0];
            var version = policy.Identify();
            if (!loans.TryGetValue(policy, out var loan) || loan.Content != version.Content)
            {
                var flat = new FlatWeights(policy);
                var path = Files.Length == 0 ? ""
                    : loans.Values.FirstOrDefault(l => l.Content == version.Content)?.File ?? Write(flat, version.Content);
                loans[policy] = new(version.Content, path);
                // Who reads the last one still does.
                if (loan is { File.Length: > 0 } && loans.Values.All(l => l.File != loan.File))
                    File.Delete(loan.File);
                loan = loans[policy];
                if (config.Weights == WeightTransfer.Delta)
                    chain.Add(policy, version.Content);
            }
            return new(address, version.Counter, version.Content, new FlatWeights(policy).Length, loan.File, isDrawing, chain.Cards);
        }
    }

    /// <summary>Bytes of weights that are lent.</summary>
    /// <exception cref="InvalidOperationException">They are no longer here.</exception>
    public byte[] Read(string content, long offset, int count)
    {
        lock (gate)
        {
            // A policy that was changed since is another version now.
            var lent = loans.Where(l => l.Value.Content == content && l.Key.Version.Content == content).Select(l => l.Key).FirstOrDefault()
                ?? throw new InvalidOperationException($"The weights {content} are no longer here.");
            var bytes = GC.AllocateUninitializedArray<byte>(count);
            new FlatWeights(lent).Read(offset, bytes);
            return bytes;
        }
    }

    /// <summary>A part of a difference.</summary>
    /// <exception cref="InvalidOperationException">It is no longer here.</exception>
    public byte[] ReadDelta(string from, string to, int part)
    {
        lock (gate)
            return chains.Select(c => c.Read(from, to, part)).FirstOrDefault(p => p is not null)
                ?? throw new InvalidOperationException($"The difference from {from} to {to} is no longer here.");
    }

    public void Dispose()
    {
        foreach (var chain in chains)
            chain.Dispose();
        if (lease.IsValueCreated)
            lease.Value?.Dispose();
    }

    private static FolderLease? Take(DistributionConfig config)
    {
        var isAsked = config.Weights == WeightTransfer.File;
        if (!isAsked && !(config.Weights == WeightTransfer.Auto && config.IsLocal && Directory.Exists(Memory)))
            return null;
        try
        {
            return FolderLease.Take(
                isAsked ? config.WeightsFolder : Path.Combine(Memory, $"g2rl-{Environment.UserName}"),
                config.ClusterId);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return isAsked ? throw Unusable(config, e) : null;
        }
    }

    // Empty where it has to go another way.
    private string Write(FlatWeights flat, string content)
    {
        var isAsked = config.Weights == WeightTransfer.File;
        var path = $"{Files}{content}.weights";
        try
        {
            // The version before may still be read.
            if (!isAsked && new DriveInfo(Memory).AvailableFreeSpace < 2 * flat.Length)
                return "";
            using (var handle = File.OpenHandle(path + ".tmp", FileMode.Create, FileAccess.Write, preallocationSize: flat.Length))
                Parallel.For(0, checked((int)((flat.Length + FlatWeights.HashedPiece - 1) / FlatWeights.HashedPiece)), i =>
                {
                    var at = (long)i * FlatWeights.HashedPiece;
                    for (var end = Math.Min(flat.Length, at + FlatWeights.HashedPiece); at < end;)
                    {
                        var part = flat.At(at, (int)(end - at));
                        RandomAccess.Write(handle, part, at);
                        at += part.Length;
                    }
                });
            File.Move(path + ".tmp", path, overwrite: true);
            return path;
        }
        catch (Exception e) when (e.GetBaseException() is IOException or UnauthorizedAccessException)
        {
            File.Delete(path + ".tmp");
            return isAsked ? throw Unusable(config, e.GetBaseException()) : "";
        }
    }

    private static InputException Unusable(DistributionConfig config, Exception e) =>
        new($"distribution.weightsFolder {config.WeightsFolder} cannot be written: {e.Message}", e);

    private sealed record Loan(string Content, string File);
}

/// <summary>The shelf as others call it.</summary>
[OnSilo]
internal sealed class ShelfGrain(WeightShelf shelf) : Grain, IShelfGrain
{
    public Task<byte[]> Read(string content, long offset, int count) => Task.FromResult(shelf.Read(content, offset, count));

    public Task<byte[]> ReadDelta(string from, string to, int part) => Task.FromResult(shelf.ReadDelta(from, to, part));
}
