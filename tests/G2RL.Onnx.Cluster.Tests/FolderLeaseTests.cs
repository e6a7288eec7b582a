using G2RL.Onnx.Cluster.Weights;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>What killed trainers leave in a shared folder is removed, and nothing else.</summary>
[TestClass]
public sealed class FolderLeaseTests
{
    private string folder = "";

    [TestInitialize]
    public void Begin() => folder = Directory.CreateTempSubdirectory("g2rl-lease-").FullName;

    [TestCleanup]
    public void End() => Directory.Delete(folder, recursive: true);

    [TestMethod]
    public void Take_DeadOwnerOfThisMachine_ItsFilesGo()
    {
        var left = Dead("kernel-1");
        File.WriteAllText(Path.Combine(folder, "other.weights"), "somebody's");
        using var next = FolderLease.Take(folder, "g2rl", "kernel-1");
        Assert.IsFalse(File.Exists(left));
        CollectionAssert.AreEquivalent(
            new[] { $"{next.Prefix}owner", Path.Combine(folder, "other.weights") },
            Directory.GetFiles(folder));
    }

    [TestMethod]
    public void Take_OwnerIsAlive_ItsFilesStayUntilItEnds()
    {
        using (var first = FolderLease.Take(folder, "g2rl", "kernel-1"))
        {
            File.WriteAllText($"{first.Prefix}1.weights", "1");
            using var second = FolderLease.Take(folder, "g2rl", "kernel-1");
            Assert.IsTrue(File.Exists($"{first.Prefix}1.weights"));
        }
        Assert.IsEmpty(Directory.GetFiles(folder));
    }

    // Its locks may not reach us.
    [TestMethod]
    public void Take_OwnerOfAnotherMachine_ItsFilesGoOnlyAfterASilence()
    {
        var left = Dead("kernel-2");
        using (FolderLease.Take(folder, "g2rl", "kernel-1"))
            Assert.IsTrue(File.Exists(left));
        foreach (var file in Directory.GetFiles(folder))
            File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddMinutes(-11));
        using (FolderLease.Take(folder, "g2rl", "kernel-1"))
            Assert.IsFalse(File.Exists(left));
        Assert.IsEmpty(Directory.GetFiles(folder));
    }

    // As a process that is killed leaves it: nobody holds the file.
    private string Dead(string machine)
    {
        var prefix = Path.Combine(folder, $"g2rl-{Guid.NewGuid():N}-");
        File.WriteAllText($"{prefix}owner", machine);
        File.WriteAllText($"{prefix}1.weights", "1");
        return $"{prefix}1.weights";
    }
}
