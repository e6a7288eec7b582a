using G2RL.Onnx.Reports;

namespace G2RL.Onnx.Tests.Reports;

/// <summary>The report's writer, to the letter.</summary>
[TestClass]
public sealed class HtmlWriterTests
{
    [TestMethod]
    public void Open_NestedElements_AreClosedInOrderAndBlocksEndTheirLine()
    {
        var html = new HtmlWriter();
        using (html.Open("section"))
        using (html.Open("p", "note"))
        {
            html.Text("a ");
            html.Leaf("b", "c");
            html.Leaf("small", "d", "grey");
        }
        Assert.AreEqual("<section><p class=\"note\">a <b>c</b><small class=\"grey\">d</small></p>\n</section>\n", html.ToString());
    }

    [TestMethod]
    [DataRow("span", "")]
    [DataRow("b", "")]
    [DataRow("i", "")]
    [DataRow("td", "")]
    [DataRow("th", "")]
    [DataRow("small", "")]
    [DataRow("tr", "\n")]
    [DataRow("div", "\n")]
    public void Leaf_ElementsInsideALine_LeaveTheLineOpen(string tag, string end)
    {
        var html = new HtmlWriter();
        html.Leaf(tag, "x");
        Assert.AreEqual($"<{tag}>x</{tag}>{end}", html.ToString());
    }

    [TestMethod]
    public void Open_AttributesAndTexts_AreEscaped()
    {
        var html = new HtmlWriter();
        using (html.Open("a", null, ("title", "\"<'>&"), ("id", "x")))
            html.Text("<b> & \"q\"");
        html.Line();
        html.Raw("<hr>");
        Assert.AreEqual("<a title=\"&quot;&lt;&#39;&gt;&amp;\" id=\"x\">&lt;b&gt; &amp; &quot;q&quot;</a>\n\n<hr>", html.ToString());
    }

    [TestMethod]
    [DataRow("line\nbreak", "line\nbreak")]
    [DataRow("\0\t\r\u001f ", "\u2400\u2409\u240d\u241f ")]
    [DataRow("\u007e\u007f", "~\u2421")]
    [DataRow("\u0080\u009f\u00a1", "\u27e8U+0080\u27e9\u27e8U+009F\u27e9&#161;")]
    [DataRow("\u061b\u061c\u061d", "\u061b\u27e8U+061C\u27e9\u061d")]
    [DataRow("\u200a\u200b\u200f\u2010", "\u200a\u27e8U+200B\u27e9\u27e8U+200F\u27e9\u2010")]
    [DataRow("\u2027\u2028\u202e\u202f", "\u2027\u27e8U+2028\u27e9\u27e8U+202E\u27e9\u202f")]
    [DataRow("\u205f\u2060\u206f\u2070", "\u205f\u27e8U+2060\u27e9\u27e8U+206F\u27e9\u2070")]
    [DataRow("\ufefe\ufeff", "\ufefe\u27e8U+FEFF\u27e9")]
    [DataRow("\uffef\ufff0\ufffb\ufffc", "\uffef\u27e8U+FFF0\u27e9\u27e8U+FFFB\u27e9\ufffc")]
    public void Foreign_WhatWouldBeObeyed_IsShown(string text, string shown)
    {
        var html = new HtmlWriter();
        html.Foreign(text, 1000);
        Assert.AreEqual(shown, html.ToString());
    }

    [TestMethod]
    [DataRow("abcd", 4, "abcd")]
    [DataRow("abcde", 4, "abcd<i> … 1 more characters</i>")]
    [DataRow("abc\ud83d\ude00", 4, "abc<i> … 2 more characters</i>")]
    [DataRow("ab\ud83d\ude00e", 4, "ab&#128512;<i> … 1 more characters</i>")]
    public void Foreign_LongText_IsCutBetweenCharactersWithAWord(string text, int limit, string shown)
    {
        var html = new HtmlWriter();
        html.Foreign(text, limit);
        Assert.AreEqual(shown, html.ToString());
    }

    [TestMethod]
    public void Write_Table_IsTheSameInAPageAndInAText()
    {
        var table = new ReportTable("T", "how to read it", ["arm", "pass@1"], [["a|b", "**1.0\u00a0%**"], ["c", "2 <"]]);
        var html = new HtmlWriter();
        table.Write(html);
        Assert.AreEqual(
            "<h3>T</h3>\n<p class=\"note\">how to read it</p>\n"
                + "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"T\"><table class=\"numbers\">"
                + "<thead><tr><th>arm</th><th>pass@1</th></tr>\n</thead>\n"
                + "<tbody><tr><th>a|b</th><td><b>1.0&#160;%</b></td></tr>\n<tr><th>c</th><td>2 "
                + "&lt;</td></tr>\n"
                + "</tbody>\n</table>\n</div>\n",
            html.ToString());
        Assert.AreEqual(
            "## T\n\nhow to read it\n\n| arm | pass@1 |\n| --- | ---: |\n| a\\|b | **1.0 %** |\n| c | 2 < |\n\n",
            table.Markdown("##"));
        Assert.AreEqual("# T\n\n| a |\n| --- |\n\n", new ReportTable("T", "", ["a"], []).Markdown("#"));
    }
}
