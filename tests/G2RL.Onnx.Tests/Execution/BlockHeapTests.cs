using G2RL.Onnx.Models;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class BlockHeapTests
{
    private const int Unit = BlockHeap.Unit;

    [TestMethod]
    public void Take_AfterGive_FillsTheSmallestGapThatIsLargeEnough()
    {
        var heap = new BlockHeap();
        long[] places = [.. new[] { 4, 1, 2, 1, 3, 1 }.Select(units => heap.Take(units * Unit))];
        CollectionAssert.AreEqual(new long[] { 0, 4 * Unit, 5 * Unit, 7 * Unit, 8 * Unit, 11 * Unit }, places);
        heap.Give(places[0]);
        heap.Give(places[2]);
        heap.Give(places[4]);
        // Gaps of 4, 2 and 3: 2 goes into the gap of 2, then 3 into that of 3, 1 and 3 share that of 4, and 2 needs new room.
        Assert.AreEqual(places[2], heap.Take((2 * Unit) - 1));
        Assert.AreEqual(places[4], heap.Take(3 * Unit));
        Assert.AreEqual(0, heap.Take(1));
        Assert.AreEqual(Unit, heap.Take(3 * Unit));
        Assert.AreEqual(12 * Unit, heap.Extent);
        Assert.AreEqual(12 * Unit, heap.Take(2 * Unit));
    }

    [TestMethod]
    public void Give_OfNeighbours_MakesOneGap()
    {
        var heap = new BlockHeap();
        long[] places = [.. Enumerable.Range(0, 4).Select(_ => heap.Take(Unit))];
        foreach (var i in new[] { 0, 2, 1 })
            heap.Give(places[i]);
        Assert.AreEqual(0, heap.Take(3 * Unit));
        heap.Give(0);
        heap.Give(places[3]);
        Assert.AreEqual(0, heap.Top);
        // The free end is made longer rather than left.
        heap.Take(10 * Unit);
        Assert.AreEqual(10 * Unit, heap.Extent);
        Assert.ThrowsExactly<ArgumentException>(() => heap.Give(Unit));
    }

    // What is handed out never overlaps, and what is handed out and what is free are all there is.
    [TestMethod]
    public void TakeAndGive_AtRandom_KeepPartsApart()
    {
        var (heap, held, random) = (new BlockHeap(), new SortedDictionary<long, long>(), new Random(7));
        var most = 0L;
        for (var i = 0; i < 20_000; i++)
        {
            if (held.Count > 0 && random.Next(100) < 49)
            {
                var place = held.Keys.ElementAt(random.Next(held.Count));
                held.Remove(place);
                heap.Give(place);
            }
            else
            {
                var bytes = random.Next(1, 40 * Unit);
                held.Add(heap.Take(bytes), (bytes + Unit - 1) / Unit * Unit);
            }
            most = Math.Max(most, held.Values.Sum());
            if (i % 100 == 0)
            {
                var end = 0L;
                foreach (var (place, length) in held)
                {
                    Assert.IsGreaterThanOrEqualTo(end, place);
                    end = place + length;
                }
                Assert.AreEqual(end, heap.Top);
            }
        }
        Assert.AreEqual(held.Values.Sum(), heap.InUse);
        Assert.AreEqual(most, heap.MostInUse);
        Assert.IsLessThan(most * 3 / 2, heap.Extent);
        foreach (var place in held.Keys.ToArray())
            heap.Give(place);
        Assert.AreEqual(0, heap.InUse);
        Assert.AreEqual(0, heap.Take(heap.Extent));
    }

    [TestMethod]
    public void TakeAndGive_OnceWarm_AllocateNothing()
    {
        var heap = new BlockHeap();
        void Round()
        {
            Span<long> places = stackalloc long[50];
            for (var i = 0; i < places.Length; i++)
                places[i] = heap.Take((i + 1) * 1000);
            for (var i = 0; i < places.Length; i++)
                heap.Give(places[i * 7 % 50]);
        }
        Round();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Round();
        Assert.AreEqual(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
