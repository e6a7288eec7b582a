using System.Runtime.InteropServices;

namespace G2RL.Onnx.Execution.CustomOperators;

/// <summary>
/// struct OrtCustomOp of ONNX Runtime's C API, member for member, and behind it what our functions need, which the runtime never looks at.
/// A test compares the members with the header that the package ships.
/// </summary>
/// <remarks>
/// The runtime keeps the address for as long as a session lives whose options name the domain, and calls the members from any thread, also
/// while it ends: a block is allocated once and never freed.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeOperator
{
    public uint version;
    public nint CreateKernel;
    public delegate* unmanaged<NativeOperator*, byte*> GetName;
    public delegate* unmanaged<NativeOperator*, byte*> GetExecutionProviderType;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetInputType;
    public delegate* unmanaged<NativeOperator*, nuint> GetInputTypeCount;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetOutputType;
    public delegate* unmanaged<NativeOperator*, nuint> GetOutputTypeCount;
    public nint KernelCompute;
    public delegate* unmanaged<KernelState*, void> KernelDestroy;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetInputCharacteristic;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetOutputCharacteristic;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetInputMemoryType;
    public delegate* unmanaged<NativeOperator*, int> GetVariadicInputMinArity;
    public delegate* unmanaged<NativeOperator*, int> GetVariadicInputHomogeneity;
    public delegate* unmanaged<NativeOperator*, int> GetVariadicOutputMinArity;
    public delegate* unmanaged<NativeOperator*, int> GetVariadicOutputHomogeneity;
    public delegate* unmanaged<NativeOperator*, void*, nint, KernelState**, nint> CreateKernelV2;
    public delegate* unmanaged<KernelState*, nint, nint> KernelComputeV2;
    public nint InferOutputShapeFn;
    public delegate* unmanaged<NativeOperator*, int> GetStartVersion;
    public delegate* unmanaged<NativeOperator*, int> GetEndVersion;
    public delegate* unmanaged<int**, int**, nuint> GetMayInplace;
    public delegate* unmanaged<int*, int*, void> ReleaseMayInplace;
    public nint GetAliasMap;
    public nint ReleaseAliasMap;

    /// <summary>Members of the C structure: what lies behind them is ours.</summary>
    public const int Members = 26;

    /// <summary>Handle of the <see cref="CustomOperator"/>.</summary>
    public nint Description;

    /// <summary>Its name, UTF-8.</summary>
    public byte* Name;

    /// <summary>Its provider, UTF-8; null is the CPU's.</summary>
    public byte* Provider;

    /// <summary>Its function.</summary>
    public delegate*<in KernelContext, void> Function;
}

/// <summary>What a node's kernel holds between calls.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KernelState
{
    /// <summary>Attributes of one operator at most.</summary>
    public const int MostAttributes = 8;

    /// <summary>The operator.</summary>
    public NativeOperator* Operator;

    /// <summary>The node's attributes, in the order of <see cref="CustomOperator.Attributes"/>.</summary>
    public fixed double Attributes[MostAttributes];
}
