using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Where each policy looks, and what it holds for the same.</summary>
[TestClass]
public sealed class PolicyTests
{
    private const string Verify = "math_verify math_verify_latex math_verify_expr lighteval";

    // Which policies take 5 for the answer: their sources, one text for each.
    [TestMethod]
    [DataRow("\\boxed{5}", "math " + Verify + " nemo_skills hendrycks open_instruct tinker open_r1 trl gsm8k aime")]
    [DataRow("\\boxed{5", Verify + " gsm8k")]
    [DataRow("The final answer is 5.", "math " + Verify + " gsm8k aime")]
    [DataRow("The answer is 5.", "math " + Verify + " gsm8k aime")]
    [DataRow("4 apples #### 5", "math_verify math_verify_expr lighteval gsm8k")]
    [DataRow("so 4 then 5 apples", "math_verify math_verify_expr lighteval gsm8k")]
    [DataRow("so it must be $5$ or so 4 apples", "math_verify_latex open_r1 trl")]
    [DataRow("5", "math_verify math_verify_expr lighteval nemo_skills hendrycks open_instruct tinker gsm8k")]
    [DataRow(
        "<think>\\boxed{4}</think>\\boxed{5}",
        "math " + Verify + " nemo_skills hendrycks open_instruct tinker open_r1 trl trl_reasoning gsm8k aime")]
    public void Check_EachPolicy_LooksInItsPlaces(string completion, string policies) => CollectionAssert.AreEquivalent(
        policies.Split(' '),
        AnswerPolicy.All.Values.Where(p => p.Check(completion, "$5$").IsRight).Select(p => p.Name).ToArray(),
        string.Join(' ', AnswerPolicy.All.Values.Where(p => p.Check(completion, "$5$").IsRight).Select(p => p.Name).Order()));

    // Which policies hold two answers for the same: their rules, one pair for each.
    [TestMethod]
    [DataRow("10\\%", "0.1", "math " + Verify + " open_r1 trl trl_reasoning gsm8k aime")]
    [DataRow("10\\%", "10", "math nemo_skills hendrycks open_instruct tinker gsm8k aime")]
    [DataRow("2, 1", "1, 2", "math " + Verify + " nemo_skills open_r1 trl trl_reasoning gsm8k aime")]
    [DataRow("1, 1, 2", "1, 2", Verify + " open_r1 trl trl_reasoning")]
    [DataRow("1, 2", "(1, 2)", Verify + " open_r1 trl trl_reasoning")]
    [DataRow("1,22", "1.22", Verify + " open_r1 trl trl_reasoning")]
    [DataRow("0.333333", "1/3", Verify + " nemo_skills open_r1 trl trl_reasoning")]
    [DataRow("0.3333", "1/3", "nemo_skills")]
    [DataRow("2/4", "1/2", "math " + Verify + " nemo_skills open_r1 trl trl_reasoning gsm8k aime choice")]
    [DataRow("five", "5", "math gsm8k aime choice")]
    public void Equivalent_EachPolicy_HasItsRules(string left, string right, string policies) => CollectionAssert.AreEquivalent(
        policies.Split(' ').Except(["choice"]).ToArray(),
        AnswerPolicy.All.Values.Where(p => p.Name != "choice" && p.Equivalent(left, right)).Select(p => p.Name).ToArray(),
        string.Join(' ', AnswerPolicy.All.Values.Where(p => p.Equivalent(left, right)).Select(p => p.Name).Order()));
}
