using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class SharedFolderTests
{
    private static readonly string[] Missing = ["no", "such", "folder"];

    [TestMethod]
    public void Require_OfWhatIsMissing_IsInconclusive()
    {
        var outcome = "";
        try
        {
            SharedFolder.Require(Missing);
        }
        catch (AssertInconclusiveException e)
        {
            outcome = e.Message;
        }
        StringAssert.Contains(outcome, "needs ../shared/no/such/folder");
    }

    // Whether the folder is there or not: the fault must be seen where it is.
    [TestMethod]
    public async Task Require_InsideAnAssertion_FailsEverywhere()
    {
        string[][] asked = [Missing, ["models"], ["."]];
        foreach (var parts in asked)
        {
            var message = Assert.ThrowsExactly<InvalidOperationException>(() => Indirectly(parts)).Message;
            StringAssert.Contains(message, "is called inside an assertion's lambda; call it before.");
            Assert.Throws<InvalidOperationException>(() => new Lazy<string>(() => Indirectly(parts)).Value);
            await Assert.ThrowsExactlyAsync<InvalidOperationException>(() => Task.FromResult(Indirectly(parts)));
        }
    }

    private static string Indirectly(string[] parts) => SharedFolder.Require(parts);
}
