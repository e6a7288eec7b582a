using G2RL.Onnx.Training.Checkpointing;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class CheckpointStoreTests
{
    [TestMethod]
    public void Save_DiskTooFull_WritesNothingAndKeepsTheOlderOnes()
    {
        using var folder = new Scratch();
        var free = 10L << 20;
        var store = new CheckpointStore(folder.Path, 2, _ => free);
        store.Save(1, 1000, Writer("one"));
        free = 1L << 20;
        var message = Assert.ThrowsExactly<InputException>(() => store.Save(2, 4 << 20, Writer("two"))).Message;
        // 4 MiB, a twentieth and 1 MiB more.
        StringAssert.Contains(message, "needs 5.2 MiB");
        StringAssert.Contains(message, "1 MiB are free");
        Assert.AreEqual(1, store.Latest()!.Value.Step);
        Assert.HasCount(1, Directory.GetFileSystemEntries(folder.Path));
    }

    [TestMethod]
    public void Save_WriteFails_LeavesNothingAside()
    {
        using var folder = new Scratch();
        var store = new CheckpointStore(folder.Path, 2);
        store.Save(1, 1000, Writer("one"));
        var message = Assert.ThrowsExactly<InputException>(() => store.Save(2, 1000, aside =>
        {
            Writer("two")(aside);
            throw new IOException("No space left on device.");
        })).Message;
        StringAssert.Contains(message, "No space left on device. Older checkpoints are whole; go on with --resume.");
        Assert.AreEqual(1, store.Latest()!.Value.Step);
        Assert.HasCount(1, Directory.GetFileSystemEntries(folder.Path));
    }

    [TestMethod]
    public void Save_ManyTimes_KeepsTheLastOnes()
    {
        using var folder = new Scratch();
        var store = new CheckpointStore(folder.Path, 2);
        for (var step = 1; step <= 5; step++)
            store.Save(step, 1000, Writer($"{step}"));
        CollectionAssert.AreEqual(new[] { "step-000004", "step-000005" }, Names(folder));
    }

    [TestMethod]
    public void Save_AfterALaterOneBroke_KeepsTheNewAndDropsTheBroken()
    {
        using var folder = new Scratch();
        var store = new CheckpointStore(folder.Path, 1);
        store.Save(2, 1000, Writer("two"));
        Directory.CreateDirectory(Path.Combine(folder.Path, "step-000004"));
        var warnings = new List<string>();
        Assert.AreEqual(2, store.Latest(warnings.Add)!.Value.Step);
        StringAssert.Contains(warnings.Single(), "step-000004 is passed over");
        store.Save(3, 1000, Writer("three"));
        CollectionAssert.AreEqual(new[] { "step-000003" }, Names(folder));
        Assert.AreEqual(3, store.Latest()!.Value.Step);
    }

    // Folders of somebody else, shorter names among them, are neither counted nor removed.
    [TestMethod]
    public void Save_BesideFoldersOfOtherNames_LeavesThem()
    {
        using var folder = new Scratch();
        var store = new CheckpointStore(folder.Path, 1);
        foreach (var name in new[] { "old", "best-000001", "step-best", "step-" })
            Directory.CreateDirectory(Path.Combine(folder.Path, name));
        for (var step = 1; step <= 3; step++)
            store.Save(step, 1000, Writer($"{step}"));
        CollectionAssert.AreEqual(new[] { "best-000001", "old", "step-", "step-000003", "step-best" }, Names(folder));
        Assert.AreEqual((3, 3), (store.Latest()!.Value.Step, store.Newest));
    }

    // What an interrupted save left aside is no part of the next one.
    [TestMethod]
    public void Save_AfterAKilledSave_HoldsItsOwnFilesAlone()
    {
        using var folder = new Scratch();
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder.Path, ".tmp-step-000001")).FullName, "old"), "x");
        new CheckpointStore(folder.Path, 1).Save(1, 1000, Writer("one"));
        CollectionAssert.AreEquivalent(
            new[] { "data", "state.json" },
            Directory.GetFiles(Path.Combine(folder.Path, "step-000001")).Select(Path.GetFileName).ToArray());
    }

    [TestMethod]
    [DataRow(0, true)]
    [DataRow(1, false)]
    public void Save_DiskOfExactlyTheSize_IsEnough(int less, bool enough)
    {
        using var folder = new Scratch();
        var store = new CheckpointStore(folder.Path, 1, _ => (1 << 20) - less);
        if (enough)
            store.Save(1, bytes: 0, Writer("one"));
        else
            Assert.ThrowsExactly<InputException>(() => store.Save(1, bytes: 0, Writer("one")));
        Assert.AreEqual(enough, store.Any);
    }

    [TestMethod]
    public void Latest_StateOfNoFile_PassesOver()
    {
        using var folder = new Scratch();
        var step = Directory.CreateDirectory(Path.Combine(folder.Path, "step-000003")).FullName;
        File.WriteAllText(Path.Combine(step, "state.json"), """{"step":3,"files":{}}""");
        var warnings = new List<string>();
        Assert.IsNull(new CheckpointStore(folder.Path, 1).Latest(warnings.Add));
        Assert.AreEqual($"{step} is passed over: its state.json names no file.", warnings.Single());
    }

    [TestMethod]
    public void Latest_OneByteChanged_PassesOver()
    {
        using var folder = new Scratch();
        var store = new CheckpointStore(folder.Path, 3);
        store.Save(1, 1000, Writer("one"));
        store.Save(2, 1000, Writer("two"));
        File.WriteAllText(Path.Combine(folder.Path, "step-000002", "data"), "tvo");
        Assert.AreEqual(1, store.Latest()!.Value.Step);
        File.Delete(Path.Combine(folder.Path, "step-000001", "state.json"));
        Assert.IsNull(store.Latest());
    }

    [TestMethod]
    public void Latest_StateNamingAFileElsewhere_PassesOver()
    {
        using var folder = new Scratch();
        var store = new CheckpointStore(Path.Combine(folder.Path, "checkpoints"), 3);
        store.Save(1, 1000, Writer("one"));
        var state = Path.Combine(folder.Path, "checkpoints", "step-000001", "state.json");
        // Its hash is right, but it lies outside: somebody else's file would be taken for the weights.
        File.WriteAllText(Path.Combine(folder.Path, "data"), "one");
        File.WriteAllText(state, File.ReadAllText(state).Replace("\"data\"", "\"../../data\"", StringComparison.Ordinal));
        File.Delete(Path.Combine(folder.Path, "checkpoints", "step-000001", "data"));
        var warnings = new List<string>();
        Assert.IsNull(store.Latest(warnings.Add));
        StringAssert.Contains(warnings.Single(), "../../data is not as it was written");
    }

    [TestMethod]
    public void RemoveLeftovers_AfterAKilledSave_RemovesOnlyThose()
    {
        using var folder = new Scratch();
        var store = new CheckpointStore(folder.Path, 3);
        store.Save(1, 1000, Writer("one"));
        Writer("torn")(Directory.CreateDirectory(Path.Combine(folder.Path, ".tmp-step-000002")).FullName);
        store.RemoveLeftovers();
        CollectionAssert.AreEqual(new[] { "step-000001" }, Names(folder));
    }

    [TestMethod]
    public void RequireRoom_CountsWhatIsToComeAndTheExport()
    {
        using var folder = new Scratch();
        var free = 0L;
        var store = new CheckpointStore(folder.Path, 2, _ => free);
        // Two are kept and a third is whole before the first goes; each 20 MiB, a twentieth and 1 MiB more: 3 x 22 + 8 = 74 MiB.
        free = (74L << 20) - 1;
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => store.RequireRoom(20 << 20, 9, 8 << 20)).Message, "needs 74 MiB");
        free = 74L << 20;
        store.RequireRoom(20 << 20, 9, 8 << 20);
        // Only one is to come: 22 + 8.
        free = 30L << 20;
        store.RequireRoom(20 << 20, 1, 8 << 20);
        free = 100L << 20;
        store.Save(1, 1000, Writer("one"));
        store.Save(2, 1000, Writer("two"));
        // Two are there: one more, and the export.
        free = 30L << 20;
        store.RequireRoom(20 << 20, 9, 8 << 20);
        free--;
        Assert.ThrowsExactly<InputException>(() => store.RequireRoom(20 << 20, 9, 8 << 20));
    }

    private static Action<string> Writer(string text) => aside => File.WriteAllText(Path.Combine(aside, "data"), text);

    private static string[] Names(Scratch folder) => [.. Directory.GetFileSystemEntries(folder.Path)
        .Select(p => Path.GetFileName(p)!)
        .Order(StringComparer.Ordinal)];
}

/// <summary>A temporary folder.</summary>
internal sealed class Scratch : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("g2rl-test-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
