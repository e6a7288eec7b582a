namespace G2RL.Onnx.Cuda.Tests;

[TestClass]
public sealed class KernelArgumentTests
{
    [TestMethod]
    public void Argument_NegativeInt_KeepsFourBytes()
    {
        KernelArgument argument = -2;
        Assert.AreEqual(new KernelArgument(0xFFFFFFFE, 4), argument);
    }

    [TestMethod]
    public void Argument_Float_IsItsBits()
    {
        KernelArgument argument = 1.5f;
        Assert.AreEqual(new KernelArgument(0x3FC00000, 4), argument);
    }
}
