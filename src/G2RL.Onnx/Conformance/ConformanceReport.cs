using System.Text.Json.Nodes;

namespace G2RL.Onnx.Conformance;

/// <summary>How a case came out.</summary>
/// <param name="Id">Name of the case.</param>
/// <param name="Kind">Its kind; for an unsupported one what is not supported.</param>
/// <param name="Supported">Whether it was computed.</param>
/// <param name="Fault">What is wrong; empty when nothing is.</param>
/// <param name="Error">Largest error: absolute, or relative to values above 1.</param>
/// <param name="Seconds">Wall time.</param>
public sealed record CaseResult(string Id, string Kind, bool Supported, string Fault, double Error, double Seconds)
{
    /// <summary>Whether it was computed and everything agrees.</summary>
    public bool Passed => Supported && Fault.Length == 0;
}

/// <summary>A file or model folder with golden cases.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="Cases">Its cases.</param>
public sealed record FileResult(string Path, IReadOnlyList<CaseResult> Cases)
{
    /// <summary>Cases that agree.</summary>
    public int Passed => Cases.Count(c => c.Passed);

    /// <summary>Cases that were computed and do not agree.</summary>
    public int Failed => Cases.Count(c => c.Supported && !c.Passed);

    /// <summary>Cases that were not computed.</summary>
    public int Unsupported => Cases.Count(c => !c.Supported);

    /// <summary>Largest error of its cases.</summary>
    public double Error => Cases.Where(c => c.Supported).Select(c => c.Error).DefaultIfEmpty().Max();

    /// <summary>The case that took longest.</summary>
    public CaseResult? Slowest => Cases.MaxBy(c => c.Seconds);

    /// <summary>The file as a row of JSON, with each case that did not pass.</summary>
    public JsonObject ToJson() => new()
    {
        ["file"] = Path,
        ["cases"] = Cases.Count,
        ["passed"] = Passed,
        ["failed"] = Failed,
        ["unsupported"] = Unsupported,
        ["largest_error"] = double.IsFinite(Error) ? Error : null,
        ["slowest"] = Slowest?.Id,
        ["slowest_s"] = Slowest?.Seconds,
        ["failures"] = new JsonArray([.. Cases.Where(c => c.Supported && !c.Passed)
            .Select(c => (JsonNode)new JsonObject { ["id"] = c.Id, ["kind"] = c.Kind, ["fault"] = c.Fault })]),
        ["unsupported_kinds"] = new JsonObject(Cases.Where(c => !c.Supported)
            .GroupBy(c => c.Kind)
            .Select(g => KeyValuePair.Create(g.Key, (JsonNode?)g.Count()))),
    };
}

/// <summary>Everything that was looked at.</summary>
/// <param name="Files">Files and model folders with cases.</param>
/// <param name="NotCases">Files and folders without.</param>
public sealed record ConformanceReport(IReadOnlyList<FileResult> Files, IReadOnlyList<string> NotCases)
{
    /// <summary>Whether everything computed agrees and, if strict, everything was computed.</summary>
    public bool IsGreen(bool strict) => Files.All(f => f.Failed == 0 && (!strict || f.Unsupported == 0));
}
