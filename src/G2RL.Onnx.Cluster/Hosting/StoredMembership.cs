using System.Globalization;

namespace G2RL.Onnx.Cluster.Hosting;

/// <summary>A member in the table.</summary>
internal sealed record MemberRow(
    string Silo,
    string Status,
    string Suspects,
    int Gateway,
    string Host,
    string Name,
    DateTime Started,
    DateTime Alive,
    int Version);

/// <summary>The table of members.</summary>
internal sealed record MemberTable(int Version, MemberRow[] Rows)
{
    /// <summary>Nobody.</summary>
    public static MemberTable Empty { get; } = new(0, []);
}

/// <summary>Where the table lies.</summary>
internal interface IMemberStore : IDisposable
{
    /// <summary>Makes what it needs.</summary>
    /// <exception cref="InputException">It cannot be used.</exception>
    Task Open();

    /// <summary>The table as it is.</summary>
    Task<MemberTable> Read();

    /// <summary>Changes it, while nobody else does.</summary>
    /// <param name="change">Gives the new table; null changes nothing and tells that the caller's view was old.</param>
    Task<bool> Change(Func<MemberTable, MemberTable?> change);
}

/// <summary>Orleans' membership in a table that is read and written as a whole: a cluster has few members.</summary>
internal sealed class StoredMembership(IMemberStore store) : IMembershipTable, IDisposable
{
    public Task InitializeMembershipTable(bool tryInitTableVersion) => store.Open();

    public Task DeleteMembershipTableEntries(string id) => store.Change(_ => MemberTable.Empty);

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => store.Change(t => t with
    {
        Rows = [.. t.Rows.Where(r => r.Status != nameof(SiloStatus.Dead) || r.Alive >= beforeDate.UtcDateTime)],
    });

    public async Task<MembershipTableData> ReadRow(SiloAddress key) => Data(await store.Read(), key.ToParsableString());

    public async Task<MembershipTableData> ReadAll() => Data(await store.Read(), null);

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => store.Change(t =>
        t.Version != tableVersion.Version - 1 || t.Rows.Any(r => r.Silo == entry.SiloAddress.ToParsableString())
            ? null
            : new(tableVersion.Version, [.. t.Rows, Of(entry, 0)]));

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => store.Change(t =>
    {
        var at = Array.FindIndex(t.Rows, r => r.Silo == entry.SiloAddress.ToParsableString());
        if (t.Version != tableVersion.Version - 1 || at < 0 || t.Rows[at].Version.ToString(CultureInfo.InvariantCulture) != etag)
            return null;
        MemberRow[] rows = [.. t.Rows];
        rows[at] = Of(entry, rows[at].Version + 1);
        return new(tableVersion.Version, rows);
    });

    public Task UpdateIAmAlive(MembershipEntry entry) => store.Change(t => t with
    {
        Rows = [.. t.Rows.Select(r => r.Silo == entry.SiloAddress.ToParsableString() ? r with { Alive = entry.IAmAliveTime } : r)],
    });

    public void Dispose() => store.Dispose();

    private static MemberRow Of(MembershipEntry e, int version) => new(
        e.SiloAddress.ToParsableString(),
        e.Status.ToString(),
        string.Join(' ', (e.SuspectTimes ?? []).Select(s => $"{s.Item1.ToParsableString()}|{s.Item2:O}")),
        e.ProxyPort,
        e.HostName,
        e.SiloName,
        e.StartTime,
        e.IAmAliveTime,
        version);

    private static MembershipTableData Data(MemberTable table, string? only) => new(
        [.. table.Rows.Where(r => only is null || r.Silo == only).Select(r => Tuple.Create(Entry(r), Text(r.Version)))],
        new TableVersion(table.Version, Text(table.Version)));

    private static MembershipEntry Entry(MemberRow r) => new()
    {
        SiloAddress = SiloAddress.FromParsableString(r.Silo),
        Status = Enum.Parse<SiloStatus>(r.Status),
        SuspectTimes =
        [
            .. r.Suspects.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(s => s.Split('|')).Select(s => Tuple.Create(
                SiloAddress.FromParsableString(s[0]),
                DateTime.Parse(s[1], CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind))),
        ],
        ProxyPort = r.Gateway,
        HostName = r.Host,
        SiloName = r.Name,
        RoleName = "g2rl",
        StartTime = r.Started,
        IAmAliveTime = r.Alive,
    };

    private static string Text(int version) => version.ToString(CultureInfo.InvariantCulture);
}
