namespace G2RL.Onnx.Cli.Tests.Commands;

/// <summary>What a command line says of itself, and of what cannot be read of one.</summary>
[TestClass]
public sealed class CommandLineTests
{
    [TestMethod]
    [DataRow]
    [DataRow("help")]
    [DataRow("--help")]
    [DataRow("version")]
    public void Call_ForHelp_ListsTheCommands(params string[] arguments)
    {
        var result = G2rlProcess.Call(arguments).Exits(0);
        foreach (var command in new[] { "export-and-train", "sample", "tokenize", "runs", "doctor" })
            Assert.Contains(command, result.Output);
        Assert.AreEqual("", result.Error);
    }

    [TestMethod]
    public void Call_ForTheListOfCommands_GivesEachASentence()
    {
        var list = G2rlProcess.Call("help").Exits(0).Output;
        Assert.IsLessThan(80, list.Split('\n').Length, list);
        Assert.Contains("g2rl COMMAND --help", list);
        Assert.Contains("The runs on this disk", list);
        Assert.DoesNotContain("g2rl runs prune", list);
        Assert.Contains("g2rl runs prune", G2rlProcess.Call("help", "runs").Exits(0).Output);
    }

    [TestMethod]
    public void Help_OfACommand_IsThatCommands()
    {
        Assert.AreEqual(G2rlProcess.Call("sample", "--help").Output, G2rlProcess.Call("help", "sample").Exits(0).Output);
        Assert.AreEqual(G2rlProcess.Call("runs", "prune", "--help").Output, G2rlProcess.Call("help", "runs", "prune").Exits(0).Output);
    }

    [TestMethod]
    [DataRow("smaple", "There is no command 'smaple'. Did you mean sample?")]
    [DataRow("evalaute --model x", "There is no command 'evalaute'. Did you mean evaluate?")]
    [DataRow("zzzzzz", "There are: export-and-train")]
    [DataRow("sample --modle x", "g2rl sample has no option '--modle'. Did you mean --model?")]
    [DataRow("sample --maxnewtokens=4", "Did you mean --max-new-tokens?")]
    [DataRow("sample --threads many", "--threads is 'many'; it must be a whole number")]
    [DataRow("sample --temperature warm", "--temperature is 'warm'; it must be a number")]
    [DataRow("adapter", "g2rl adapter needs one of its commands: merge, onnx.")]
    [DataRow("adapter marge", "There is no command 'adapter marge'. Did you mean merge?")]
    [DataRow("export-and-train --set sampling.grupSize=8", "Nearest: sampling.groupSize")]
    [DataRow("export-and-train --set grupSize=8", "Nearest: sampling.groupSize.")]
    [DataRow("export-and-train --set stepz=8", "there is no setting 'stepz'. Nearest: steps.")]
    [DataRow("export-and-train --set seed=1 surplus=2", "surplus=2")]
    public void CommandLine_Mistyped_SaysWhatWasMeant(string typed, string said)
    {
        var result = G2rlProcess.Call(typed.Split(' '));
        result.Refuses(said);
        Assert.AreEqual("", result.Output);
    }

    [TestMethod]
    public void Suggestions_OfTheShell_AreCommandsOptionsAndSettings()
    {
        Assert.AreEqual("--max-new-tokens", G2rlProcess.Call("[suggest:21]", "g2rl sample --max-new").Exits(0).Output.Trim());
        Assert.Contains("sampling.groupSize=", G2rlProcess.Call("[suggest:36]", "g2rl export-and-train --set sampling").Exits(0).Output);
    }
}
