using System.Collections.Frozen;
using static G2RL.Onnx.Problems.AnswerChecking.AnswerSource;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>The named policies: a line each for the benchmarks and for the graders whose verdicts people compare with.</summary>
internal static class PolicyTable
{
    private static readonly AnswerSource[] Anywhere = [Stated, FinalAnswer, AnswerIs, Bare, FormulaOrNumber, Whole];

    // Graders that know neither numbers in words nor letters of units.
    private static readonly EquivalenceRules Digits = new() { NumberWords = false, LetterUnits = false };

    private static readonly EquivalenceRules MathVerify = Digits with
    {
        Percent = PercentRule.Hundredth,
        IgnoreRepeats = true,
        BareTuples = true,
        DecimalPlaces = 6,
        DecimalComma = true,
        RelationsForSets = false,
    };

    public static readonly FrozenDictionary<string, AnswerPolicy> All = new AnswerPolicy[]
    {
        new() { Name = "math", Sources = [Box, FinalAnswer, AnswerIs] },
        new() { Name = "math_verify", Sources = Anywhere, GoldSources = Anywhere, UnclosedBoxes = true, Rules = MathVerify },
        new() { Name = "math_verify_latex", Sources = [Stated, FinalAnswer, AnswerIs, Formula],
            GoldSources = [Stated, FinalAnswer, Formula], UnclosedBoxes = true, Rules = MathVerify },
        new() { Name = "math_verify_expr", Sources = [FinalAnswer, AnswerIs, Number], GoldSources = [Whole], Rules = MathVerify },
        new() { Name = "lighteval", Sources = Anywhere, GoldSources = Anywhere, UnclosedBoxes = true,
            Rules = MathVerify with { RelationsForSets = true } },
        new() { Name = "nemo_skills", Sources = [Box, Whole], Rules = Digits with { Percent = PercentRule.Ignored, DecimalPlaces = 4 } },
        new() { Name = "hendrycks", Sources = [Box, Whole], Rules = new() { SpellingOnly = true } },
        new() { Name = "open_instruct", Sources = [Box, Whole], Rules = new() { SpellingOnly = true } },
        new() { Name = "tinker", Sources = [Box, Whole],
            Rules = Digits with { LiteralFractions = true, OrderedLists = true, Percent = PercentRule.Ignored } },
        new() { Name = "open_r1", Sources = [Boxes, Formula], GoldSources = Anywhere, Rules = MathVerify with { Words = false } },
        new() { Name = "trl", Sources = [Boxes, Formula], GoldSources = Anywhere, Rules = MathVerify with { Words = false } },
        new() { Name = "trl_reasoning", Sources = [Boxes, Formula], GoldSources = Anywhere, After = "</think>",
            Rules = MathVerify with { Words = false } },
        new() { Name = "gsm8k", Sources = [AnswerSource.Marker, Box, FinalAnswer, AnswerIs, Number],
            GoldSources = [AnswerSource.Marker, Box, Whole] },
        new() { Name = "aime", Sources = [Box, FinalAnswer, AnswerIs] },
        new() { Name = "choice", Sources = [Letter], GoldSources = [Letter], Choices = 10 },
    }.ToFrozenDictionary(p => p.Name);
}
