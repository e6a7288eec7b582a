using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Execution.Native;

/// <summary>
/// ONNX Runtime's table of C functions, for the few that its C# binding does not offer. The table only ever grows at its end, so a function
/// keeps its place in every later version; a test compares each place used here with the header that the package ships.
/// </summary>
internal static unsafe class OrtFunctions
{
    /// <summary>The lowest version of the table that has all that is used.</summary>
    public const uint Version = 24;

    /// <summary>Where each function used stands in the table, counted from 0.</summary>
    public static IReadOnlyDictionary<string, int> Places { get; } = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        [nameof(CreateStatus)] = CreateStatus,
        [nameof(GetErrorMessage)] = GetErrorMessage,
        [nameof(CreateCustomOpDomain)] = CreateCustomOpDomain,
        [nameof(CustomOpDomain_Add)] = CustomOpDomain_Add,
        [nameof(AddCustomOpDomain)] = AddCustomOpDomain,
        [nameof(GetTensorMutableData)] = GetTensorMutableData,
        [nameof(CreateMemoryInfo)] = CreateMemoryInfo,
        [nameof(KernelInfoGetAttribute_float)] = KernelInfoGetAttribute_float,
        [nameof(KernelInfoGetAttribute_int64)] = KernelInfoGetAttribute_int64,
        [nameof(KernelContext_GetInputCount)] = KernelContext_GetInputCount,
        [nameof(KernelContext_GetOutputCount)] = KernelContext_GetOutputCount,
        [nameof(KernelContext_GetInput)] = KernelContext_GetInput,
        [nameof(KernelContext_GetOutput)] = KernelContext_GetOutput,
        [nameof(ReleaseStatus)] = ReleaseStatus,
        [nameof(ReleaseMemoryInfo)] = ReleaseMemoryInfo,
        [nameof(CreateAllocator)] = CreateAllocator,
        [nameof(ReleaseAllocator)] = ReleaseAllocator,
        [nameof(RegisterAllocator)] = RegisterAllocator,
        [nameof(KernelContext_ParallelFor)] = KernelContext_ParallelFor,
        [nameof(GetKeyValue)] = GetKeyValue,
        [nameof(ReleaseKeyValuePairs)] = ReleaseKeyValuePairs,
        [nameof(AllocatorGetStats)] = AllocatorGetStats,
        [nameof(Session_GetEpGraphAssignmentInfo)] = Session_GetEpGraphAssignmentInfo,
        [nameof(EpAssignedSubgraph_GetEpName)] = EpAssignedSubgraph_GetEpName,
        [nameof(EpAssignedSubgraph_GetNodes)] = EpAssignedSubgraph_GetNodes,
        [nameof(EpAssignedNode_GetName)] = EpAssignedNode_GetName,
        [nameof(EpAssignedNode_GetDomain)] = EpAssignedNode_GetDomain,
        [nameof(EpAssignedNode_GetOperatorType)] = EpAssignedNode_GetOperatorType,
        [nameof(GetTensorElementTypeAndShapeDataReference)] = GetTensorElementTypeAndShapeDataReference,
    };

#pragma warning disable CA1707 // the names are those of the header
    public const int CreateStatus = 0;
    public const int GetErrorMessage = 2;
    public const int CreateCustomOpDomain = 26;
    public const int CustomOpDomain_Add = 27;
    public const int AddCustomOpDomain = 28;
    public const int GetTensorMutableData = 51;
    public const int CreateMemoryInfo = 68;
    public const int KernelInfoGetAttribute_float = 85;
    public const int KernelInfoGetAttribute_int64 = 86;
    public const int KernelContext_GetInputCount = 88;
    public const int KernelContext_GetOutputCount = 89;
    public const int KernelContext_GetInput = 90;
    public const int KernelContext_GetOutput = 91;
    public const int ReleaseStatus = 93;
    public const int ReleaseMemoryInfo = 94;
    public const int CreateAllocator = 131;
    public const int ReleaseAllocator = 132;
    public const int RegisterAllocator = 176;
    public const int KernelContext_ParallelFor = 274;
    public const int GetKeyValue = 297;
    public const int ReleaseKeyValuePairs = 300;
    public const int AllocatorGetStats = 319;
    public const int Session_GetEpGraphAssignmentInfo = 407;
    public const int EpAssignedSubgraph_GetEpName = 408;
    public const int EpAssignedSubgraph_GetNodes = 409;
    public const int EpAssignedNode_GetName = 410;
    public const int EpAssignedNode_GetDomain = 411;
    public const int EpAssignedNode_GetOperatorType = 412;
    public const int GetTensorElementTypeAndShapeDataReference = 414;
#pragma warning restore CA1707

    private static readonly Lazy<nint> Table = new(Load);

    /// <summary>Whether the runtime of this build has a table of <see cref="Version"/>; the last one with a training API has not.</summary>
    public static bool AreThere { get; } = System.Version.TryParse(OrtEnv.Instance().GetVersionString(), out var version)
        && version >= new Version(1, (int)Version);

    /// <summary>The address of a function.</summary>
    public static void* At(int place) => ((void**)Table.Value)[place];

    /// <summary>Throws what a status says; a status of 0 says that all is well.</summary>
    /// <exception cref="InvalidOperationException">ONNX Runtime's own words.</exception>
    public static void Check(nint status)
    {
        if (status == 0)
            return;
        var message = Text(((delegate* unmanaged<nint, byte*>)At(GetErrorMessage))(status));
        ((delegate* unmanaged<nint, void>)At(ReleaseStatus))(status);
        throw new InvalidOperationException($"ONNX Runtime: {message}");
    }

    /// <summary>A text of ONNX Runtime's.</summary>
    public static string Text(byte* utf8) => Marshal.PtrToStringUTF8((nint)utf8) ?? "";

    /// <summary>The native session, which the binding keeps to itself.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Handle")]
    public static extern nint Handle(InferenceSession session);

    private static nint Load()
    {
        // The environment makes the binding load its own library, which is then the one that is asked.
        var version = OrtEnv.Instance().GetVersionString();
        var library = NativeLibrary.Load("onnxruntime", typeof(InferenceSession).Assembly, searchPath: null);
        // struct OrtApiBase { const OrtApi* (*GetApi)(uint32_t); const char* (*GetVersionString)(); }
        var functions = (void**)((delegate* unmanaged<void*>)NativeLibrary.GetExport(library, "OrtGetApiBase"))();
        var table = (nint)((delegate* unmanaged<uint, void*>)functions[0])(Version);
        return table != 0 ? table : throw new InvalidOperationException($"ONNX Runtime {version} has no C API of version {Version}; "
            + $"1.{Version} is the oldest that works.");
    }
}
