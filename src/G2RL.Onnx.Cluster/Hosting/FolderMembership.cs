using System.Globalization;
using System.Text.Json;

namespace G2RL.Onnx.Cluster.Hosting;

/// <summary>
/// The table of members as a file in a folder that all of them share: no server is needed, and any member may end and come again. Changes
/// are made under a lock file and put in place by renaming, so a reader never sees half a table.
/// </summary>
/// <param name="folder">The folder; made when it is missing.</param>
/// <param name="clusterId">Name of the cluster.</param>
/// <param name="time">For waiting.</param>
internal sealed class FolderMembership(string folder, string clusterId, TimeProvider time) : IMembershipTable, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string path = Path.Combine(folder, $"{clusterId}.members.json");
    private readonly SemaphoreSlim own = new(1);

    /// <summary>A row of the file.</summary>
    public sealed record Row(
        string Silo,
        string Status,
        string Suspects,
        int Gateway,
        string Host,
        string Name,
        DateTime Started,
        DateTime Alive,
        int Version);

    /// <summary>The file.</summary>
    public sealed record Table(int Version, Row[] Rows);

    public Task InitializeMembershipTable(bool tryInitTableVersion)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"distribution.membership folder:{folder} cannot be made: {e.Message}", e);
        }
        return Task.CompletedTask;
    }

    public Task DeleteMembershipTableEntries(string id) => Change(_ => new(0, []));

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => Change(t => t with
    {
        Rows = [.. t.Rows.Where(r => r.Status != nameof(SiloStatus.Dead) || r.Alive >= beforeDate.UtcDateTime)],
    });

    public async Task<MembershipTableData> ReadRow(SiloAddress key) => Data(await Read(), key.ToParsableString());

    public async Task<MembershipTableData> ReadAll() => Data(await Read(), null);

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => Change(t =>
        t.Version != tableVersion.Version - 1 || t.Rows.Any(r => r.Silo == entry.SiloAddress.ToParsableString())
            ? null
            : new(tableVersion.Version, [.. t.Rows, Of(entry, 0)]));

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => Change(t =>
    {
        var at = Array.FindIndex(t.Rows, r => r.Silo == entry.SiloAddress.ToParsableString());
        if (t.Version != tableVersion.Version - 1 || at < 0 || t.Rows[at].Version.ToString(CultureInfo.InvariantCulture) != etag)
            return null;
        Row[] rows = [.. t.Rows];
        rows[at] = Of(entry, rows[at].Version + 1);
        return new(tableVersion.Version, rows);
    });

    public Task UpdateIAmAlive(MembershipEntry entry) => Change(t => t with
    {
        Rows = [.. t.Rows.Select(r => r.Silo == entry.SiloAddress.ToParsableString() ? r with { Alive = entry.IAmAliveTime } : r)],
    });

    public void Dispose() => own.Dispose();

    private static Row Of(MembershipEntry e, int version) => new(
        e.SiloAddress.ToParsableString(),
        e.Status.ToString(),
        string.Join(' ', (e.SuspectTimes ?? []).Select(s => $"{s.Item1.ToParsableString()}|{s.Item2:O}")),
        e.ProxyPort,
        e.HostName,
        e.SiloName,
        e.StartTime,
        e.IAmAliveTime,
        version);

    private static MembershipTableData Data(Table table, string? only) => new(
        [.. table.Rows.Where(r => only is null || r.Silo == only).Select(r => Tuple.Create(Entry(r), Text(r.Version)))],
        new TableVersion(table.Version, Text(table.Version)));

    private static MembershipEntry Entry(Row r) => new()
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

    private async Task<Table> Read()
    {
        for (var began = time.GetTimestamp(); ; await Task.Delay(20))
            try
            {
                return File.Exists(path)
                    ? JsonSerializer.Deserialize<Table>(await File.ReadAllTextAsync(path)) ?? new(0, [])
                    : new(0, []);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException && time.GetElapsedTime(began) < Patience)
            {
                // Somebody is at it.
            }
    }

    // Null changes nothing and tells that the caller's view was old.
    private async Task<bool> Change(Func<Table, Table?> change)
    {
        await own.WaitAsync();
        try
        {
            using var held = await Lock();
            if (change(await Read()) is not { } changed)
                return false;
            var next = $"{path}.{Environment.ProcessId}.tmp";
            await File.WriteAllTextAsync(next, JsonSerializer.Serialize(changed));
            File.Move(next, path, overwrite: true);
            return true;
        }
        finally
        {
            own.Release();
        }
    }

    // The system lets go of it whatever ends the process.
    private async Task<FileStream> Lock()
    {
        for (var began = time.GetTimestamp(); ; await Task.Delay(10))
            try
            {
                return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (time.GetElapsedTime(began) < Patience)
            {
                // Held by another member.
            }
    }
}
