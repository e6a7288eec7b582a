using System.Net;
using System.Net.Sockets;
using G2RL.Onnx.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using StackExchange.Redis;

namespace G2RL.Onnx.Cluster.Hosting;

/// <summary>
/// This process as a member of a cluster. A member that the others took for dead (it was suspended, or the network was cut) joins again
/// under a new address; what it computed with stays in memory.
/// </summary>
public sealed class ClusterNode : IAsyncDisposable
{
    private const string Log = "G2RL_CLUSTER_LOG";
    private const int LeastThreads = 16;
    private static readonly TimeSpan ShutdownLimit = TimeSpan.FromSeconds(5);

    private readonly DistributionConfig config;
    private readonly string name;
    private readonly Action<IServiceCollection> services;
    private readonly Action<string>? warn;
    private readonly SemaphoreSlim gate = new(1);
    private IHost? host;
    private bool disposed;

    private ClusterNode(DistributionConfig config, string name, Action<IServiceCollection> services, Action<string>? warn) =>
        (this.config, this.name, this.services, this.warn) = (config, name, services, warn);

    /// <summary>The member's services; null while it joins again.</summary>
    internal IServiceProvider? Services => host?.Services;

    /// <summary>Whether others know it as a member.</summary>
    internal bool IsActive =>
        host?.Services.GetService<ISiloStatusOracle>()?.CurrentStatus == SiloStatus.Active;

    /// <summary>The member's address; empty while it joins again.</summary>
    public string Address => host?.Services.GetService<ILocalSiloDetails>()?.SiloAddress.ToParsableString() ?? "";

    /// <summary>Joins.</summary>
    /// <param name="config">Where and as whom.</param>
    /// <param name="name">The member's name; those of workers begin with <see cref="Workers.WorkerHost.Prefix"/>.</param>
    /// <param name="services">Adds what its grains need.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="InputException">A certificate, address or membership that cannot be used.</exception>
    internal static async Task<ClusterNode> Join(
        DistributionConfig config,
        string name,
        Action<IServiceCollection> services,
        Action<string>? warn,
        CancellationToken cancel)
    {
        // Probes are answered by the thread pool, which adds threads slowly where all processors are busy: a few that wait for
        // something would make this member look dead.
        ThreadPool.GetMinThreads(out var least, out var ports);
        ThreadPool.SetMinThreads(Math.Max(least, LeastThreads), ports);
        var node = new ClusterNode(config, name, services, warn);
        await node.Start(cancel);
        return node;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await gate.WaitAsync();
        try
        {
            disposed = true;
            await Stop();
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task Start(CancellationToken cancel)
    {
        var built = Build();
        try
        {
            await built.StartAsync(cancel);
            host = built;
        }
        catch (Exception e)
        {
            built.Dispose();
            if (e is OperationCanceledException && cancel.IsCancellationRequested)
                throw;
            throw e is InputException ? e : new InputException(
                $"This process cannot join the cluster '{config.ClusterId}' ({Words(config.Membership)}, distribution.listen "
                    + $"{config.Listen}): {e.GetBaseException().Message}", e);
        }
    }

    // A connection string may hold a password.
    private static string Words(string membership) =>
        membership.StartsWith("folder:", StringComparison.Ordinal) ? membership : membership.Split(':')[0];

    private async Task Stop()
    {
        if (host is not { } running)
            return;
        host = null;
        using var limit = new CancellationTokenSource(ShutdownLimit);
        try
        {
            await running.StopAsync(limit.Token);
        }
#pragma warning disable CA1031 // what cannot leave in order is left to the others to notice
        catch (Exception e)
        {
            warn?.Invoke($"this member left the cluster without saying so: {e.Message}");
        }
#pragma warning restore CA1031
        running.Dispose();
    }

    // The others took this member for dead.
    private async Task Rejoin(string why)
    {
        await gate.WaitAsync();
        try
        {
            if (disposed)
                return;
            warn?.Invoke($"this member was taken for dead and joins again ({why})");
            await Stop();
            for (var wait = 1; ; wait = Math.Min(2 * wait, 16))
                try
                {
                    await Start(CancellationToken.None);
                    return;
                }
                catch (InputException e)
                {
                    warn?.Invoke(e.Message);
                    await Task.Delay(TimeSpan.FromSeconds(wait));
                }
        }
        finally
        {
            gate.Release();
        }
    }

    private IHost Build()
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        if (Environment.GetEnvironmentVariable(Log) is { Length: > 0 } level)
            builder.Logging.AddSimpleConsole(o => o.SingleLine = true).SetMinimumLevel(Enum.Parse<LogLevel>(level, ignoreCase: true))
                .Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(o =>
                    o.LogToStandardErrorThreshold = LogLevel.Trace);
        var listen = IPEndPoint.Parse(config.Listen);
        builder.UseOrleans(silo =>
        {
            silo.Configure<SiloOptions>(o => o.SiloName = name);
            silo.Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (config.ClusterId, "g2rl"));
            silo.ConfigureEndpoints(listen.Address, listen.Port > 0 ? listen.Port : FreePort(listen.Address), gatewayPort: 0);
            Members(silo);
            silo.AddActivityPropagation();
            silo.Configure<ClusterMembershipOptions>(o =>
            {
                (o.ProbeTimeout, o.NumMissedProbesLimit, o.NumVotesForDeathDeclaration) = (TimeSpan.FromSeconds(1), 3, 1);
                (o.TableRefreshTimeout, o.IAmAliveTablePublishTimeout) = (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5));
                (o.NumMissedTableIAmAliveLimit, o.MaxJoinAttemptTime) = (2, TimeSpan.FromSeconds(60));
                // A member whose connection was alive within three times this is not voted out: 6 s for one that stands still.
                o.MaxProbeTimeout = TimeSpan.FromSeconds(2);
                // Of several that died together each would be asked for the others, until their signs are old (10 s).
                o.EnableIndirectProbes = false;
                // Who cannot speak to a member (no certificate, another authority) must not take it for dead.
                o.EvictWhenMaxJoinAttemptTimeExceeded = false;
            });
            if (config.Certificate.Length > 0)
                silo.UseTls(
                    MemberCertificates.Load(config.Certificate, TimeProvider.System),
                    o => MemberCertificates.Require(o, config.Authority));
            silo.Services.AddPlacementDirector<OnSiloPlacement, OnSiloDirector>();
            silo.Services.Replace(ServiceDescriptor.Singleton<IFatalErrorHandler>(new FatalErrors(why => _ = Task.Run(() => Rejoin(why)))));
            services(silo.Services);
        });
        builder.Services.Replace(ServiceDescriptor.Singleton<IHostLifetime>(new OwnLifetime()));
        return builder.Build();
    }

    private void Members(ISiloBuilder silo)
    {
        var (kind, rest) = (config.Membership[..config.Membership.IndexOf(':', StringComparison.Ordinal)],
            config.Membership[(config.Membership.IndexOf(':', StringComparison.Ordinal) + 1)..]);
        if (kind == "redis")
            silo.UseRedisClustering(o => o.ConfigurationOptions = ConfigurationOptions.Parse(Connection(rest)));
        else
            silo.Services.AddSingleton<IMembershipTable>(new StoredMembership(kind == "folder"
                ? new FolderStore(rest, config.ClusterId, TimeProvider.System)
                : new PostgresStore(Connection(rest), config.ClusterId)));
    }

    private static string Connection(string text) => !text.StartsWith("env:", StringComparison.Ordinal)
        ? text
        : Environment.GetEnvironmentVariable(text[4..])
            ?? throw new InputException($"distribution.membership names the variable {text[4..]}, which is not set.");

    private static int FreePort(IPAddress address)
    {
        using var listener = new TcpListener(address, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // Signals are the program's own affair.
    private sealed class OwnLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    // Orleans would end the process.
    private sealed class FatalErrors(Action<string> rejoin) : IFatalErrorHandler
    {
        private int told;

        public bool IsUnexpected(Exception exception) => true;

        public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
        {
            if (Interlocked.Exchange(ref told, 1) == 0)
                rejoin(exception?.Message ?? context ?? "no reason given");
        }
    }
}
