using System.Runtime.InteropServices;
using System.Text;
using G2RL.Onnx.Execution.Native;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Execution.CustomOperators;

/// <summary>
/// A set of operators under one domain, which sessions may use. It lives as long as the process: the runtime keeps its addresses and says
/// nowhere when it has forgotten them. Make few, and keep them in static fields.
/// </summary>
internal sealed unsafe class CustomOperatorDomain
{
    private const int RuntimeException = 6;

    private readonly nint domain;

    /// <summary>Hands the operators to ONNX Runtime.</summary>
    /// <param name="name">The domain's name in graphs.</param>
    /// <param name="operators">Its operators, all of version 1.</param>
    /// <exception cref="InvalidOperationException">The runtime is too old, or refuses one.</exception>
    public CustomOperatorDomain(string name, IEnumerable<CustomOperator> operators)
    {
        nint made;
        OrtFunctions.Check(((delegate* unmanaged<byte*, nint*, nint>)OrtFunctions.At(OrtFunctions.CreateCustomOpDomain))(
            Kept(name),
            &made));
        domain = made;
        foreach (var one in operators)
            OrtFunctions.Check(((delegate* unmanaged<nint, NativeOperator*, nint>)OrtFunctions.At(OrtFunctions.CustomOpDomain_Add))(
                domain,
                Native(one)));
    }

    /// <summary>Lets sessions that are made with these options use the operators.</summary>
    public void AddTo(SessionOptions options)
    {
        var held = false;
        try
        {
            options.DangerousAddRef(ref held);
            OrtFunctions.Check(((delegate* unmanaged<nint, nint, nint>)OrtFunctions.At(OrtFunctions.AddCustomOpDomain))(
                options.DangerousGetHandle(),
                domain));
        }
        finally
        {
            if (held)
                options.DangerousRelease();
        }
    }

    private static NativeOperator* Native(CustomOperator described)
    {
        if (described.Attributes.Length > KernelState.MostAttributes)
            throw new ArgumentException($"{described.Name} has {described.Attributes.Length} attributes; "
                + $"{KernelState.MostAttributes} is the most.");
        var made = (NativeOperator*)NativeMemory.AllocZeroed((nuint)sizeof(NativeOperator));
        made->version = OrtFunctions.Version;
        made->GetName = &GetName;
        made->GetExecutionProviderType = &GetProvider;
        made->GetInputType = &GetInputType;
        made->GetInputTypeCount = &GetInputCount;
        made->GetOutputType = &GetOutputType;
        made->GetOutputTypeCount = &GetOutputCount;
        made->KernelDestroy = &Destroy;
        made->GetInputCharacteristic = &GetInputKind;
        made->GetOutputCharacteristic = &GetOutputKind;
        made->GetInputMemoryType = &GetMemoryType;
        made->GetVariadicInputMinArity = &One;
        made->GetVariadicInputHomogeneity = &One;
        made->GetVariadicOutputMinArity = &One;
        made->GetVariadicOutputHomogeneity = &One;
        made->CreateKernelV2 = &Create;
        made->KernelComputeV2 = &Compute;
        made->GetStartVersion = &One;
        if (described.InPlace != InPlace.No)
        {
            // The runtime passes nothing that would tell whose pairs it asks for: a function each.
            made->GetMayInplace = described.InPlace switch
            {
                InPlace.First => &FirstPair,
                InPlace.Third => &ThirdPair,
                _ => &PairsBehindTheFirst,
            };
            made->ReleaseMayInplace = &ReleasePairs;
        }
        made->Description = GCHandle.ToIntPtr(GCHandle.Alloc(described));
        made->Name = Kept(described.Name);
        made->Provider = described.Provider is null ? null : Kept(described.Provider);
        made->Function = described.Function;
        return made;
    }

    // A text that is never freed.
    private static byte* Kept(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var kept = (byte*)NativeMemory.AllocZeroed((nuint)bytes.Length + 1);
        bytes.CopyTo(new Span<byte>(kept, bytes.Length));
        return kept;
    }

    private static CustomOperator Description(NativeOperator* of) => (CustomOperator)GCHandle.FromIntPtr(of->Description).Target!;

    private static nint Failed(NativeOperator* of, Exception e)
    {
        byte[] message;
        try
        {
            message = Encoding.UTF8.GetBytes($"{Description(of).Name}: {e.GetType().Name}: {e.Message}\0");
        }
#pragma warning disable CA1031 // nothing may cross native code
        catch (Exception)
        {
            message = [.. "a kernel failed"u8, 0];
        }
#pragma warning restore CA1031
        fixed (byte* text = message)
            return ((delegate* unmanaged<int, byte*, nint>)OrtFunctions.At(OrtFunctions.CreateStatus))(RuntimeException, text);
    }

#pragma warning disable CA1031 // exceptions end here, as the runtime's own errors

    [UnmanagedCallersOnly]
    private static nint Create(NativeOperator* of, void* api, nint info, KernelState** kernel)
    {
        *kernel = null;
        try
        {
            var state = (KernelState*)NativeMemory.AllocZeroed((nuint)sizeof(KernelState));
            *kernel = state;
            state->Operator = of;
            var attributes = Description(of).Attributes;
            for (var i = 0; i < attributes.Length; i++)
                state->Attributes[i] = Attribute(info, attributes[i].Name, attributes[i].Type);
            return 0;
        }
        catch (Exception e)
        {
            // The runtime does not destroy what was not made.
            NativeMemory.Free(*kernel);
            *kernel = null;
            return Failed(of, e);
        }
    }

    private static double Attribute(nint info, string name, AttributeType type)
    {
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
        {
            if (type == AttributeType.Int)
            {
                long whole;
                OrtFunctions.Check(((delegate* unmanaged<nint, byte*, long*, nint>)OrtFunctions.At(
                    OrtFunctions.KernelInfoGetAttribute_int64))(info, text, &whole));
                return whole;
            }
            float number;
            OrtFunctions.Check(((delegate* unmanaged<nint, byte*, float*, nint>)OrtFunctions.At(
                OrtFunctions.KernelInfoGetAttribute_float))(info, text, &number));
            return number;
        }
    }

    [UnmanagedCallersOnly]
    private static nint Compute(KernelState* kernel, nint context)
    {
        try
        {
            kernel->Operator->Function(new KernelContext(context, kernel->Attributes));
            return 0;
        }
        catch (Exception e)
        {
            return Failed(kernel->Operator, e);
        }
    }

#pragma warning restore CA1031

    [UnmanagedCallersOnly]
    private static void Destroy(KernelState* kernel) => NativeMemory.Free(kernel);

    [UnmanagedCallersOnly]
    private static byte* GetName(NativeOperator* of) => of->Name;

    // None is the CPU's.
    [UnmanagedCallersOnly]
    private static byte* GetProvider(NativeOperator* of) => of->Provider;

    [UnmanagedCallersOnly]
    private static int GetInputType(NativeOperator* of, nuint index) => (int)Description(of).Inputs[(int)index].Type;

    [UnmanagedCallersOnly]
    private static nuint GetInputCount(NativeOperator* of) => (nuint)Description(of).Inputs.Length;

    [UnmanagedCallersOnly]
    private static int GetOutputType(NativeOperator* of, nuint index) => (int)Description(of).Outputs[(int)index].Type;

    [UnmanagedCallersOnly]
    private static nuint GetOutputCount(NativeOperator* of) => (nuint)Description(of).Outputs.Length;

    // INPUT_OUTPUT_REQUIRED is 0, INPUT_OUTPUT_OPTIONAL is 1.
    [UnmanagedCallersOnly]
    private static int GetInputKind(NativeOperator* of, nuint index) => Description(of).Inputs[(int)index].Optional ? 1 : 0;

    [UnmanagedCallersOnly]
    private static int GetOutputKind(NativeOperator* of, nuint index) => Description(of).Outputs[(int)index].Optional ? 1 : 0;

    // OrtMemTypeDefault.
    [UnmanagedCallersOnly]
    private static int GetMemoryType(NativeOperator* of, nuint index) => 0;

    [UnmanagedCallersOnly]
    private static int One(NativeOperator* of) => 1;

    private static readonly int* Numbers = Counted();

    private static int* Counted()
    {
        var numbers = (int*)NativeMemory.Alloc(3 * sizeof(int));
        for (var i = 0; i < 3; i++)
            numbers[i] = i;
        return numbers;
    }

    [UnmanagedCallersOnly]
    private static nuint FirstPair(int** inputs, int** outputs)
    {
        *inputs = Numbers;
        *outputs = Numbers;
        return 1;
    }

    [UnmanagedCallersOnly]
    private static nuint ThirdPair(int** inputs, int** outputs)
    {
        *inputs = Numbers + 2;
        *outputs = Numbers;
        return 1;
    }

    [UnmanagedCallersOnly]
    private static nuint PairsBehindTheFirst(int** inputs, int** outputs)
    {
        *inputs = Numbers + 1;
        *outputs = Numbers;
        return 2;
    }

    [UnmanagedCallersOnly]
    private static void ReleasePairs(int* inputs, int* outputs)
    {
    }
}
