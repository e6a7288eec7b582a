using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cuda.Tests.Operators;

/// <summary>Which operators ONNX Runtime's CUDA provider has, in which versions and types (tests/fixtures/ort-cuda-kernels.json).</summary>
internal sealed class CudaKernelTable
{
    private static readonly Dictionary<string, ElementType> Types = new(StringComparer.Ordinal)
    {
        ["bfloat16"] = ElementType.BFloat16,
        ["bool"] = ElementType.Bool,
        ["double"] = ElementType.Float64,
        ["float"] = ElementType.Float32,
        ["float16"] = ElementType.Float16,
        ["int32"] = ElementType.Int32,
        ["int64"] = ElementType.Int64,
        ["int8"] = ElementType.Int8,
        ["uint8"] = ElementType.UInt8,
    };

    private readonly ILookup<string, Kernel> kernels;

    private CudaKernelTable(IEnumerable<Kernel> kernels) => this.kernels = kernels.ToLookup(k => k.Operator, StringComparer.Ordinal);

    public static CudaKernelTable Load()
    {
        var table = JsonNode.Parse(File.ReadAllText(SharedFolder.InRepository("tests", "fixtures", "ort-cuda-kernels.json")))!;
        return new(table["kernels"]!.AsArray().Select(row => Kernel.Parse(row!.AsObject())));
    }

    public IEnumerable<string> Operators => kernels.Select(k => k.Key);

    /// <summary>Why the provider has no kernel for a node; null when it has one.</summary>
    public string? Fault(OperatorUse use)
    {
        var ofName = kernels[use.Operator].ToArray();
        if (ofName.Length == 0)
            return $"{use.Operator}: no kernel";
        var ofVersion = ofName.Where(k => k.Holds(use.Since)).ToArray();
        if (ofVersion.Length == 0)
            return $"{use.Operator}-{use.Since}: no kernel of this version";
        var faults = ofVersion.Select(k => k.Fault(use)).ToArray();
        return faults.Any(f => f is null) ? null : faults[0];
    }

    // A kernel of version 14 on, without an end, is taken for every later version too, as the provider of 1.31.0 does (KernelTableTests).
    private sealed record Kernel(
        string Operator,
        int From,
        int To,
        string[] Inputs,
        string[] Outputs,
        Dictionary<string, HashSet<ElementType>> Names)
    {
        public static Kernel Parse(JsonObject row)
        {
            var range = row["opsets"]!.GetValue<string>();
            var versions = range.Trim('[', ']', '+')
                .Split(", ")
                .Select(v => int.Parse(v, CultureInfo.InvariantCulture))
                .ToArray();
            return new(
                row["op"]!.GetValue<string>(),
                versions[0],
                range.EndsWith('+') ? int.MaxValue : versions[^1],
                Words(row["in"]!),
                Words(row["out"]!),
                row.Where(f => f.Key is not ("op" or "opsets" or "in" or "out"))
                    .ToDictionary(f => f.Key, f => Words(f.Value!).Select(t => Types[t]).ToHashSet(), StringComparer.Ordinal));
        }

        public bool Holds(int since) => since >= From && since <= To;

        public string? Fault(OperatorUse use) => Fault(use, "input", Inputs, use.Inputs) ?? Fault(use, "output", Outputs, use.Outputs);

        private string? Fault(OperatorUse use, string side, string[] names, IReadOnlyList<ElementType?> types)
        {
            for (var i = 0; i < types.Count; i++)
            {
                if (types[i] is not { } type)
                    continue;
                var name = i < names.Length
                    ? names[i]
                    : names[^1].EndsWith("...", StringComparison.Ordinal) ? names[^1]
                    : throw new InvalidDataException($"{use.Operator} has {types.Count} {side}s; the table knows {names.Length}.");
                name = name.TrimEnd('.');
                var fits = Types.TryGetValue(name, out var fixedType) ? fixedType == type : Names[name].Contains(type);
                if (!fits)
                    return $"{use.Operator}-{use.Since}: no kernel for {side} {i} of {type}";
            }
            return null;
        }

        private static string[] Words(JsonNode text) => text.GetValue<string>().Split(' ');
    }
}
