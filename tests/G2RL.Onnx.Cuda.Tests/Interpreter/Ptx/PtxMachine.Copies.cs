namespace G2RL.Onnx.Cuda.Tests.Interpreter;

// Copies into shared memory that run ahead (cp.async). They happen as late as they may, when their thread waits for them: whoever touches
// their bytes before is told, and what another thread reads must lie behind a barrier after that.
internal sealed unsafe partial class PtxMachine
{
    private readonly Dictionary<int, List<Copying>> copies = [];

    private void BeginCopy(PtxInstruction* i, ulong to, ulong from, uint given, int thread)
    {
        if (to % i->Size != 0 || from % i->Size != 0)
            throw new PtxException($"a copy of {i->Size} bytes from {from:x} to {to:x}, which are not both aligned to them");
        if (given > i->Size)
            throw new PtxException($"a copy of {i->Size} bytes, of which {given} are read");
        if (given > 0)
            Global(i, from, (int)given, write: false, atomic: false, thread);
        shared.Copy(to, i->Size, begins: true, thread);
        if (!copies.TryGetValue(thread, out var all))
            copies.Add(thread, all = []);
        all.Add(new(to, from, i->Size, (int)given, Closed: false));
    }

    private void EndCopies(int thread)
    {
        if (!copies.TryGetValue(thread, out var all))
            copies.Add(thread, all = []);
        // An empty group counts as well.
        all.Add(new(0, 0, 0, 0, Closed: true));
    }

    // All but the youngest `left` groups.
    private void WaitForCopies(int left, int thread)
    {
        if (!copies.TryGetValue(thread, out var all))
            return;
        var groups = all.Count(c => c.Closed);
        while (groups > left)
        {
            var copy = all[0];
            all.RemoveAt(0);
            groups -= copy.Closed ? 1 : 0;
            if (copy.Size == 0)
                continue;
            var target = shared.Copy(copy.To, copy.Size, begins: false, thread);
            new Span<byte>(target, copy.Size).Clear();
            new ReadOnlySpan<byte>((void*)copy.From, copy.Given).CopyTo(new Span<byte>(target, copy.Size));
        }
    }

    private void EndThread(int thread)
    {
        if (copies.TryGetValue(thread, out var all) && all.Any(c => c.Size > 0))
            throw new PtxException("ends while copies are on their way that it never waited for");
    }

    private readonly record struct Copying(ulong To, ulong From, int Size, int Given, bool Closed);
}
