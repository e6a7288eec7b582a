using System.Text;

namespace G2RL.Onnx.Training.Checkpointing;

/// <summary>
/// Keeps a folder to one process. The operating system drops the lock with the process, however it ends, so nothing is ever left locked.
/// The file itself stays: removing it would let a process that has just opened it and one that makes it anew both believe that they hold
/// it.
/// </summary>
internal sealed class FolderLock : IDisposable
{
    /// <summary>The lock's file, the only entry that a folder may have before a run begins in it.</summary>
    public const string FileName = ".lock";

    private readonly FileStream file;

    private FolderLock(FileStream file) => this.file = file;

    /// <summary>Takes the lock, or gives null when another process has it.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static FolderLock? TryTake(string folder) => TryTakeFile(Path.Combine(folder, FileName));

    /// <summary>The same of one file in a folder of anybody's, by a file of the lock beside it.</summary>
    /// <inheritdoc cref="TryTake"/>
    public static FolderLock? TryTakeFile(string path)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (IsHeld(e))
        {
            return null;
        }
        // For a person who looks; nothing reads it.
        stream.SetLength(0);
        stream.Write(Encoding.UTF8.GetBytes($"{Environment.ProcessId}\n"));
        return new(stream);
    }

    /// <summary>Whether a process holds the lock; only looks.</summary>
    public static bool IsHeld(string folder)
    {
        try
        {
            using var look = new FileStream(Path.Combine(folder, FileName), FileMode.Open, FileAccess.Read, FileShare.None, bufferSize: 0);
            return false;
        }
        catch (IOException e)
        {
            return e is not (FileNotFoundException or DirectoryNotFoundException) && IsHeld(e);
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Takes the lock.</summary>
    /// <exception cref="InputException">Another process has it.</exception>
    public static FolderLock Take(string folder) => TryTake(folder)
        ?? throw new InputException($"Another process is at work in {folder} (it holds {Path.Combine(folder, FileName)}). "
            + "Wait for it, or choose another folder.");

    /// <summary>
    /// Gives the lock up together with its file: for a folder that goes. Where that is possible the file goes while the lock is held, so
    /// that whoever has opened it finds it held, and whoever comes later makes another.
    /// </summary>
    public void Remove()
    {
        var path = file.Name;
        if (OperatingSystem.IsWindows())
            file.Dispose();
        File.Delete(path);
        file.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    // ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION; elsewhere EWOULDBLOCK of Linux and of macOS.
    private static bool IsHeld(IOException e) => OperatingSystem.IsWindows() ? (e.HResult & 0xFFFF) is 32 or 33 : e.HResult is 11 or 35;
}
