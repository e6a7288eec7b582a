using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Pairs whose equality can be seen by hand, under the policy "math" unless another is named.</summary>
[TestClass]
public sealed class EquivalenceTests
{
    [TestMethod]
    [DataRow("\\frac{1}{2}", "0.5")]
    [DataRow("\\frac{2}{4}", "1/2")]
    [DataRow("\\frac12", "½")]
    [DataRow("3\\frac{1}{2}", "3.5")]
    [DataRow("3 1/2", "\\frac72")]
    [DataRow("0.\\overline{3}", "\\frac13")]
    [DataRow("1{,}000", "1000")]
    [DataRow("11,\\! 111", "11111")]
    [DataRow("14 {, }916", "14916")]
    [DataRow("10^{-3}", "0.001")]
    [DataRow("1.5e3", "1500")]
    [DataRow("\\sqrt{12}", "2\\sqrt3")]
    [DataRow("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}")]
    [DataRow("\\frac{1}{1+\\sqrt2+\\sqrt3}", "\\frac{2+\\sqrt2-\\sqrt6}{4}")]
    [DataRow("\\sqrt{3+2\\sqrt2}", "1+\\sqrt2")]
    [DataRow("\\sqrt[3]{-8}", "-2")]
    [DataRow("\\sqrt{-4}", "2i")]
    [DataRow("\\frac{1}{1+i}", "\\frac{1-i}{2}")]
    [DataRow("e^{i\\pi}", "-1")]
    [DataRow("\\log_2 8", "3")]
    [DataRow("\\ln 4", "2\\ln 2")]
    [DataRow("\\sin 30^\\circ", "\\frac12")]
    [DataRow("\\cos\\frac{\\pi}{12}", "\\frac{\\sqrt6+\\sqrt2}{4}")]
    [DataRow("\\tan^2 x + 1", "\\sec^2 x")]
    [DataRow("(x-2)(x+2)", "x^2-4")]
    [DataRow("\\frac{x^2-1}{x-1}", "x+1")]
    [DataRow("3^{x}\\cdot 3", "3^{x+1}")]
    [DataRow("10^{\\frac{-5+\\sqrt{13}}{6}}", "10^{-\\frac{5-\\sqrt{13}}{6}}")]
    [DataRow("5!", "120")]
    [DataRow("\\binom{10}{3}", "120")]
    [DataRow("|{-3}|", "3")]
    [DataRow("\\lfloor 3.7 \\rfloor", "3")]
    [DataRow("3 \\pm 2\\sqrt2", "3+2\\sqrt2, 3-2\\sqrt2")]
    [DataRow("3, 4", "4, 3")]
    [DataRow("1,2,3", "\\{3,2,1\\}")]
    [DataRow("6 \\text{ or } 8", "6,8")]
    [DataRow("19, 46, and 82", "19,46,82")]
    [DataRow("121,144,169", "121, 144, 169")]
    [DataRow("\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\pi/2)")]
    [DataRow("(-\\infty,3)\\cup(3,\\infty)", "x \\ne 3")]
    [DataRow("[1,2]\\cup[2,3]", "[1,3]")]
    [DataRow("x<-2 \\text{ or } x>3", "(-\\infty,-2)\\cup(3,\\infty)")]
    [DataRow("1\\le|z|\\le\\frac32", "\\left[-\\frac32,-1\\right]\\cup\\left[1,\\frac32\\right]")]
    [DataRow("y = 2x+3", "2x-y+3=0")]
    [DataRow("y = 2x+3", "2x+3")]
    [DataRow("x \\le 1", "-x \\ge -1")]
    [DataRow("\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", "\\left[\\begin{array}{cc}1&2\\\\3&4\\end{array}\\right]")]
    [DataRow("\\begin{pmatrix}1/2\\\\1\\end{pmatrix}", "\\begin{bmatrix} 0.5 \\\\ 1 \\end{bmatrix}")]
    [DataRow("10\\%", "0.1")]
    [DataRow("10\\%", "10")]
    [DataRow("\\$5.50", "5.5")]
    [DataRow("15\\mbox{ cm}^2", "15")]
    [DataRow("100\\text{ cm}", "1\\text{ m}")]
    [DataRow("90^\\circ", "90")]
    [DataRow("\\text{(C)}", "C")]
    [DataRow("\\text{Evelyn}", "evelyn")]
    [DataRow("7:32", "14:64")]
    [DataRow("2^{100000}", "4^{50000}")]
    public void Equivalent_SameValues_AreEqual(string left, string right)
    {
        Assert.IsTrue(AnswerPolicy.All["math"].Equivalent(left, right), $"{left} = {right}");
        Assert.IsTrue(AnswerPolicy.All["math"].Equivalent(right, left), $"{right} = {left}");
    }

    [TestMethod]
    [DataRow("\\frac{1}{23}", "\\frac{12}{3}")]
    [DataRow("1 2", "12")]
    [DataRow("0.333", "\\frac13")]
    [DataRow("\\pi", "3.14159265358979")]
    [DataRow("\\sqrt{x^2}", "x")]
    [DataRow("x^2=4", "4")]
    [DataRow("(1,2)", "[1,2]")]
    [DataRow("(1,2)", "(2,1)")]
    [DataRow("(100,101)", "100101")]
    [DataRow("12", "12 \\text{ and } 13")]
    [DataRow("x=1,y=2", "x=2,y=1")]
    [DataRow("\\text{October 30}", "30")]
    [DataRow("\\text{BAC}", "CAB")]
    [DataRow("BAC", "CAB")]
    [DataRow("5\\text{ cm}", "5\\text{ m}")]
    [DataRow("36^\\circ", "\\$36")]
    [DataRow("2:40", "1:20")]
    [DataRow("2:40\\text{ p.m.}", "2:40\\text{ a.m.}")]
    [DataRow("2^{4181}", "2^{4182}")]
    [DataRow("2516_8", "2516")]
    [DataRow("x+1", "y+1")]
    [DataRow("f(x)", "f(y)")]
    [DataRow("p-q", "q-p")]
    [DataRow("x<1", "x>-1")]
    [DataRow("10", "1000")]
    [DataRow("B", "b")]
    [DataRow("10^{20}+\\ln 2", "10^{20}")]
    [DataRow("1.0000000001", "1")]
    [DataRow("\\frac10", "\\frac10 x")]
    [DataRow("", "")]
    public void Equivalent_DifferentValues_Differ(string left, string right)
    {
        Assert.IsFalse(AnswerPolicy.All["math"].Equivalent(left, right), $"{left}, {right}");
        Assert.IsFalse(AnswerPolicy.All["math"].Equivalent(right, left), $"{right}, {left}");
    }

    [TestMethod]
    public void Equivalent_ToNothing_IsNeverSo()
    {
        foreach (var policy in AnswerPolicy.All.Values)
            foreach (var (left, right) in new[] { (null, "5"), ("", "5"), (" ", "$"), ("", "$"), (null, null) })
                Assert.IsFalse(policy.Equivalent(left, right) || policy.Equivalent(right, left), $"{policy.Name}: '{left}', '{right}'");
    }

    [TestMethod]
    [DataRow("math_verify", "\\frac13", "0.3333333", true)]
    [DataRow("math_verify", "\\frac13", "0.333", false)]
    [DataRow("math_verify", "10\\%", "10", false)]
    [DataRow("nemo_skills", "10\\%", "10", true)]
    [DataRow("nemo_skills", "5", "5.001", false)]
    [DataRow("tinker", "\\frac12", "\\frac24", false)]
    [DataRow("tinker", "0.5", "\\frac24", true)]
    [DataRow("hendrycks", "\\frac12", "\\frac24", false)]
    [DataRow("hendrycks", "0.5", "\\tfrac12", true)]
    [DataRow("hendrycks", "10, 4", "4, 10", false)]
    [DataRow("math_verify", "(1,3)", "{1,3}", true)]
    [DataRow("math_verify", "\\{1,1,2\\}", "1,2", true)]
    [DataRow("math", "\\{1,1,2\\}", "1,2", false)]
    public void Check_WherePoliciesDisagree_FollowsThePolicy(string policy, string gold, string answer, bool right) =>
        Assert.AreEqual(right, AnswerPolicy.All[policy].Check($"\\boxed{{{answer}}}", gold).IsRight);

    [TestMethod]
    [DataRow("1/2", "\\frac{2}{4}")]
    [DataRow("0.50", "\\dfrac12")]
    [DataRow("2\\sqrt3", "\\sqrt{12}")]
    [DataRow("\\frac{1}{1+\\sqrt2}", "\\sqrt2-1")]
    [DataRow("2, 1", "1,2")]
    [DataRow("x = 5", "5")]
    public void Canonical_EqualAnswers_ShareAKey(string left, string right)
    {
        var policy = AnswerPolicy.All["math"];
        Assert.AreEqual(policy.Canonical(left), policy.Canonical(right));
        Assert.IsNotNull(policy.Canonical(left));
    }

    [TestMethod]
    public void Named_UnknownPolicy_ListsThoseThatThereAre() =>
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => AnswerPolicy.Named("nathan")).Message, "math_verify");
}
