using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Problems.Prompts;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Runs;

/// <summary>Prompts as a run reads them, and what is said of model and problems before it begins.</summary>
[TestClass]
public sealed class RunInputsTests : IDisposable
{
    private readonly TinyModel model = new();

    public void Dispose() => model.Dispose();

    [TestMethod]
    public void Encode_PromptsOfEachLength_AreTokensUpToTheLimit()
    {
        using var inputs = new RunInputs(model.Config, TinyModel.Problems());
        CollectionAssert.AreEqual(inputs.Tokenizer.Encode("1+2*3-4+5*6="), inputs.Encode(new("p", "1+2*3-4+5*6=", "")));
        Assert.AreEqual(
            "The prompt of p has 13 tokens; sampling.maxPromptTokens is 12. Raise it, or leave such problems out.",
            Assert.ThrowsExactly<InputException>(() => inputs.Encode(new("p", "1+2*3-4+5*6=1", ""))).Message);
        // Turns go through the template only where there is one.
        var turns = new Problem("p", "1=", "") { Turns = [new("user", "2")], Conversation = TurnsKind.Auto };
        CollectionAssert.AreEqual(inputs.Tokenizer.Encode("1="), inputs.Encode(turns));
        File.WriteAllText(
            Path.Combine(model.Folder, "chat_template.jinja"),
            "{% for m in messages %}{% if m.role == 'user' %}*{{ m.content }}={% endif %}{% endfor %}");
        using var chatting = new RunInputs(model.Config, TinyModel.Problems());
        CollectionAssert.AreEqual(inputs.Tokenizer.Encode("*2="), chatting.Encode(turns));
        CollectionAssert.AreEqual(inputs.Tokenizer.Encode("1="), chatting.Encode(turns with { Conversation = null }));
        using var all = new RunInputs(model.Config with { Problems = new() { Chat = true } }, TinyModel.Problems());
        CollectionAssert.AreEqual(inputs.Tokenizer.Encode("*2="), all.Encode(turns with { Conversation = null }));
        CollectionAssert.AreEqual(inputs.Tokenizer.Encode("*3="), all.Encode(new("p", "3", "")));
    }

    // A template that asks for the date gets the configuration's, and its variables.
    [TestMethod]
    public void Encode_TemplateOfADate_TakesTheConfigurations()
    {
        File.WriteAllText(
            Path.Combine(model.Folder, "chat_template.jinja"),
            "{{ strftime_now('%d') }}+{{ shift }}={% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}");
        var problems = new ProblemsConfig
        {
            Chat = true,
            Date = "2026-03-17",
            TemplateVariables = new Dictionary<string, JsonElement>(StringComparer.Ordinal) { ["shift"] = Json("5") },
        };
        using var inputs = new RunInputs(model.Config with { Problems = problems }, TinyModel.Problems());
        CollectionAssert.AreEqual(inputs.Tokenizer.Encode("17+5=1"), inputs.Encode(new("p", "1", "")));
    }

    // Prompts that do not fit are left out of the problems and of the benchmarks, and both are told.
    [TestMethod]
    public void CheckProblems_TooLong_AreLeftOutAndTold()
    {
        var config = model.Config with
        {
            Steps = 1,
            Sampling = model.Config.Sampling with { MaxPromptTokens = 5 },
            Problems = new() { TooLong = TooLong.Skip },
            Evaluation = new()
            {
                Problems = 8,
                Benchmarks = [new() { Set = "file", Name = "sums", Settings = Files("1+1=", "1+2=", "1+2+3=", "2+2=") }],
            },
        };
        Problem[] problems = [new("p0", "1=", ""), new("p1", "1+1+1=", ""), new("p2", "2=", "")];
        using var inputs = new RunInputs(config, Set(problems, [new("h0", "3=", "")]));
        Assert.AreEqual(0, inputs.Warnings().Count());
        Assert.HasCount(3, inputs.Benchmarks.Single().Set.HeldOut(9));
        inputs.CheckProblems(progress: null);
        var told = inputs.Warnings().ToArray();
        Assert.HasCount(2, inputs.Problems.Training!);
        Assert.HasCount(2, inputs.Benchmarks.Single().Set.HeldOut(9));
        Assert.AreEqual(1, told.Count(t => t.StartsWith("sums: ", StringComparison.Ordinal)), string.Join('\n', told));
        Assert.IsGreaterThan(1, told.Length);
    }

    // An added token may lie beyond the model's vocabulary; a text that holds it is refused.
    [TestMethod]
    public void Encode_TokenBeyondTheVocabulary_IsRefused()
    {
        var path = Path.Combine(model.Folder, "tokenizer.json");
        var node = JsonNode.Parse(File.ReadAllText(path))!;
        var beyond = Arithmetic.Characters.Length + 3;
        var added = node["added_tokens"]![0]!.DeepClone();
        (added["id"], added["content"]) = (beyond, "<x>");
        node["added_tokens"]!.AsArray().Add(added);
        File.WriteAllText(path, node.ToJsonString());
        using var inputs = new RunInputs(model.Config, TinyModel.Problems());
        Assert.AreEqual(beyond, inputs.Policy.Spec.VocabularySize);
        Assert.AreEqual(
            $"The prompt of p holds token {beyond} of the tokenizer; the model's vocabulary has {beyond}. Tokenizer and weights of "
                + $"{model.Folder} do not belong together.",
            Assert.ThrowsExactly<InputException>(() => inputs.Encode(new("p", "1<x>=", ""))).Message);
    }

    // Problems that are made up as they are asked for cannot be looked through.
    [TestMethod]
    public void Warnings_ProblemsWithoutAList_AreNone()
    {
        using var inputs = new RunInputs(model.Config, problems: null);
        Assert.IsNull(inputs.Problems.Training);
        Assert.IsEmpty(inputs.Warnings());
    }

    [TestMethod]
    public void CheckHeldOut_AsManyAsAreAsked_LooksAtThem()
    {
        var config = model.Config with { Sampling = model.Config.Sampling with { MaxPromptTokens = 7 } };
        Problem[] held = [new("h0", "1+2=", ""), new("h1", "1+2+3+4+5=", "")];
        using var inputs = new RunInputs(config, Set([new("t", "1+1+1+1+1=", "")], held));
        inputs.CheckHeldOut(1);
        Assert.Contains("h1", Assert.ThrowsExactly<InputException>(() => inputs.CheckHeldOut(2)).Message);
        Assert.Contains("t", Assert.ThrowsExactly<InputException>(() => inputs.CheckProblems(null)).Message);
    }

    [TestMethod]
    public void Warnings_UnknownKeysAndTurnsWithoutATemplate_AreTold()
    {
        var path = Path.Combine(model.Folder, "config.json");
        var node = JsonNode.Parse(File.ReadAllText(path))!;
        node["a_new_kind_of_norm"] = 3;
        File.WriteAllText(path, node.ToJsonString());
        Problem[] train = [new("t1", "2=", ""), new("t0", "1=", "") { Turns = [new("user", "1")], Conversation = TurnsKind.Auto }];
        using var inputs = new RunInputs(
            model.Config with { AllowUnknownConfig = true },
            Set(train, []));
        var told = inputs.Warnings().ToArray();
        Assert.AreEqual($"{model.Folder}: config.json's a_new_kind_of_norm is unknown and passed over (allowUnknownConfig).", told[0]);
        Assert.AreEqual(
            $"t0 and others are conversations, but {model.Folder} brings no chat template: the text of their turns is the prompt.",
            told[^1]);
        Assert.HasCount(2, told);
    }

    // Who computes is the caller's, and of the device that is asked for; without a check no problem is known.
    [TestMethod]
    public void Open_BackendOfTheCallers_IsTaken()
    {
        var backend = new FakeBackend();
        using var inputs = new RunInputs(model.Config, TinyModel.Problems(), backend);
        Assert.AreSame(backend, inputs.Backend);
        Assert.AreEqual(("", "", 0), (
            inputs.Identity().TrainingProblems, inputs.Identity().HeldOutProblems, inputs.Identity().ProblemCount));
        Assert.ThrowsExactly<ArgumentException>(
            () => new RunInputs(model.Config with { Execution = new() { Device = "cuda:0" } }, TinyModel.Problems(), backend));
    }

    [TestMethod]
    public void Open_DeviceThatNobodyOpened_IsRefused() => Assert.AreEqual(
        "execution.device is cuda:0, and no such device was opened; the command line does that, "
            + "a program of one's own hands its backend over.",
        Assert.ThrowsExactly<InputException>(
            () => new RunInputs(model.Config with { Execution = new() { Device = "cuda:0" } }, TinyModel.Problems())).Message);

    [TestMethod]
    public void Open_TrainingProblemsOfABenchmark_AreRefused()
    {
        var config = model.Config with
        {
            Problems = new() { Set = "file", Settings = Files("1+2=", "1+3=") },
            Evaluation = new() { Benchmarks = [new() { Set = "file", Settings = Files("5+2=", "1+2=") }] },
        };
        var message = Assert.ThrowsExactly<InputException>(() => new RunInputs(config, null).Dispose()).Message;
        Assert.Contains("are in a benchmark, too", message);
        // Problems of one's own are not looked at.
        new RunInputs(config, TinyModel.Problems()).Dispose();
    }

    // What is refused late leaves no file of the model mapped: nobody has anything to dispose of.
    [TestMethod]
    public void Open_BenchmarkThatIsMissing_ClosesTheModel()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Inconclusive("asks Linux what is mapped");
        bool IsMapped() => File.ReadLines("/proc/self/maps").Any(line => line.Contains(model.Folder, StringComparison.Ordinal));
        var config = model.Config with { Evaluation = new() { Benchmarks = [new() { Set = "file", Settings = Files("5+2=", "1+2=") }] } };
        using (new RunInputs(config, TinyModel.Problems()))
            Assert.IsTrue(IsMapped());
        Assert.IsFalse(IsMapped());
        foreach (var file in Directory.GetFiles(model.Root, "*.jsonl"))
            File.Delete(file);
        Assert.ThrowsExactly<InputException>(() => new RunInputs(config, TinyModel.Problems()));
        Assert.IsFalse(IsMapped());
    }

    // What a check looks at, from the configuration to the last prompt.
    [TestMethod]
    public void RunCheck_OfAConfiguration_TellsFaultsAndWarnings()
    {
        var config = model.Config with
        {
            Problems = new()
            {
                Set = "file",
                Settings = Files("1+2=", "1+3=", "1+2+3+4+5+6="),
                TooLong = TooLong.Skip,
            },
            Sampling = model.Config.Sampling with { MaxPromptTokens = 11 },
            Execution = new() { Device = "cuda:0", Threads = 1 },
        };
        var words = new List<string>();
        Assert.AreEqual(2, RunCheck.Inputs(config, words.Add).Layers);
        Assert.IsTrue(words.Any(w => w.Contains("11", StringComparison.Ordinal)), string.Join('\n', words));
        // Words about the configuration itself, and what the device cannot do that it names: the host could.
        Assert.IsFalse(words.Any(w => w.StartsWith("sampling.lag is 1", StringComparison.Ordinal)));
        RunCheck.Inputs(config with { Execution = new(), Sampling = config.Sampling with { Lag = 1 } }, words.Add);
        Assert.IsTrue(words.Any(w => w.StartsWith("sampling.lag is 1", StringComparison.Ordinal)), string.Join('\n', words));
        Assert.Contains("training.optimizer.kind", Assert.ThrowsExactly<InputException>(() => RunCheck.Inputs(
            config with { Training = config.Training with { Optimizer = new() { Kind = OptimizerKind.Muon } } }, words.Add)).Message);
        var faults = Assert.ThrowsExactly<InputException>(() => RunCheck.Inputs(config with
        {
            Steps = -1,
            Sampling = config.Sampling with { GroupSize = -1 },
        }, words.Add)).Message;
        Assert.Contains("steps is -1", faults);
        Assert.Contains("sampling.groupSize is -1", faults);
        Assert.Contains("Raise it to 12, or set problems.tooLong to skip", Assert.ThrowsExactly<InputException>(() => RunCheck.Inputs(
            config with { Problems = config.Problems with { TooLong = TooLong.Refuse } }, words.Add)).Message);
    }

    private static FunctionProblemSet Set(Problem[] train, Problem[] held) => new("own", train, held, (_, _) => Outcome.Judged(true));

    // A file to learn from and one that is held out.
    private JsonElement Files(string train, params string[] held)
    {
        string Rows(string[] prompts)
        {
            var path = Path.Combine(model.Root, $"{Guid.NewGuid():N}.jsonl");
            File.WriteAllLines(path, prompts.Select(p => $$"""{"prompt": "{{p}}", "answer": "3"}"""));
            return JsonSerializer.Serialize(path);
        }

        return Json($$"""{"train": {{Rows([train])}}, "heldOut": {{Rows(held)}}}""");
    }

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;
}
