namespace G2RL.Onnx.Configuration;

/// <summary>
/// Who else computes: the workers of a cluster (docs/scale.md). Results do not depend on it: the same run on one machine gives the same
/// bytes, unless a setting says otherwise.
/// </summary>
public sealed record DistributionConfig
{
    /// <summary>Names that <see cref="Share"/> may hold.</summary>
    internal static readonly string[] Kinds = ["rollouts", "scores", "gradients"];

    /// <summary>
    /// Where members of the cluster find each other: empty (this process computes alone), folder:PATH (a folder that all of them share),
    /// redis:CONNECTION or postgres:CONNECTION (connection strings of StackExchange.Redis and Npgsql; the text env:NAME stands for a
    /// variable that holds one).
    /// </summary>
    public string Membership { get; init; } = "";

    /// <summary>Name of the cluster; members of another one are not spoken to.</summary>
    public string ClusterId { get; init; } = "g2rl";

    /// <summary>Address and port on which other members reach this process; port 0 takes a free one.</summary>
    public string Listen { get; init; } = "127.0.0.1:0";

    /// <summary>What workers do: rollouts, scores, gradients (see training.gradientShards).</summary>
    public IReadOnlyList<string> Share { get; init; } = ["rollouts", "scores"];

    /// <summary>Workers that are waited for before the first work, 0 or more.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>How long they are waited for, seconds; then whoever is there begins.</summary>
    public double WaitSeconds { get; init; } = 60;

    /// <summary>Groups of a draw that travel together, >= 1; 0 takes as many as give every worker three pieces.</summary>
    public int GroupsPerPiece { get; init; }

    /// <summary>
    /// Pieces that a worker holds at once, >= 1: the second waits there, so that no worker idles for the length of a message.
    /// </summary>
    public int PiecesPerWorker { get; init; } = 2;

    /// <summary>A piece that has not come back after so many seconds is given up there and done again, > 0.</summary>
    public double PieceSeconds { get; init; } = 600;

    /// <summary>
    /// How long a worker that is told to stop may go on with its piece, seconds; then, as all that waits there, the piece is handed back.
    /// </summary>
    public double DrainSeconds { get; init; } = 20;

    /// <summary>What happens without workers.</summary>
    public WhenAlone WhenAlone { get; init; } = WhenAlone.ComputeHere;

    /// <summary>How long no worker may be there before that happens, seconds.</summary>
    public double AloneSeconds { get; init; } = 5;

    /// <summary>How weights reach workers.</summary>
    public WeightTransfer Weights { get; init; } = WeightTransfer.Auto;

    /// <summary>Folder that trainer and workers share for <c>weights=file</c>, for example /dev/shm/g2rl on one machine.</summary>
    public string WeightsFolder { get; init; } = "";

    /// <summary>
    /// With <c>weights=delta</c>: after so many differences one after the other a version goes whole, 1 to 1000. A worker that is further
    /// behind fetches the weights whole.
    /// </summary>
    public int FullEvery { get; init; } = 16;

    /// <summary>Share of the groups in [0, 1] that the trainer draws a second time itself; a byte that differs ends the run.</summary>
    public double AuditShare { get; init; }

    /// <summary>
    /// Differences between worker and trainer that are allowed although results may then depend on who computes: build, runtime, processor,
    /// probe, threads.
    /// </summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    /// <summary>
    /// This member's certificate with its key (.pfx, or .pem with both); needed unless <see cref="Listen"/> is loopback.
    /// </summary>
    public string Certificate { get; init; } = "";

    /// <summary>The certificate of the authority that every member's certificate must come from.</summary>
    public string Authority { get; init; } = "";

    /// <summary>Whether there is anybody else.</summary>
    internal bool IsOn => Membership.Length > 0;

    /// <summary>Whether all members are on this machine.</summary>
    internal bool IsLocal => System.Net.IPEndPoint.TryParse(Listen, out var at) && System.Net.IPAddress.IsLoopback(at.Address);

    /// <summary>All faults.</summary>
    internal IEnumerable<string> Faults()
    {
        string[] places = ["folder:", "redis:", "postgres:"];
        if (IsOn && !places.Any(p => Membership.StartsWith(p, StringComparison.Ordinal)))
            yield return $"distribution.membership is '{Membership}'; it must be empty, folder:PATH, redis:CONNECTION or "
                + "postgres:CONNECTION.";
        if (!System.Net.IPEndPoint.TryParse(Listen, out var endpoint))
            yield return $"distribution.listen is '{Listen}'; it must be an address with a port, such as 10.0.0.5:11111 or 127.0.0.1:0.";
        else if (IsOn && !System.Net.IPAddress.IsLoopback(endpoint.Address) && (Certificate.Length == 0 || Authority.Length == 0))
            yield return $"distribution.listen is {Listen}, which others on the network reach; members then prove who they are: give "
                + "distribution.certificate and distribution.authority (make them with: g2rl cluster certificate), or listen on 127.0.0.1.";
        if (ClusterId.Length == 0)
            yield return "distribution.clusterId is empty; it must be a name.";
        if (Share.FirstOrDefault(s => !Kinds.Contains(s)) is { } unknown)
            yield return $"distribution.share holds '{unknown}'; there are: {string.Join(", ", Kinds)}.";
        if (Workers < 0)
            yield return $"distribution.workers is {Workers}; it must be 0 or more.";
        foreach (var (value, name, zero) in new[]
        {
            (WaitSeconds, "waitSeconds", true), (PieceSeconds, "pieceSeconds", false), (AloneSeconds, "aloneSeconds", true),
            (DrainSeconds, "drainSeconds", true),
        })
            if (!(value >= 0 && value <= 1e6 && (zero || value > 0)))
                yield return $"distribution.{name} is {value}; it must be {(zero ? "0" : "above 0")} to 1000000 seconds.";
        if (GroupsPerPiece < 0)
            yield return $"distribution.groupsPerPiece is {GroupsPerPiece}; it must be 1 or more, or 0 for as many as fit.";
        if (PiecesPerWorker is < 1 or > 100)
            yield return $"distribution.piecesPerWorker is {PiecesPerWorker}; it must be 1 to 100.";
        if (!(AuditShare is >= 0 and <= 1))
            yield return $"distribution.auditShare is {AuditShare}; it must lie in [0, 1].";
        if (FullEvery is < 1 or > 1000)
            yield return $"distribution.fullEvery is {FullEvery}; it must be 1 to 1000.";
        if (Weights == WeightTransfer.File && WeightsFolder.Length == 0)
            yield return "distribution.weights is file and distribution.weightsFolder is empty; "
                + "name a folder that trainer and workers share.";
        string[] allowed = ["build", "runtime", "processor", "probe", "threads"];
        if (Allow.FirstOrDefault(a => !allowed.Contains(a)) is { } other)
            yield return $"distribution.allow holds '{other}'; there are: {string.Join(", ", allowed)}.";
    }
}

/// <summary>What a trainer does when no worker is there.</summary>
public enum WhenAlone
{
    /// <summary>It computes itself until one comes.</summary>
    ComputeHere,

    /// <summary>It saves and ends; the run can be resumed.</summary>
    Stop,
}

/// <summary>How weights reach workers.</summary>
public enum WeightTransfer
{
    /// <summary>Over the connection, in pieces.</summary>
    Message,

    /// <summary>
    /// By a file in a folder that trainer and workers share: shared memory on one machine, a network folder between several.
    /// </summary>
    File,

    /// <summary>
    /// What differs from the version that a worker has, without loss: about half of the bytes in float32, 1 to 2 % where the weights that
    /// draw are rounded (sampling.weights=bfloat16). The trainer keeps one copy of the weights more.
    /// </summary>
    Delta,

    /// <summary>
    /// By a file in shared memory (/dev/shm) where <c>distribution.listen</c> is loopback, so that all members are on this machine, and
    /// there is room; else over the connection.
    /// </summary>
    Auto,
}
