using System.Globalization;
using System.Runtime.InteropServices;
using G2RL.Onnx.Execution.Memory;

namespace G2RL.Onnx.Tests;

/// <summary>Pages are there when they are asked for, and gone when they are given back.</summary>
[TestClass]
public sealed unsafe class PagesTests
{
    private const int Bytes = 4 << 20;

    [TestMethod]
    public void Touch_TakesMemoryNow_AndReleaseGivesItBack()
    {
        if (!Pages.CanRelease)
            Assert.Inconclusive("Pages are taken and given back on Linux alone.");
        var memory = (byte*)Pages.Take(Bytes);
        try
        {
            Assert.AreEqual(0, Resident(memory), "before anybody touched it");
            Pages.Touch(memory, Bytes);
            if (Resident(memory) == 0)
                Assert.Inconclusive("This system's kernel is older than MADV_POPULATE_WRITE.");
            Assert.AreEqual(Bytes / Environment.SystemPageSize, Resident(memory));
            memory[Bytes / 2] = 1;
            Pages.Release(memory, Bytes);
            Assert.AreEqual(0, Resident(memory));
            Assert.AreEqual(0, memory[Bytes / 2], "what is taken again is zeroed");
        }
        finally
        {
            Pages.Give(memory, Bytes);
        }
    }

    [TestMethod]
    public void Trim_OfTheSystemsHeap_ChangesNothingThatIsHeld()
    {
        var held = Enumerable.Range(1, 100).Select(i => string.Create(CultureInfo.InvariantCulture, $"{i}")).ToArray();
        var buffers = Array.ConvertAll(held, text => (nint)Marshal.StringToCoTaskMemUTF8(text));
        SystemHeap.Trim();
        CollectionAssert.AreEqual(held, Array.ConvertAll(buffers, b => Marshal.PtrToStringUTF8(b)));
        Array.ForEach(buffers, Marshal.FreeCoTaskMem);
    }

    // Pages of the range that are present: the highest of a page's 64 bits in the system's map.
    private static int Resident(byte* memory)
    {
        var entries = new byte[8 * (Bytes / Environment.SystemPageSize)];
        using var map = File.OpenHandle("/proc/self/pagemap");
        Assert.AreEqual(entries.Length, RandomAccess.Read(map, entries, (long)memory / Environment.SystemPageSize * 8));
        return Enumerable.Range(0, entries.Length / 8).Count(p => entries[(p * 8) + 7] >= 0x80);
    }
}
