using G2RL.Onnx.Problems.AnswerChecking;
using static G2RL.Onnx.Tests.AnswerChecking.FinderTable;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>What stands behind a phrase, a marker or in a tag.</summary>
[TestClass]
public sealed class PhraseFinderTests
{
    private static readonly AnswerPolicy Math = AnswerPolicy.All["math"];

    [TestMethod]
    public void Phrases_WhatFollows_EndsWithTheSentence() => Finds(t => PhraseFinder.After(t, ["answer is", "answer:"]), """
        none => ~
        The answer is 5. Bye => 5
        The ANSWER IS 5 => 5
        answer: 4. answer is 5. => 5
        answer is 5. answer: 4. => 4
        answer is is 5 => 5
        answer is is: 5 => 5
        answer is: **5** => 5
        answer is↵5 => 5
        answer is 5↵6 => 5
        answer is 1.5. => 1.5
        answer is "5". => 5
        answer is $1. 2$. => $1. 2$
        answer is \(1. 2\). => \(1. 2\)
        answer is \[1↵2\]. => \[1↵2\]
        answer is $1↵2$. => $1↵2$
        answer is 5。6 => 5
        answer is 5.<b> => 5
        answer is 5.** ok => 5
        answer is 5.6 => 5.6
        answer is \. => \.
        """);

    [TestMethod]
    public void Phrases_MarksAroundThem_SayNothing() => Finds(t => PhraseFinder.After(t, ["final answer"]), """
        **Final answer** is 5 => 5
        the final answer is : 5 => 5
        "final answer": 5 => 5
        """);
    [TestMethod]
    public void Phrases_LongClause_IsCutOff() =>
        Assert.AreEqual(601, PhraseFinder.After("answer is " + new string('5', 1_000), ["answer is"])!.Length);

    [TestMethod]
    public void Phrases_Qualified_SayWhatItIsNot()
    {
        string[] qualifiers =
        [
            "at least", "at most", "less than", "more than", "greater than", "fewer than", "larger than", "smaller than", "not", "n't",
            "between", "either", "neither", "under", "over", "above", "below", "up to", "no", "one of", "somewhere", "any", "anything",
        ];
        foreach (var words in qualifiers)
        {
            Assert.IsTrue(PhraseFinder.IsQualified(words + " 5"), words);
            Assert.IsTrue(PhraseFinder.IsQualified(words.ToUpperInvariant() + " 5"), words);
            Assert.IsFalse(PhraseFinder.IsQualified("5 " + words + " "), words);
            Assert.IsFalse(Math.Check($"The answer is {words} 5.", "5").IsRight, words);
        }

        Assert.IsFalse(PhraseFinder.IsQualified("nothing 5"));
    }

    [TestMethod]
    public void Marker_WhatFollows_EndsWithTheLine() => Finds(t => PhraseFinder.AfterMarker(t, "####"), """
        none => ~
        #### 5 => 5
        #### 4↵#### 5 ↵6 => 5
        #### 5↵a↵b => 5
        ####: 5 => 5
        #### ↵5 =>
        """);

    [TestMethod]
    public void Tag_LastOne_GivesItsContent() => Finds(t => PhraseFinder.Tag(t, "answer"), """
        none => ~
        <answer> 5 </answer> => 5
        <ANSWER>5</Answer> => 5
        <answer>4</answer><answer>5</answer> => 5
        <answer>5 => ~
        </answer><answer>5 => ~
        """);
}
