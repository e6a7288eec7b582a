using G2RL.Onnx.Problems.AnswerChecking;
using static G2RL.Onnx.Tests.AnswerChecking.FinderTable;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>The last box of a text, or its last run of boxes.</summary>
[TestClass]
public sealed class BoxFinderTests
{
    [TestMethod]
    public void Boxes_LastOne_IsFound() => Finds(t => BoxFinder.Last(t), """
        \boxed{5} => 5
        \fbox{5} => 5
        \boxed{1} \boxed{2} => 2
        \boxed{\boxed{5}} => \boxed{5}
        \boxed{\frac{1}{2}} => \frac{1}{2}
        \boxed{\{1\}} => \{1\}
        \boxed{5 => ~
        \boxed{1} \boxed{5 => 1
        \boxed 5 => 5
        \boxed 5. => 5
        \boxed 5$ => 5
        \boxed 5, 6 => 5
        \boxed 5; 6 => 5
        {\boxed 5} => 5
        \boxed  ↵{5} => 5
        \\boxed{5} => 5
        \boxedx{5} => ~
        \boxed => ~
        {{\boxed{5}}} => 5
        }}} \boxed{5} => 5
        {\boxed{5} } \boxed{6} => 6
        boxed{5} => ~
        \\{ \boxed{5} => 5
        {{{ \boxed{5} \boxed{6} => 6
        \boxed{\left\{1, 2\right.} => \left\{1, 2\right.
        \boxed{5} \ => 5
        \boxed{28}\%, that is 28 of 100 => 28\%
        \boxed{5} (\frac{1}{5}\% off) => 5
        \boxed 5 \% => 5\%
        \boxed{7}$ % => 7\%
        \boxed 5 \boxed 6 => 6
        \boxed{5 + \boxed => ~
        \boxed{\boxed 5 => ~
        \boxed{\boxed 5} => \boxed 5
        """);

    [TestMethod]
    public void Boxes_CutOff_CountWhereTheyMay()
    {
        Finds(t => BoxFinder.Last(t, unclosed: true), "\\boxed{5 => 5\n\\boxed{\\frac{1}{2 => \\frac{1}{2\n\\boxed{1} \\boxed{5 => 5");
        Assert.AreEqual(new string('5', 400), BoxFinder.Last("\\boxed{" + new string('5', 400), unclosed: true));
        Assert.IsNull(BoxFinder.Last("\\boxed{" + new string('5', 401), unclosed: true));
    }

    [TestMethod]
    public void Boxes_LastRun_IsJoined() => Finds(t => BoxFinder.LastRun(t, unclosed: false), """
        no box => ~
        \boxed{1} and \boxed{2} => 1, 2
        \boxed{1} or \boxed{2} => 1, 2
        \boxed{1}, \boxed{2}; \boxed{3} => 1, 2, 3
        \boxed{1} \boxed{1} => 1
        $\boxed{1}$ \quad $\boxed{2}$ => 1, 2
        \boxed{1} \qquad \boxed{2} => 1, 2
        \(\boxed{1}\)\(\boxed{2}\) => 1, 2
        \[\boxed{1}\]\[\boxed{2}\] => 1, 2
        \boxed{1}\,\;\ \\&\boxed{2} => 1, 2
        \boxed{1} \text{ with } \boxed{2} => 1, 2
        \boxed{1} \text \boxed{2} => 2
        \boxed{1} then \boxed{2} => 2
        \boxed{1} andx \boxed{2} => 2
        \boxed{1} andand \boxed{2} => 2
        \boxed{1}\,and \boxed{2} => 1, 2
        \boxed{1}, y_2 = \boxed{2} => 1, 2
        \boxed{1}, f(x) = \boxed{2} => 1, 2
        \boxed{1}, sum = \boxed{2} => 2
        \boxed{1}, = \boxed{2} => 2
        \boxed{1} \text{ and } so \text{ or } \boxed{2} => 2
        \boxed{1} and\boxed{2} => 1, 2
        \boxed{28}\% or \boxed{30}\% => 28\%, 30\%
        \boxed{1} or \boxed{2}\% => 1, 2\%
        \boxed{1}, \boxed{2}, \boxed{1}\% => 1, 2, 1\%
        \boxed{1}, y=z=\boxed{2} => 1, 2
        \boxed{\boxed 5} => \boxed 5
        \boxed{1} then \boxed{2} and \boxed{3} => 2, 3
        """);

    [TestMethod]
    public void Boxes_FarApartOrMany_AreNoRun()
    {
        Assert.AreEqual("1, 2", BoxFinder.LastRun("\\boxed{1}" + new string(' ', 120) + "\\boxed{2}", unclosed: false));
        Assert.AreEqual("2", BoxFinder.LastRun("\\boxed{1}" + new string(' ', 121) + "\\boxed{2}", unclosed: false));
        var many = string.Join(" ", Enumerable.Range(1, 40).Select(i => $"\\boxed{{{i}}}"));
        Assert.AreEqual(string.Join(", ", Enumerable.Range(9, 32)), BoxFinder.LastRun(many, unclosed: false));
    }
}
