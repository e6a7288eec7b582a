using System.Text.Json;

namespace G2RL.Onnx.Cluster.Hosting;

/// <summary>
/// The table of members as a file in a folder that all of them share: no server is needed, and any member may end and come again. Changes
/// are made under a lock file and put in place by renaming, so a reader never sees half a table.
/// </summary>
/// <param name="folder">The folder; made when it is missing.</param>
/// <param name="clusterId">Name of the cluster.</param>
/// <param name="time">For waiting.</param>
internal sealed class FolderStore(string folder, string clusterId, TimeProvider time) : IMemberStore
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string path = Path.Combine(folder, $"{clusterId}.members.json");
    private readonly SemaphoreSlim own = new(1);

    public Task Open()
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

    public async Task<MemberTable> Read()
    {
        for (var began = time.GetTimestamp(); ; await Task.Delay(20))
            try
            {
                return File.Exists(path)
                    ? JsonSerializer.Deserialize<MemberTable>(await File.ReadAllTextAsync(path)) ?? MemberTable.Empty
                    : MemberTable.Empty;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException && time.GetElapsedTime(began) < Patience)
            {
                // Somebody is at it.
            }
    }

    public async Task<bool> Change(Func<MemberTable, MemberTable?> change)
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

    public void Dispose() => own.Dispose();

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
