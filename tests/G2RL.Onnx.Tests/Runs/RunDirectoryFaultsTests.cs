using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Tests.Runs;

/// <summary>Folders that cannot be used: what is said, and what is left of them.</summary>
[TestClass]
public sealed class RunDirectoryFaultsTests : IDisposable
{
    private const string Unbegun = "Nothing was begun. Make room or correct its permissions and give the same command again, or choose "
        + "another folder with --run or --set output=FOLDER.";

    private readonly Scratch scratch = new();

    public void Dispose() => scratch.Dispose();

    [TestMethod]
    [DataRow(true, "--run")]
    [DataRow(false, "output")]
    public void Create_WhereAFileLies_NamesTheOption(bool given, string option)
    {
        var path = In("file");
        File.WriteAllText(path, "mine");
        Assert.AreEqual(
            $"The run folder {path} cannot be used: it is a file, and {option} must be a folder. Choose another with --run or --set "
                + "output=FOLDER.",
            Fault(() => given
                ? RunDirectory.Create(new() { Output = In("elsewhere") }, TimeProvider.System, path)
                : RunDirectory.Create(new() { Output = path }, TimeProvider.System)));
        Assert.AreEqual("mine", File.ReadAllText(path));
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void Create_BelowAFile_SaysThatNothingWasBegun(bool given)
    {
        File.WriteAllText(In("file"), "");
        var path = In("file/sub");
        var fault = Fault(() => given
            ? RunDirectory.Create(new() { Output = In("elsewhere") }, TimeProvider.System, path)
            : RunDirectory.Create(new() { Output = path }, TimeProvider.System));
        StringAssert.StartsWith(fault, $"The run folder {path} cannot be used: ");
        StringAssert.EndsWith(fault, " " + Unbegun);
    }

    [TestMethod]
    public void Create_FolderOfSomebody_IsLeftAsItIs()
    {
        Directory.CreateDirectory(In("mine"));
        File.WriteAllText(In("mine/b"), "");
        File.WriteAllText(In("mine/a"), "");
        Assert.AreEqual(
            $"{In("mine")} is not empty (it holds a); a run needs a folder of its own. Choose another.",
            Fault(() => RunDirectory.Create(new(), TimeProvider.System, In("mine"))));
        Assert.IsTrue(File.Exists(In("mine/a")) && File.Exists(In("mine/b")));
        StringAssert.StartsWith(
            Fault(() => RunDirectory.Resume(In("mine"), null)), $"{In("mine")} holds no run. Give the folder of a run, for example runs/");
    }

    // Models have a config.json, too.
    [TestMethod]
    [DataRow("", false)]
    [DataRow(".lock", true)]
    [DataRow("checkpoints/step-000001/x", true)]
    public void ConfigOf_FolderWithAConfiguration_IsARunByItsLockOrCheckpoints(string more, bool isRun)
    {
        Directory.CreateDirectory(In("some"));
        File.WriteAllText(In("some/config.json"), "{}");
        if (more.Length > 0)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(In($"some/{more}"))!);
            File.WriteAllText(In($"some/{more}"), "");
        }
        if (isRun)
            Assert.AreEqual(In("some/config.json"), RunDirectory.ConfigOf(In("some")));
        else
            Assert.ThrowsExactly<InputException>(() => RunDirectory.ConfigOf(In("some")));
    }

    [TestMethod]
    public void Append_DiskRefuses_SaysHowToGoOn()
    {
        using var run = RunDirectory.Create(new(), TimeProvider.System, In("run"));
        Assert.IsTrue(Directory.Exists(In("run/checkpoints")) && Directory.Exists(In("run/rollouts")));
        Directory.CreateDirectory(run.MetricsPath);
        WayOut("(no step is saved yet)");
        Directory.CreateDirectory(In("run/checkpoints/step-000004"));
        WayOut("from step 4, which is saved,");

        void WayOut(string saved)
        {
            var fault = Assert.ThrowsExactly<InputException>(() => run.Append(new StepMetrics(1))).Message;
            StringAssert.StartsWith(fault, $"The run folder {In("run")} cannot be used: ");
            StringAssert.EndsWith(
                fault,
                $" Make room or correct its permissions, then go on {saved} with: g2rl export-and-train --resume {In("run")}. A run that "
                    + "is given up can be removed with its folder.");
        }
    }

    // found: the folder was there before; work: an evaluation was made.
    [TestMethod]
    [DataRow(false, false, false)]
    [DataRow(true, false, true)]
    [DataRow(false, true, true)]
    public void Abandon_RunWithoutWork_LeavesWhatWasThereBefore(bool found, bool work, bool remains)
    {
        if (found)
            Directory.CreateDirectory(In("run"));
        using (var run = RunDirectory.Create(new(), TimeProvider.System, In("run")))
        {
            if (work)
                run.AppendEvaluation(new() { ["step"] = 0 });
            // What a write that was cut short leaves.
            File.WriteAllText(In("run/config.json.tmp"), "{");
            Directory.CreateDirectory(In("run/artifacts.tmp"));
            run.Abandon();
        }
        Assert.AreEqual(remains, Directory.Exists(In("run")));
        if (remains)
            Assert.AreEqual(work, Directory.EnumerateFileSystemEntries(In("run")).Any());
        if (!work)
            return;
        // One that goes on is never taken back.
        using var resumed = RunDirectory.Resume(In("run"), null);
        File.Delete(resumed.EvaluationsPath);
        resumed.Abandon();
        Assert.IsTrue(File.Exists(In("run/config.json")));
    }

    private static string Fault(Func<object?> act) => Assert.ThrowsExactly<InputException>(act).Message;

    private string In(string name) => Path.Combine(scratch.Path, name);
}
