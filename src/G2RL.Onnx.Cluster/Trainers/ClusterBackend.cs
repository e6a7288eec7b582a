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
    private static readonly JsonSerializerOptions Snake = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly RunConfig run;
    private readonly Action<WorkAccounts>? report;
    private readonly Lock gate = new();
    private Policy? trained;
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
        (this.run, this.report, Own, Shelf, Node) = (run, report, own, shelf, node);
        Pool = new(node, run.Distribution, TimeProvider.System, warn);
    }

    /// <inheritdoc/>
    public string Name => Own.Name;

    /// <inheritdoc/>
    public double Rounding => Own.Rounding;

    /// <summary>A file that receives the accounts of every work, a JSON object a line; null for none.</summary>
    public string? LogFile { get; set; }

    internal IBackend Own { get; }

    internal WeightShelf Shelf { get; }

    internal ClusterNode Node { get; }

    internal WorkerPool Pool { get; }

    internal DistributionConfig Config => run.Distribution;

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
        var name = $"trainer-{Environment.MachineName}-{Environment.ProcessId}";
        var node = Task.Run(
            () => ClusterNode.Join(run.Distribution, name, s => s.AddSingleton(shelf), warn, cancel),
            CancellationToken.None).GetAwaiter().GetResult();
        return new(run, own, shelf, node, warn, report);
    }

    /// <inheritdoc/>
    public IRolloutSource Rollouts(Policy policy, Tokenizer tokenizer, SamplerSettings settings)
    {
        trained = policy;
        return Config.Share.Contains("rollouts")
            ? new ClusterRollouts(this, policy, tokenizer, settings)
            : Own.Rollouts(policy, tokenizer, settings);
    }

    /// <inheritdoc/>
    public IScorer Scorer(DecoderSpec spec) => Config.Share.Contains("scores") ? new ClusterScorer(this, spec) : Own.Scorer(spec);

    /// <inheritdoc/>
    public IFeatureProjector Features(DecoderSpec spec) => Own.Features(spec);

    /// <inheritdoc/>
    public IPolicyOptimizer Optimizer(Policy policy, RunConfig config) => Own.Optimizer(policy, config);

    /// <inheritdoc/>
    public void Fetch(Policy policy) => Own.Fetch(policy);

    /// <inheritdoc/>
    public void Dispose()
    {
        Task.Run(async () => await Node.DisposeAsync()).GetAwaiter().GetResult();
        projector?.Dispose();
        Shelf.Dispose();
        Own.Dispose();
    }

    /// <summary>Whether a policy is the one in training, and not its reference.</summary>
    internal bool IsTrained(Policy policy) => ReferenceEquals(policy, trained);

    /// <summary>What workers need to load the run's model.</summary>
    internal RunCard CardOf(Policy policy)
    {
        lock (gate)
        {
            var origin = (trained ?? policy).Version.Origin;
            if (card?.Origin == origin)
                return card;
            // Where it goes on, where it is kept and who computes is the trainer's alone.
            var json = RunConfigFile.ToJson(run with { Distribution = new(), Execution = new(), Output = "runs", Name = "run", Steps = 1 });
            return card = new(Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(json + origin))), json, origin);
        }
    }

    /// <summary>Features of what was drawn or scored here.</summary>
    internal float[][] Project(Policy policy, IReadOnlyList<FeatureWeights> weights)
    {
        lock (gate)
            return (projector ??= Own.Features(policy.Spec)).Project(policy, weights);
    }

    /// <summary>Groups of a piece.</summary>
    internal int GroupsPerPiece(int groups, int piecesForEach) => Config.GroupsPerPiece > 0
        ? Config.GroupsPerPiece
        : Math.Max(1, groups / (piecesForEach * Math.Max(1, Math.Max(Config.Workers, Pool.Usable().Count))));

    internal void Report(WorkAccounts accounts)
    {
        report?.Invoke(accounts);
        if (LogFile is { } path)
            lock (gate)
                File.AppendAllText(path, JsonSerializer.SerializeToNode(accounts, Snake)!.AsObject().ToJsonString() + "\n");
    }
}
