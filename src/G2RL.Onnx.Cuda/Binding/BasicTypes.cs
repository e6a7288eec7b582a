namespace ManagedCuda.BasicTypes;

internal enum CUResult
{
    Success = 0,
    ErrorNotInitialized = 3,
}

internal enum CUFunctionAttribute
{
    MaxDynamicSharedSizeBytes = 8,
}

internal enum CUStreamFlags : uint
{
    NonBlocking = 1,
}

internal enum CUEventFlags : uint
{
    Default = 0,
}

internal readonly struct SizeT(nuint value)
{
    private readonly nuint value = value;

    public static implicit operator SizeT(long value) => new((nuint)value);

    public static implicit operator SizeT(int value) => new((nuint)value);

    public static implicit operator long(SizeT size) => (long)size.value;
}

internal struct CUdeviceptr(SizeT pointer)
{
    public SizeT Pointer = pointer;
}

internal struct CUmodule
{
    public nint Pointer;
}

internal struct CUfunction
{
    public nint Pointer;
}

internal struct CUstream
{
    public nint Pointer;
}

internal struct CUevent
{
    public nint Pointer;
}
