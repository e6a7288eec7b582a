namespace G2RL.Onnx.Models;

/// <summary>
/// Hands out parts of one growing range of bytes: the smallest free part that is large enough, the lowest of equal ones, free neighbours
/// joined. It knows places only, no memory: runs take their tensors by it, and a plan goes through the same motions.
/// </summary>
/// <remarks>Allocates nothing once it has held as many parts as it ever will. Not for several threads at once.</remarks>
public sealed class BlockHeap
{
    /// <summary>What every part is a multiple of, bytes.</summary>
    public const int Unit = 256;

    private const int None = -1;

    private readonly Dictionary<long, int> taken = [];
    private Block[] blocks = new Block[256];
    private int count;
    private int spare = None;
    private int last = None;
    private int firstFree = None;

    /// <summary>Bytes from the beginning that were ever handed out.</summary>
    public long Extent { get; private set; }

    /// <summary>Bytes that are handed out.</summary>
    public long InUse { get; private set; }

    /// <summary>The most of them at once since <see cref="Mark"/>.</summary>
    public long MostInUse { get; private set; }

    /// <summary>The highest end of a part since <see cref="Mark"/>.</summary>
    public long Highest { get; private set; }

    /// <summary>The end of the last part that is handed out.</summary>
    public long Top => last == None ? 0 : blocks[last].IsFree ? blocks[last].Start : blocks[last].Start + blocks[last].Length;

    /// <summary>Takes a part and gives its place.</summary>
    /// <param name="bytes">How many, >= 0.</param>
    public long Take(long bytes)
    {
        var length = Math.Max(1, (bytes + Unit - 1) / Unit) * Unit;
        // The free end counts as endless, and so is taken last: places do not depend on what was once held there.
        var best = None;
        for (var i = firstFree; i != None; i = blocks[i].NextFree)
            if (i != last && blocks[i].Length >= length && (best == None || Precedes(blocks[i], blocks[best])))
                best = i;
        if (best == None)
            best = End(length);
        Leave(best);
        if (blocks[best].Length > length)
            Split(best, length);
        taken[blocks[best].Start] = best;
        InUse += length;
        MostInUse = Math.Max(MostInUse, InUse);
        Highest = Math.Max(Highest, blocks[best].Start + length);
        return blocks[best].Start;
    }

    /// <summary>Gives a part back.</summary>
    /// <param name="place">Where it begins.</param>
    /// <exception cref="ArgumentException">No part that is handed out begins there.</exception>
    public void Give(long place)
    {
        if (!taken.Remove(place, out var at))
            throw new ArgumentException($"Nothing that begins at {place} is handed out.", nameof(place));
        InUse -= blocks[at].Length;
        if (blocks[at].Before is not None and var before && blocks[before].IsFree)
        {
            Leave(before);
            at = Join(before, at);
        }
        if (blocks[at].After is not None and var after && blocks[after].IsFree)
        {
            Leave(after);
            at = Join(at, after);
        }
        Enter(at);
    }

    /// <summary>Forgets the highest figures so far.</summary>
    public void Mark() => (MostInUse, Highest) = (InUse, Top);

    private static bool Precedes(in Block a, in Block b) => a.Length != b.Length ? a.Length < b.Length : a.Start < b.Start;

    // The end as a free part that is large enough.
    private int End(long length)
    {
        if (last != None && blocks[last].IsFree)
        {
            Extent += Math.Max(0, length - blocks[last].Length);
            blocks[last].Length = Math.Max(length, blocks[last].Length);
            return last;
        }
        var made = New(Extent, length, last, None);
        if (last != None)
            blocks[last].After = made;
        last = made;
        Extent += length;
        Enter(made);
        return made;
    }

    private void Split(int at, long length)
    {
        var rest = New(blocks[at].Start + length, blocks[at].Length - length, at, blocks[at].After);
        if (blocks[at].After != None)
            blocks[blocks[at].After].Before = rest;
        else
            last = rest;
        (blocks[at].After, blocks[at].Length) = (rest, length);
        Enter(rest);
    }

    private int Join(int at, int after)
    {
        blocks[at].Length += blocks[after].Length;
        blocks[at].After = blocks[after].After;
        if (blocks[at].After != None)
            blocks[blocks[at].After].Before = at;
        else
            last = at;
        (blocks[after].NextFree, spare) = (spare, after);
        return at;
    }

    private int New(long start, long length, int before, int after)
    {
        int at;
        if (spare != None)
            (at, spare) = (spare, blocks[spare].NextFree);
        else
        {
            if (count == blocks.Length)
                Array.Resize(ref blocks, 2 * count);
            at = count++;
        }
        blocks[at] = new Block { Start = start, Length = length, Before = before, After = after };
        return at;
    }

    private void Enter(int at)
    {
        (blocks[at].IsFree, blocks[at].NextFree, blocks[at].PreviousFree) = (true, firstFree, None);
        if (firstFree != None)
            blocks[firstFree].PreviousFree = at;
        firstFree = at;
    }

    private void Leave(int at)
    {
        var (previous, next) = (blocks[at].PreviousFree, blocks[at].NextFree);
        if (previous != None)
            blocks[previous].NextFree = next;
        else
            firstFree = next;
        if (next != None)
            blocks[next].PreviousFree = previous;
        blocks[at].IsFree = false;
    }

    private struct Block
    {
        public long Start;
        public long Length;
        public int Before;
        public int After;
        public int NextFree;
        public int PreviousFree;
        public bool IsFree;
    }
}
