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
    private const int WrittenAtOnce = 4 << 20;

    private readonly Lock gate = new();
    private readonly Dictionary<Policy, Loan> loans = [];
    private readonly DeltaChain[] chains = [new(config.FullEvery), new(config.FullEvery)];

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
                var path = config.Weights != WeightTransfer.File ? ""
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
        foreach (var file in loans.Values.Select(l => l.File).Where(f => f.Length > 0).Distinct())
            File.Delete(file);
    }

    private string Write(FlatWeights flat, string content)
    {
        var path = Path.Combine(config.WeightsFolder, $"{config.ClusterId}-{Environment.ProcessId}-{content}.weights");
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
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"distribution.weightsFolder {config.WeightsFolder} cannot be written: {e.Message}", e);
        }
        return path;
    }

    private sealed record Loan(string Content, string File);
}

/// <summary>The shelf as others call it.</summary>
[OnSilo]
internal sealed class ShelfGrain(WeightShelf shelf) : Grain, IShelfGrain
{
    public Task<byte[]> Read(string content, long offset, int count) => Task.FromResult(shelf.Read(content, offset, count));

    public Task<byte[]> ReadDelta(string from, string to, int part) => Task.FromResult(shelf.ReadDelta(from, to, part));
}
