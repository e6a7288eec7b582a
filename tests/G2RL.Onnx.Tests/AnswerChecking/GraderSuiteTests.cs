namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>The suites of other graders, each under its policy. No answer that a suite calls wrong may be right.</summary>
[TestClass]
public sealed class GraderSuiteTests
{
    [TestMethod]
    public void Check_SuitesOfOtherGraders_Agrees()
    {
        Agrees(GraderSuites.Checks("math_verify_half", "math_verify"), 0.97);
        Agrees(GraderSuites.Checks("lighteval_extractive", "lighteval"), 0.97);
        Agrees(GraderSuites.Checks("nemo_skills_math_equal", "nemo_skills"), 0.97);
        Agrees(GraderSuites.Checks("hendrycks_math_is_equiv", "hendrycks"), 1);
        Agrees(GraderSuites.Checks("tinker_grade_answer", "tinker"), 1);
        Agrees(GraderSuites.Checks("open_r1_rewards", "open_r1"), 1);
        Agrees(GraderSuites.Checks("trl_rewards", "trl"), 1);
    }

    [TestMethod]
    public void Canonical_StripStringSuite_GivesItsSpellings() => Agrees(GraderSuites.Spellings(), 1);

    [TestMethod]
    public void Extract_TinkerSuite_FindsItsAnswers() => Agrees(GraderSuites.Extractions(), 1);

    private static void Agrees(SuiteResult suite, double atLeast)
    {
        Assert.IsEmpty(suite.FalseRights, $"{suite.Suite}: wrong answers that are right:\n{string.Join('\n', suite.FalseRights)}");
        Assert.IsTrue(
            suite.Agreed >= atLeast * suite.Rows,
            $"{suite.Suite}: {suite.Agreed} of {suite.Rows}:\n{string.Join('\n', suite.Faults)}");
    }
}
