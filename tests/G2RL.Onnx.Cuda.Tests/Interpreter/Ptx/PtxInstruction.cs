namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>Where an access goes.</summary>
internal enum Space : byte
{
    Generic,
    Global,
    Shared,
}

/// <summary>
/// An instruction, decoded once. D, A, B, C, E are registers; what is not used names register 0, which always holds 0. Constants and
/// special registers (%tid and so on) are registers too, filled before a thread starts.
/// </summary>
internal struct PtxInstruction
{
    public PtxOp Op;
    public Space Space;

    /// <summary>Bytes of one element of an access.</summary>
    public byte Size;

    /// <summary>Elements of a vector access: registers D, B, C, E.</summary>
    public byte Count;

    /// <summary>A load that extends the sign.</summary>
    public bool Signed;

    /// <summary>The guard's value that skips the instruction.</summary>
    public bool SkipOn;

    /// <summary>The guard's register, or -1.</summary>
    public int Guard;

    public int D;
    public int A;
    public int B;
    public int C;
    public int E;

    /// <summary>Target of a branch, offset of an access or of a parameter, or the place of an instruction's fragments.</summary>
    public int Offset;

    /// <summary>The block of memory that this instruction touched last.</summary>
    public ulong Start;

    /// <summary>Its end.</summary>
    public ulong End;
}
