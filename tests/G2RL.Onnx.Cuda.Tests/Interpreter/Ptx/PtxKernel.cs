namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>A kernel, decoded.</summary>
internal sealed class PtxKernel
{
    /// <summary>
    /// What a register holds before anything is written to it: no 32-bit number, and no 64-bit one that turns up by chance.
    /// </summary>
    public const ulong Undefined = 0xDEAD_BEEF_5EED_C0DE;

    /// <summary>The entry's name.</summary>
    public required string Name { get; init; }

    /// <summary>Width and place of each parameter, bytes.</summary>
    public required IReadOnlyList<(int Bytes, int Offset)> Parameters { get; init; }

    /// <summary>Threads of a block at most (.maxntid).</summary>
    public required int MaxThreads { get; init; }

    /// <summary>Static shared memory, bytes.</summary>
    public required int SharedBytes { get; init; }

    /// <summary>Instructions, with the text of each.</summary>
    public required IReadOnlyList<string> Text { get; init; }

    /// <summary>Names of the registers, for messages.</summary>
    public required IReadOnlyList<string> RegisterNames { get; init; }

    public required PtxInstruction[] Code { get; init; }

    /// <summary>Registers of instructions that have more of them than others, see <see cref="PtxFragments"/>.</summary>
    public required IReadOnlyList<int[]> Fragments { get; init; }

    /// <summary>Registers of a thread before its first instruction, special registers apart.</summary>
    public required ulong[] Template { get; init; }

    public required SpecialRegisters Special { get; init; }

    /// <summary>The state of the heap for which the instructions' memory of blocks holds.</summary>
    public long HeapVersion { get; private set; } = -1;

    /// <summary>Forgets the blocks of memory that instructions remember, unless they are those of this state of the heap.</summary>
    public void Renew(long heapVersion)
    {
        if (HeapVersion == heapVersion)
            return;
        for (var i = 0; i < Code.Length; i++)
            (Code[i].Start, Code[i].End) = (0, 0);
        HeapVersion = heapVersion;
    }

    /// <summary>The same kernel with a memory of its own, for another machine.</summary>
    public PtxKernel Copy()
    {
        var code = GC.AllocateArray<PtxInstruction>(Code.Length, pinned: true);
        Code.CopyTo(code, 0);
        return new PtxKernel
        {
            Name = Name,
            Parameters = Parameters,
            MaxThreads = MaxThreads,
            SharedBytes = SharedBytes,
            Text = Text,
            RegisterNames = RegisterNames,
            Code = code,
            Template = Template,
            Fragments = Fragments,
            Special = Special,
        };
    }
}

/// <summary>Where the special registers lie; -1 where the kernel does not read one.</summary>
internal sealed class SpecialRegisters
{
    /// <summary>In the order of <see cref="Indices"/>.</summary>
    public static readonly string[] Names =
    [
        "%tid.x", "%tid.y", "%tid.z", "%ctaid.x", "%ctaid.y", "%ctaid.z", "%ntid.x", "%ntid.y", "%ntid.z", "%nctaid.x", "%nctaid.y",
        "%nctaid.z", "%laneid", "%warpid",
    ];

    public int[] Indices { get; } = [.. Enumerable.Repeat(-1, Names.Length)];
}
