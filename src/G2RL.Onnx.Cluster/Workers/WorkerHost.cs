using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Backends;
using Microsoft.Extensions.DependencyInjection;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>This process as a worker.</summary>
public static class WorkerHost
{
    /// <summary>What the names of workers begin with.</summary>
    internal const string Prefix = "worker";

    /// <summary>Works until it is told to stop; then finishes the piece at hand and leaves.</summary>
    /// <param name="config">Where the cluster is.</param>
    /// <param name="settings">What this worker has.</param>
    /// <param name="open">Opens the device of a configuration.</param>
    /// <param name="joined">Told the address when it has joined.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="InputException">A cluster that cannot be joined.</exception>
    public static async Task Run(
        DistributionConfig config,
        WorkerSettings settings,
        Func<RunConfig, IBackend> open,
        Action<string>? joined,
        Action<string>? warn,
        CancellationToken cancel)
    {
        // Which also compiles most of what its pieces will need.
        var passport = Task.Run(() => Passports.Here, CancellationToken.None);
        using var desk = new WorkerDesk(settings, open);
        var name = $"{Prefix}-{Environment.MachineName}-{Environment.ProcessId}";
        await using var node = await ClusterNode.Join(
            config,
            name,
            services => services.AddSingleton(desk).AddSingleton(settings),
            warn,
            cancel);
        await passport;
        using var health = settings.Health is { } at ? new HealthEndpoint(at, () => (node.IsActive && desk.IsOpen, desk.Done)) : null;
        joined?.Invoke(node.Address);
        try
        {
            await Task.Delay(Timeout.Infinite, cancel);
        }
        catch (OperationCanceledException)
        {
            await desk.Drain(TimeSpan.FromSeconds(config.DrainSeconds));
        }
    }
}
