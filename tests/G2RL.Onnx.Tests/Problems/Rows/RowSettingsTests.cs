using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Mixtures;

namespace G2RL.Onnx.Tests;

/// <summary>The ranges of the settings of files, choices and mixtures.</summary>
[TestClass]
public sealed class RowSettingsTests : RowFiles
{
    [TestMethod]
    [DataRow("minPassRate", "must be a range")]
    [DataRow("maxPassRate", "must be a range")]
    [DataRow("crossed", "must be a range")]
    [DataRow("noField", "need problems.settings.passRateField")]
    [DataRow("noFieldMax", "need problems.settings.passRateField")]
    [DataRow("policy", "policy is 'mathe'; there are: aime, choice, gsm8k")]
    [DataRow("policies", "policies names 'mathe' for 'x'; there are: aime")]
    [DataRow("policiesNull", "policies names 'null' for 'x'; there are: aime")]
    [DataRow("derived", "derivedAnswer is 'x'; there are: digitCompletion.")]
    [DataRow("reference", "referenceMarker is empty")]
    [DataRow("prompt", "promptField is empty; it must be a text, or be left out.")]
    [DataRow("answer", "answerField is empty")]
    [DataRow("solution", "solutionField is empty")]
    [DataRow("passRate", "passRateField is empty")]
    [DataRow("marker", "marker is empty; it must be a text.")]
    [DataRow("markerNull", "marker is empty; it must be a text.")]
    [DataRow("shareOne", "heldOutFraction is 1; it must be between 0 and 1.")]
    [DataRow("share", "heldOutFraction is 0; it must be between 0 and 1.")]
    [DataRow("long", "maxPromptCharacters is 0; it must be at least 1.")]
    [DataRow("enum", "has an unknown value")]
    [DataRow("enumTurns", "has an unknown value")]
    [DataRow("fraction", "both given; give exactly one of them.")]
    public void Settings_BeyondTheirRange_AreRefusedByName(string which, string words)
    {
        var settings = new FileProblemsSettings();
        settings = which switch
        {
            "minPassRate" => settings with { PassRateField = "r", MinPassRate = -0.1 },
            "maxPassRate" => settings with { PassRateField = "r", MaxPassRate = 1.1 },
            "crossed" => settings with { PassRateField = "r", MinPassRate = 0.6, MaxPassRate = 0.5 },
            "noField" => settings with { MinPassRate = 0.1 },
            "noFieldMax" => settings with { MaxPassRate = 0.9 },
            "policy" => settings with { Policy = "mathe" },
            "policies" => settings with { Policies = new Dictionary<string, string> { ["x"] = "mathe" } },
            "policiesNull" => settings with { Policies = new Dictionary<string, string> { ["x"] = null! } },
            "derived" => settings with { DerivedAnswer = "x" },
            "reference" => settings with { ReferenceMarker = "" },
            "prompt" => settings with { PromptField = "" },
            "answer" => settings with { AnswerField = "" },
            "solution" => settings with { SolutionField = "" },
            "passRate" => settings with { PassRateField = "" },
            "marker" => settings with { Marker = "" },
            "markerNull" => settings with { Marker = null! },
            "shareOne" => settings with { HeldOutFraction = 1 },
            "share" => settings with { HeldOutFraction = 0 },
            "long" => settings with { MaxPromptCharacters = 0 },
            "enum" => settings with { Match = (AnswerMatch)99 },
            "enumTurns" => settings with { Turns = (TurnsKind)99 },
            _ => settings with { HeldOutFraction = 0.5 },
        };
        StringAssert.Contains(Refused(settings, """{"prompt": "Q", "answer": "A"}"""), words);
    }

    [TestMethod]
    public void Settings_EndsOfARange_AreGood()
    {
        const string Row = """{"prompt": "Q", "answer": "A"}""";
        Set(new() { MaxPromptCharacters = 1 }, """{"prompt": "Q", "answer": "A"}""");
        Set(new() { PassRateField = "r", MinPassRate = 0.5, MaxPassRate = 0.5 }, Row);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new FileProblems(new() { Train = "x" })).Message, "are both missing");
    }

    [TestMethod]
    public void ChoiceSettings_BeyondTheirRange_AreRefusedByName()
    {
        foreach (var (settings, words) in new (ChoiceSettings, string)[]
        {
            (new() { CorrectField = "c" }, "incorrectFields names 0 fields"),
            (new() { CorrectField = "c", IncorrectFields = new string[26] }, "incorrectFields names 26 fields"),
            (new() { CorrectField = "c", IncorrectFields = ["w", null!] }, "incorrectFields names a field that is null or empty"),
            (new() { IncorrectFields = ["w"] }, "incorrectFields needs problems.settings.choice.correctField"),
            (new() { Shots = -1 }, "shots is -1; it must be 0 to 100."),
            (new() { Shots = 101, ShotsFile = "x" }, "shots is 101; it must be 0 to 100."),
            (new() { Shots = 1 }, "shotsFile is empty"),
        })
            StringAssert.Contains(Refused(new() { Choice = settings }, """{"question": "Q"}"""), words);
        Assert.IsEmpty(new ChoiceSettings { Shots = 100, ShotsFile = "x" }.Faults(""));
        Assert.IsEmpty(new ChoiceSettings { CorrectField = "c", IncorrectFields = [.. Enumerable.Repeat("w", 25)] }.Faults(""));
    }

    [TestMethod]
    public void Mixture_Settings_AreRefusedByName()
    {
        foreach (var (settings, words) in new (MixtureSettings, string)[]
        {
            (new(), "sources is empty; a mixture needs at least one source, for example { \"set\": \"gsm8k\", \"weight\": 1, "
                + "\"settings\": { ... } }."),
            (new() { Sources = [new() { Set = "a", Weight = 0 }] }, "sources[0].weight is 0"),
            (new() { Sources = [new() { Set = "a" }, new() { Set = "b", Weight = double.PositiveInfinity }] }, "sources[1].weight is"),
            (new() { Sources = [new() { Set = "a" }, null!] }, "sources[1] is null"),
            (new() { Sources = [new() { Set = "mixture" }] }, "a mixture has no mixtures within"),
            (
                new() { Sources = [new() { Set = "a", Name = "x/y" }] },
                "sources[0].name is 'x/y'; it stands in front of ids, so it must not contain '/'."),
            (new() { Sources = [new() { Set = "a" }, new() { Set = "a" }] }, "2 sources named 'a'"),
        })
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(settings.Validated).Message, words);
        new MixtureSettings { Sources = [new() { Set = "a" }, new() { Set = "a", Name = "b" }] }.Validated();
    }
}
