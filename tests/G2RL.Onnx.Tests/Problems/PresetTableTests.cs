using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Presets;

namespace G2RL.Onnx.Tests;

/// <summary>What each preset is, where it comes from and how many rows its publishers give it.</summary>
[TestClass]
public sealed class PresetTableTests
{
    [TestMethod]
    public void All_EachPreset_IsWhatItsPublishersSay()
    {
        foreach (var (name, title, where, policy, train, heldOut, skipsEmpty) in
            new (string Name, string Title, string Where, string? Policy, string Train, string HeldOut, bool SkipsEmpty)[]
            {
                ("aime24", "AIME I and II of 2024", "HuggingFaceH4/aime_2024", "aime", "", "30", false),
                ("aime25", "AIME I and II of 2025", "math-ai/aime25", "aime", "", "30", false),
                ("amc", "AMC 12, 2022 and 2023 (83 problems) or 2023 (40)", "AI-MO/aimo-validation-amc", "math", "", "83 40", false),
                ("gpqa-diamond", "GPQA, diamond subset", "Idavidrein/gpqa", "choice", "", "198", false),
                ("gsm8k", "GSM8K", "openai/grade-school-math", "gsm8k", "7473", "1319", false),
                ("math500", "500 problems of the MATH test set", "HuggingFaceH4/MATH-500", "math", "", "500", false),
                ("math", "MATH, training split", "DigitalLearningGmbH/MATH-lighteval", "math", "7500", "500 5000", true),
                ("mmlu-pro", "MMLU-Pro", "TIGER-Lab/MMLU-Pro", "choice", "", "12032", false),
                ("verl-digits", "verl's digit completion", "made by verl's tests (arithmetic sequences)", null, "", "", false),
                ("verl", "Any file in verl's layout", "examples/data_preprocess", "math", "", "", true),
            })
        {
            var preset = ProblemPresets.All[name];
            Assert.AreEqual(name, preset.Name);
            Assert.AreEqual(title, preset.Title);
            StringAssert.Contains(preset.Where, where);
            Assert.AreEqual(policy, preset.Settings.Policy);
            Assert.AreEqual(train, string.Join(' ', preset.Settings.TrainRows));
            Assert.AreEqual(heldOut, string.Join(' ', preset.Settings.HeldOutRows));
            Assert.AreEqual(skipsEmpty, preset.Settings.SkipEmpty);
            Assert.AreEqual(policy is null, preset.Settings.RequireFinished);
            Assert.AreEqual(!name.StartsWith("verl"), preset.Settings.KeepRepeated);
            Assert.AreEqual(policy == "choice", preset.Settings.Choice is not null);
            // Who has no file yet is told where there is one.
            var message = Assert.ThrowsExactly<InputException>(() => ProblemSets.Create(name)).Message;
            StringAssert.StartsWith(message, $"Problem set '{name}' ({title}) has no file. Give its setting heldOut");
            StringAssert.EndsWith(message, $"Its files: {preset.Where}.");
        }
        CollectionAssert.AreEquivalent(
            "aime24 aime25 amc gpqa-diamond gsm8k math math500 mmlu-pro verl verl-digits".Split(' '), ProblemPresets.All.Keys.ToArray());
        FieldsAreThoseOfTheirPublishers();
    }

    // Part of the test above: a table is made once in a process, and what made it is what the mutation tool tries.
    private static void FieldsAreThoseOfTheirPublishers()
    {
        var gpqa = ProblemPresets.All["gpqa-diamond"].Settings;
        Assert.AreEqual("Question", gpqa.PromptField);
        Assert.AreEqual("Correct Answer", gpqa.Choice!.CorrectField);
        CollectionAssert.AreEqual(
            (string[])["Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"], gpqa.Choice.IncorrectFields.ToArray());
        Assert.IsTrue(gpqa.Choice.Shuffle);
        Assert.AreEqual("####", ProblemPresets.All["gsm8k"].Settings.ReferenceMarker);
        var digits = ProblemPresets.All["verl-digits"].Settings;
        Assert.AreEqual(
            ("prompt", "digitCompletion", Overlap.DropFromTraining), (digits.PromptField, digits.DerivedAnswer, digits.Overlap));
        var verl = ProblemPresets.All["verl"].Settings;
        Assert.AreEqual("prompt", verl.PromptField);
        Assert.AreEqual("reward_model.ground_truth", verl.AnswerField);
        Assert.AreEqual("data_source", verl.PolicyField);
        Assert.AreEqual("openai/gsm8k=gsm8k", string.Join(' ', verl.Policies!.Select(p => $"{p.Key}={p.Value}")));
    }
}
