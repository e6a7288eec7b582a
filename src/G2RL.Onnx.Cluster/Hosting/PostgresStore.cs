using System.Text.Json;
using Npgsql;

namespace G2RL.Onnx.Cluster.Hosting;

/// <summary>
/// The table of members as a row of a PostgreSQL table, which is made when it is missing: a change locks the row. Password and TLS stand in
/// the connection string (SSL Mode=VerifyFull).
/// </summary>
internal sealed class PostgresStore(string connection, string clusterId) : IMemberStore
{
    private const string Create = "CREATE TABLE IF NOT EXISTS g2rl_members (cluster_id text PRIMARY KEY, members text NOT NULL)";
    private const string Insert = "INSERT INTO g2rl_members VALUES ($1, $2) ON CONFLICT DO NOTHING";
    private const string Select = "SELECT members FROM g2rl_members WHERE cluster_id = $1";
    private const string Update = "UPDATE g2rl_members SET members = $2 WHERE cluster_id = $1";

    private readonly Lazy<NpgsqlDataSource> source = new(() => NpgsqlDataSource.Create(connection));

    public async Task Open()
    {
        try
        {
            await Run(Create);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DuplicateTable)
        {
            // Another member made it at the same moment.
        }
        catch (Exception e) when (e is NpgsqlException or ArgumentException or TimeoutException)
        {
            throw new InputException($"distribution.membership postgres cannot be used: {e.Message}", e);
        }
        await Run(Insert, clusterId, JsonSerializer.Serialize(MemberTable.Empty));
    }

    public async Task<MemberTable> Read()
    {
        await using var command = source.Value.CreateCommand(Select);
        command.Parameters.Add(new() { Value = clusterId });
        return Parse(await command.ExecuteScalarAsync());
    }

    public async Task<bool> Change(Func<MemberTable, MemberTable?> change)
    {
        await using var connected = await source.Value.OpenConnectionAsync();
        await using var transaction = await connected.BeginTransactionAsync();
        await using var select = new NpgsqlCommand(Select + " FOR UPDATE", connected, transaction);
        select.Parameters.Add(new() { Value = clusterId });
        if (change(Parse(await select.ExecuteScalarAsync())) is not { } changed)
            return false;
        await using var update = new NpgsqlCommand(Update, connected, transaction);
        update.Parameters.Add(new() { Value = clusterId });
        update.Parameters.Add(new() { Value = JsonSerializer.Serialize(changed) });
        await update.ExecuteNonQueryAsync();
        await transaction.CommitAsync();
        return true;
    }

    public void Dispose()
    {
        if (source.IsValueCreated)
            source.Value.Dispose();
    }

    private static MemberTable Parse(object? text) =>
        text is string json ? JsonSerializer.Deserialize<MemberTable>(json) ?? MemberTable.Empty : MemberTable.Empty;

    private async Task Run(string sql, params string[] values)
    {
        await using var command = source.Value.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new() { Value = value });
        await command.ExecuteNonQueryAsync();
    }
}
