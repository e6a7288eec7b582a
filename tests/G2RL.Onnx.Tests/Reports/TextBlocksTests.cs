using G2RL.Onnx.Reports.Viewing;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests.Reports;

[TestClass]
public sealed class TextBlocksTests
{
    [TestMethod]
    public void MayHold_WhateverTheCase_NeverLeavesOutARowThatHoldsTheText()
    {
        for (var c = 0; c < 0x10000; c++)
        {
            var held = $"ab{(char)c}";
            if (char.IsSurrogate((char)c))
                continue;
            foreach (var asked in new[] { "AB" + char.ToUpperInvariant((char)c), "ab" + char.ToLowerInvariant((char)c) })
                if (held.Contains(asked, StringComparison.OrdinalIgnoreCase))
                    Assert.IsTrue(May(asked, held), $"U+{c:X4}");
        }
        // Deseret's letters have a case and take two chars each.
        Assert.IsTrue("x\U00010428".Contains("X\U00010400", StringComparison.OrdinalIgnoreCase));
        Assert.IsTrue(May("X\U00010400", "x\U00010428"));
        Assert.IsTrue(May("ab", "xyz"), "too short to tell");
        Assert.IsFalse(May("abd", "abc", "bd", "bda"));
    }

    [TestMethod]
    public void MayHold_ManyRows_NamesFewAndBeyondTheLimitAll()
    {
        // Rows of 400 random characters: a block is full with 30 to 40 of them.
        string[] rows = [.. Enumerable.Range(0, 400).Select(r => string.Concat(Enumerable.Range(0, 400).Select(i =>
            (char)('a' + (int)(26 * Seeds.Uniform(5, r, 0, 0, i))))))];
        var (whole, small) = (new TextBlocks(), new TextBlocks(mostBlocks: 3));
        foreach (var row in rows)
        {
            whole.Add(row);
            small.Add(row);
        }
        Assert.AreEqual((400, 400), (whole.Rows, small.Rows));
        for (var r = 0; r < rows.Length; r += 7)
            foreach (var blocks in new[] { whole, small })
            {
                var ranges = blocks.MayHold(rows[r][100..120]).ToArray();
                Assert.IsTrue(ranges.Any(range => range.First <= r && r < range.End), $"row {r}");
                if (blocks == whole)
                    Assert.IsLessThan(60, ranges.Sum(range => range.End - range.First));
            }
        Assert.IsEmpty(whole.MayHold("0123456789").ToArray());
        // Of what three blocks hold nothing; the rows behind them may hold anything.
        var (first, end) = small.MayHold("0123456789").Single();
        Assert.AreEqual(400, end);
        Assert.IsLessThan(100, first);
    }

    private static bool May(string asked, params string[] rows)
    {
        var blocks = new TextBlocks();
        blocks.Add(rows);
        return blocks.MayHold(asked).Any();
    }
}
