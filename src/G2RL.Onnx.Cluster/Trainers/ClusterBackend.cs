using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Optimizers;
using Microsoft.Extensions.DependencyInjection;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>
/// A backend whose rollouts and scores come from workers; everything else, and what workers cannot do, is its own backend's.
/// </summary>
public sealed class ClusterBackend : IBackend
{
    private const long LargeSum = 1L << 30;
    private static readonly JsonSerializerOptions Snake = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly RunConfig run;
    private readonly Action<string>? warn;
    private readonly Action<WorkAccounts>? report;
    private readonly Lock gate = new();
    private readonly HashSet<Policy> trained = [];
    private readonly SortedSet<string> samplers = new(StringComparer.Ordinal);
    private readonly SortedSet<string> share = new(StringComparer.Ordinal);
    private readonly string asked;
    private Policy? updated;
    private RunCard? card;
    private IFeatureProjector? projector;

    private ClusterBackend(
        RunConfig run,
        IBackend own,
        WeightShelf shelf,
        ClusterNode node,
        Action<string>? warn,
        Action<WorkAccounts>? report)
    {
        (this.run, this.warn, this.report, Own, Shelf, Node) = (run, warn, report, own, shelf, node);
        // Where it goes on, where it is kept and who computes is the trainer's alone; whose operators is not.
        asked = RunConfigFile.ToJson(run with
        {
            Distribution = new(),
            Execution = new() { Kernels = run.Execution.Kernels },
            Output = "runs",
            Name = "run",
            Steps = 1,
        });
        // Workers load the model while this process does; which weights those must be is known afterwards.
        Pool = new(node, run.Distribution, TimeProvider.System, warn, new(new("", asked, "", 0), [], []));
        SumFiles = Config.Weights == WeightTransfer.File ? $"{shelf.Files}sum-" : "";
    }

    /// <inheritdoc/>
    public string Name => Own.Name;

    /// <inheritdoc/>
    public double Rounding => Own.Rounding;

    /// <inheritdoc/>
    public bool DrawsElsewhere => Config.Share.Contains("rollouts");

    /// <summary>A file that receives the accounts of every work, a JSON object a line; null for none.</summary>
    public string? LogFile { get; set; }

    internal IBackend Own { get; }

    internal WeightShelf Shelf { get; }

    internal ClusterNode Node { get; }

    internal WorkerPool Pool { get; }

    internal DistributionConfig Config => run.Distribution;

    /// <summary>What the files of sums of gradients begin with; empty where they travel as messages.</summary>
    internal string SumFiles { get; }

    private int Threads => run.Execution.Threads > 0 ? run.Execution.Threads : Environment.ProcessorCount;

    /// <summary>Joins the cluster that the configuration names.</summary>
    /// <param name="run">The run.</param>
    /// <param name="own">Who computes here; taken over.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <param name="report">Told the accounts of every work.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="InputException">A cluster that cannot be joined.</exception>
    public static ClusterBackend Open(
        RunConfig run,
        IBackend own,
        Action<string>? warn = null,
        Action<WorkAccounts>? report = null,
        CancellationToken cancel = default)
    {
        var shelf = new WeightShelf(run.Distribution);
        // A folder that cannot be used is told before anybody is met.
        _ = shelf.Files;
        var name = $"trainer-{Environment.MachineName}-{Environment.ProcessId}";
        var node = Task.Run(
            () => ClusterNode.Join(run.Distribution, name, s => s.AddSingleton(shelf), warn, cancel),
            CancellationToken.None).GetAwaiter().GetResult();
        return new(run, own, shelf, node, warn, report);
    }

    /// <inheritdoc/>
    public IRolloutSource Rollouts(Policy policy, Tokenizer tokenizer, SamplerSettings settings)
    {
        lock (gate)
            trained.Add(policy);
        if (!Config.Share.Contains("rollouts"))
            return Own.Rollouts(policy, tokenizer, settings);
        var source = new ClusterRollouts(this, policy, tokenizer, settings);
        Order(policy, () => samplers.Add(source.Settings));
        return source;
    }

    /// <inheritdoc/>
    public IScorer Scorer(DecoderSpec spec)
    {
        if (!Config.Share.Contains("scores"))
            return Own.Scorer(spec);
        // Devices divide their batches otherwise, so that workers are not asked.
        if (Own is CpuBackend)
            Order(null, () => share.Add("scores"));
        return new ClusterScorer(this, spec);
    }

    /// <inheritdoc/>
    public IFeatureProjector Features(DecoderSpec spec) => Own.Features(spec);

    /// <inheritdoc/>
    public IPolicyOptimizer Optimizer(Policy policy, RunConfig config)
    {
        lock (gate)
            trained.Add(updated = policy);
        if (!Config.Share.Contains("gradients"))
            return Own.Optimizer(policy, config);
        var (bytes, shards) = (policy.TrainableCount * sizeof(float), config.Training.GradientShards);
        if (bytes > LargeSum)
            warn?.Invoke($"a shard's sum of gradients has {bytes / 1e9:F1} GB, and {shards} of them come here with every update: at "
                + $"1.2 GB/s that is {bytes * shards / 1.2e9:F0} s. Adapters (adapter.type=lora) send about a hundredth of it.");
        Order(policy, () => share.Add("gradients"));
        var gradients = new ClusterGradients(this, policy);
        return new StockOptimizer(policy, PolicyOptimizers.Accumulator(policy, config, Threads), config, Threads, gradients.Run);
    }

    /// <inheritdoc/>
    public void Fetch(Policy policy) => Own.Fetch(policy);

    /// <inheritdoc/>
    public void Dispose()
    {
        Pool.Dispose();
        Task.Run(async () => await Node.DisposeAsync()).GetAwaiter().GetResult();
        projector?.Dispose();
        Shelf.Dispose();
        Own.Dispose();
    }

    /// <summary>Whether a policy is the one in training, now or some steps ago, and not its reference.</summary>
    internal bool IsTrained(Policy policy)
    {
        lock (gate)
            return trained.Contains(policy);
    }

    /// <summary>Optimizer steps between the weights that are trained and others.</summary>
    internal long LagOf(PolicyVersion version) => updated is null ? 0 : updated.Updates - version.Counter;

    /// <summary>Whether a policy is a copy beside the one that is updated.</summary>
    internal bool IsDrawing(Policy policy) => updated is not null && !ReferenceEquals(policy, updated);

    /// <summary>What workers need to load the run's model.</summary>
    internal RunCard CardOf(Policy policy)
    {
        lock (gate)
        {
            var origin = (trained.FirstOrDefault() ?? policy).Version.Origin;
            if (card?.Origin == origin)
                return card;
            var threads = Config.Allow.Contains("threads") || Own is not CpuBackend ? 0 : Lanes.For(policy.Spec, Threads).ThreadsEach;
            var key = Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(asked + origin)));
            return card = new(key, asked, origin, threads);
        }
    }

    // Newcomers are made ready for all that this run is known to ask for.
    private void Order(Policy? policy, Action add)
    {
        lock (gate)
        {
            add();
            if ((policy ?? trained.FirstOrDefault()) is { } any)
                Pool.Order = new(CardOf(any), [.. samplers], [.. share]);
        }
    }

    /// <summary>Features of what was drawn or scored here.</summary>
    internal float[][] Project(Policy policy, IReadOnlyList<FeatureWeights> weights)
    {
        lock (gate)
            return (projector ??= Own.Features(policy.Spec)).Project(policy, weights);
    }

    /// <summary>Cuts a draw into pieces of neighbouring groups, as even as they can be: gives the places of each.</summary>
    internal int[][] Cut(int groups, int piecesForEach)
    {
        if (Config.GroupsPerPiece > 0)
            return [.. Enumerable.Range(0, groups).Chunk(Config.GroupsPerPiece)];
        var pieces = Math.Min(groups, piecesForEach * Math.Max(1, Math.Max(Config.Workers, Pool.Usable().Count)));
        return
        [
            .. Enumerable.Range(0, pieces).Select(p => (First: p * groups / pieces, End: (p + 1) * groups / pieces))
                .Select(p => Enumerable.Range(p.First, p.End - p.First).ToArray()),
        ];
    }

    internal void Report(WorkAccounts accounts)
    {
        report?.Invoke(accounts);
        if (LogFile is { } path)
            lock (gate)
                File.AppendAllText(path, JsonSerializer.SerializeToNode(accounts, Snake)!.AsObject().ToJsonString() + "\n");
    }
}
