using System.Reflection;
using System.Runtime.Loader;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using G2RL.Onnx.Execution;
using G2RL.Onnx.TestSupport;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace G2RL.Onnx.Tests;

/// <summary>The C# program of docs/library.md, as it stands there: compiled, run, and seen to train.</summary>
[TestClass]
[DoNotParallelize]
public sealed class ReadmeExampleTests
{
    // What ImplicitUsings gives a console program.
    private const string ImplicitUsings = "global using System; global using System.Collections.Generic; global using System.IO; "
        + "global using System.Linq; global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;";

    [TestMethod]
    public void Example_OnATinyModel_TrainsOnItsOwnReward()
    {
        using var model = new TinyModel();
        var output = Path.Combine(model.Root, "runs");
        var printed = Run(Compile(Example()),
            $"model={model.Folder}", $"output={output}", "steps=40", "execution.threads=2", "training.learningRate=1e-2",
            "training.tokensPerMicrobatch=256",
            "sampling.promptsPerStep=4", "sampling.groupSize=6", "sampling.maxPromptTokens=12", "sampling.maxNewTokens=12",
            "evaluation.problems=4", "evaluation.samples=2");

        var run = Directory.GetDirectories(output).Single();
        var rewards = File.ReadLines(Path.Combine(run, "metrics.jsonl"))
            .Select(l => JsonNode.Parse(l)!["reward/mean"]!.GetValue<double>())
            .ToArray();
        Assert.HasCount(40, rewards);
        // Tiny's sums are wrong, so its reward is minus its length in hundredths: from about five characters it learns to stop at once.
        Assert.IsGreaterThan(rewards[..5].Average() + 0.03, rewards[^5..].Average());
        CollectionAssert.AreEqual(
            (int[])[0, 40],
            File.ReadLines(Path.Combine(run, "evaluations.jsonl")).Select(l => JsonNode.Parse(l)!["step"]!.GetValue<int>()).ToArray());
        using var before = Policy.Load(model.Folder, 24);
        using var after = Policy.Load(Path.Combine(run, "model"), 24);
        Assert.AreNotEqual(before.Hash(), after.Hash());
        StringAssert.Contains(printed, "step 40: reward");
        StringAssert.Contains(printed, Path.Combine(run, "model"));
    }

    [TestMethod]
    public void Sample_SampleAndScore_SaysAndThinks()
    {
        using var model = new TinyModel();
        var printed = Run(Compile(Sample("sample-and-score.cs"), "SampleAndScore"), model.Folder);
        Assert.HasCount(4, printed.Split('\n').Where(line => line.StartsWith("said ", StringComparison.Ordinal)).ToArray());
        Assert.Contains("hidden state has 16 numbers", printed);
        Assert.Contains("features of 16 numbers", printed);
    }

    [TestMethod]
    public void Sample_ChatClient_Answers()
    {
        using var model = new TinyModel();
        File.WriteAllText(
            Path.Combine(model.Folder, "chat_template.jinja"),
            "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}={% endif %}{% endfor %}");
        Assert.IsGreaterThan(1, Run(Compile(Sample("chat-client.cs"), "ChatClient"), model.Folder).Length);
    }

    [TestMethod]
    public void Sample_OwnReward_IsTheProgramOfThePage() =>
        Assert.AreEqual(Example(), Sample("own-reward.cs").Replace("#:project ../../src", "#:project src"));

    [TestMethod]
    public void Example_InLines_IsAboutTwenty() =>
        Assert.IsLessThanOrEqualTo(
            22,
            Example().Split('\n').Count(line => line.Trim().Length > 0 && !line.StartsWith("#:", StringComparison.Ordinal)));

    private static string Example()
    {
        var blocks = Regex.Matches(
            File.ReadAllText(SharedFolder.InRepository("docs", "library.md")),
            "(?m)^```csharp\n(?<code>(?:.*\n)*?)```$",
            RegexOptions.ExplicitCapture,
            TimeSpan.FromSeconds(5));
        Assert.HasCount(1, blocks, "docs/library.md holds one C# program");
        return blocks[0].Groups["code"].Value;
    }

    private static string Sample(string name) => File.ReadAllText(SharedFolder.InRepository("docs", "samples", name));

    private static Assembly Compile(string code, string name = "ReadmeExample")
    {
        // Directives like "#:project src/G2RL.Onnx" belong to `dotnet run file.cs`.
        var options =
            CSharpParseOptions.Default.WithLanguageVersion(LanguageVersion.Latest).WithFeatures([new("FileBasedProgram", "true")]);
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator)
            .Select(p => MetadataReference.CreateFromFile(p));
        var compilation = CSharpCompilation.Create(
            name,
            [CSharpSyntaxTree.ParseText(code, options), CSharpSyntaxTree.ParseText(ImplicitUsings, options)],
            references,
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        using var image = new MemoryStream();
        var result = compilation.Emit(image);
        Assert.IsTrue(
            result.Success && !result.Diagnostics.Any(d => d.Severity >= DiagnosticSeverity.Warning),
            string.Join('\n', result.Diagnostics));
        image.Position = 0;
        return AssemblyLoadContext.Default.LoadFromStream(image);
    }

    private static string Run(Assembly program, params string[] args)
    {
        var console = Console.Out;
        using var written = new StringWriter();
        Console.SetOut(written);
        try
        {
            program.EntryPoint!.Invoke(null, [args]);
        }
        finally
        {
            Console.SetOut(console);
        }
        return written.ToString();
    }
}
