using System.Reflection;
using System.Text.RegularExpressions;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cuda.Tests.Driver;

/// <summary>A default build is MIT throughout: nothing of it refers to ManagedCuda, and one file alone names it.</summary>
[TestClass]
public sealed partial class LicenceTests
{
    [TestMethod]
    public void DefaultAssemblies_ReferNowhereToManagedCuda()
    {
        if (CudaDrivers.Available)
            Assert.Inconclusive("this is the cuda flavour, which has a driver");
        var assemblies = Directory.EnumerateFiles(AppContext.BaseDirectory, "*.dll")
            .Where(f => Path.GetFileName(f).StartsWith("G2RL.", StringComparison.Ordinal))
            .ToArray();
        Assert.IsGreaterThanOrEqualTo(3, assemblies.Length);
        foreach (var file in assemblies)
            Assert.AreEqual("", string.Join(' ', Assembly.LoadFrom(file)
                .GetReferencedAssemblies()
                .Select(a => a.Name)
                .Where(n => n!.Contains("ManagedCuda", StringComparison.OrdinalIgnoreCase))), file);
        Assert.IsEmpty(Directory.EnumerateFiles(AppContext.BaseDirectory, "*ManagedCuda*"));
        Assert.IsNull(typeof(CudaBackend).Assembly.GetType("G2RL.Onnx.Cuda.CudaDriver"));
        Assert.Contains("Build with -p:Flavor=cuda", Assert.ThrowsExactly<InputException>(() => CudaDrivers.Open(0)).Message);
    }

    [TestMethod]
    public void OneSourceFile_NamesTheBinding() => Assert.AreEqual(
        "CudaDriver.cs",
        string.Join(' ', Directory.EnumerateFiles(SharedFolder.InRepository("src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => Path.GetFileName(Path.GetDirectoryName(f)) != "Binding" && Using().IsMatch(File.ReadAllText(f)))
            .Select(Path.GetFileName)));

    [GeneratedRegex(@"^using .*\bManagedCuda\b", RegexOptions.Multiline)]
    private static partial Regex Using();
}
