using System.Diagnostics;
using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Cluster.Trainers;
using G2RL.Onnx.Cluster.Workers;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>A trainer and workers in the tests' own process, members of one cluster all the same.</summary>
internal sealed class LoopbackCluster : IDisposable
{
    // Whatever keeps a machine from running this for so long is not what these tests look for.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly TinyModel tiny = new();
    private readonly string members = MembersFolder();
    private readonly CancellationTokenSource end = new();
    private readonly List<Task> workers = [];
    private readonly List<WorkAccounts> accounts = [];
    private readonly RunModel model;

    public LoopbackCluster(Func<DistributionConfig, DistributionConfig>? change = null)
    {
        var basic = new DistributionConfig
        {
            Membership = $"folder:{members}",
            WaitSeconds = 120,
            AloneSeconds = 0.3,
            WeightsFolder = Path.Combine(tiny.Root, "weights"),
        };
        Distribution = change is null ? basic : change(basic);
        Run = tiny.Config with { Distribution = Distribution };
        model = new RunModel(Run);
    }

    public DistributionConfig Distribution { get; }

    public RunConfig Run { get; }

    public List<string> Warnings { get; } = [];

    public IReadOnlyList<WorkAccounts> Accounts => accounts;

    /// <summary>Path of a folder of certificates.</summary>
    public static (string Authority, string Certificate) Certificates(string folder, TimeProvider? time = null) =>
        MemberCertificates.Make(folder, "member", TimeSpan.FromDays(1), time ?? TimeProvider.System);

    /// <summary>Starts a worker; waits until it has joined unless it is not expected to.</summary>
    public void Worker(WorkerSettings? settings = null, Func<DistributionConfig, DistributionConfig>? change = null, bool joins = true)
    {
        var joined = new TaskCompletionSource();
        workers.Add(WorkerHost.Run(
            change is null ? Distribution : change(Distribution),
            settings ?? new(null, new() { Threads = 1 }),
            _ => new CpuBackend(1),
            _ => joined.TrySetResult(),
            null,
            end.Token));
        if (joins)
        {
            var ended = Task.WaitAny([joined.Task, workers[^1]], Patience);
            Assert.AreEqual(0, ended, $"the worker did not join: {workers[^1].Exception?.GetBaseException().Message}\n{Machine()}");
        }
    }

    public ClusterBackend Trainer() => ClusterBackend.Open(
        Run,
        new CpuBackend(1),
        warning =>
        {
            lock (Warnings)
                Warnings.Add(warning);
        },
        accounts.Add);

    /// <summary>Draws something by a backend; its text is its value.</summary>
    public string Draw(IBackend backend, Action<int, Rollout[]>? ended = null)
    {
        using var source = backend.Rollouts(model.Policy, model.Tokenizer, model.TrainingSampler());
        var drawn = source.Draw(new DrawRequest([[1, 2, 3], [4, 5], [6], [7, 8]], Samples: 4, Seed: 5, Step: 2) { GroupEnded = ended });
        return string.Join('|', drawn.SelectMany(g => g).Select(r => $"{string.Join(',', r.Tokens)} {string.Join(',', r.LogProbs)}"));
    }

    /// <summary>The same drawn alone.</summary>
    public string Alone()
    {
        using var host = new CpuBackend(1);
        return Draw(host);
    }

    /// <summary>Changes the weights as an update would.</summary>
    public void Update()
    {
        model.Policy.Trainable[0].Buffer.Span[0] += 0.25f;
        model.Policy.Updates++;
    }

    /// <summary>Puts the weights on the trainer's shelf; gives their hash.</summary>
    public string Lend(ClusterBackend trainer) => trainer.Shelf.Lend(model.Policy, trainer.Node.Address).Content;

    /// <summary>Whether a worker is usable within some seconds.</summary>
    public static bool FindsWorker(ClusterBackend backend, double seconds) => Within(seconds, () => backend.Pool.Usable().Count > 0);

    /// <summary>Whether the trainer says something within some seconds.</summary>
    public bool Hears(string word, double seconds) => Within(seconds, () =>
    {
        lock (Warnings)
            return Warnings.Any(w => w.Contains(word, StringComparison.Ordinal));
    });

    public void Dispose()
    {
        end.Cancel();
        try
        {
            Task.WaitAll([.. workers], Patience);
        }
        catch (AggregateException)
        {
            // Those that were refused.
        }
        model.Dispose();
        end.Dispose();
        tiny.Dispose();
        Directory.Delete(members, recursive: true);
    }

    private static bool Within(double seconds, Func<bool> happens)
    {
        for (var began = Stopwatch.GetTimestamp(); !happens(); Thread.Sleep(20))
            if (Stopwatch.GetElapsedTime(began).TotalSeconds >= seconds)
                return false;
        return true;
    }

    // In memory where the system has such a folder: a disk that is busy with other things holds nobody up there.
    private static string MembersFolder() => Directory.Exists("/dev/shm")
        ? Directory.CreateDirectory($"/dev/shm/g2rl-{Guid.NewGuid():N}").FullName
        : Directory.CreateTempSubdirectory("g2rl-members-").FullName;

    // What the machine was at when something took too long.
    private static string Machine()
    {
        var said = new List<string>
        {
            $"thread pool: {ThreadPool.ThreadCount} threads, {ThreadPool.PendingWorkItemCount} waiting",
        };
        foreach (var file in new[] { "/proc/loadavg", "/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory" })
            if (File.Exists(file))
                said.Add($"{file}: {File.ReadAllText(file).Trim()}");
        return string.Join('\n', said);
    }
}
