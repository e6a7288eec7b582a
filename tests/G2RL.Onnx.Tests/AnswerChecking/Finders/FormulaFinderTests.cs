using G2RL.Onnx.Problems.AnswerChecking;
using static G2RL.Onnx.Tests.AnswerChecking.FinderTable;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>The last formulas of a text.</summary>
[TestClass]
public sealed class FormulaFinderTests
{
    [TestMethod]
    public void Formulas_LastOnes_AreFound() => Finds(t => string.Join(" | ", FormulaFinder.Last(t, 2).Select(f => f.Content)), """
        $1$ then $2$ then $3$ => 3 | 2
        $$1$$ then \(2\) => 2 | 1
        \[1\] then $2$ => 2 | 1
        $1$ and $2$ => 1, 2
        $1$, $2$ or $3$ => 1, 2, 3
        $1$ $2$ => 2 | 1
        $1\$2$ => 1\$2
        $1↵2$ => ~
        \[1↵2\] => 1↵2
        \(1↵2\) => ~
        \(1\\\) => 1\\
        \(1\\) => ~
        \(1\(2\) => 1\(2
        $5 is more than the $6 he has$ => ~
        $\text{so it is}$ => \text{so it is}
        $\mbox{so it is}$ => \mbox{so it is}
        $x or y$ => x or y
        $x and of y$ => x and of y
        $is$ => is
        $$ x => ~
        $1$ and then $2$ => 2 | 1
        \$5 $6$ => 6
        \(1\) \[2 \(3\) => 3 | 1
        \(1 \(2 \[3\] => 3
        $$5$ => ~
        $\(5\) => 5
        $1$$2$ => 2 | 1
        $$1↵+2$$ => 1↵+2
        """);

    [TestMethod]
    public void Formulas_ManyThatAreJoined_CostNoMoreThanTheirText()
    {
        var text = string.Join(",", Enumerable.Range(0, 20_000).Select(i => $"${i}$"));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var found = FormulaFinder.Last(text, 1).Single();
        Assert.IsLessThan(200L * text.Length, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.AreEqual(string.Join(", ", Enumerable.Range(0, 20_000)), found.Content);
        Assert.AreEqual((0, text.Length), (found.Start, found.End));
    }
    [TestMethod]
    public void Formulas_WithWords_AreProse()
    {
        Assert.IsTrue(FormulaFinder.IsProse("red dogs"));
        Assert.IsFalse(FormulaFinder.IsProse("red"));
        Assert.IsFalse(FormulaFinder.IsProse("5 \\text{ red dogs run }"));
        Assert.IsFalse(FormulaFinder.IsProse("5 \\mbox{ red dogs run }"));
        foreach (var word in (string[])["sin", "cos", "tan", "log", "ln", "cm", "mm", "km", "or", "and"])
            Assert.IsFalse(FormulaFinder.IsProse($"2 {word} 3 {word}"), word);
    }
    [TestMethod]
    public void Formulas_Positions_AreWhereTheyStand()
    {
        Assert.AreEqual((2, 5, "1"), FormulaFinder.Last("a $1$", 1).Single());
        Assert.AreEqual("1, 2", FormulaFinder.Last($"$1${"and",59}$2$", 1).Single().Content);
        Assert.AreEqual("2", FormulaFinder.Last($"$1${"and",60}$2$", 1).Single().Content);
        Assert.AreEqual((2, 7, "1"), FormulaFinder.Last("a $$1$$ b", 1).Single());
        Assert.AreEqual((2, 7, "1"), FormulaFinder.Last("a \\(1\\) b", 1).Single());
        Assert.AreEqual((7, 12, "1, 2"), FormulaFinder.Last("$1$ or $2$ .", 1).Select(f => (f.Start + 7, f.End + 2, f.Content)).Single());
    }
}
