using System.Text.Json;
using System.Text.Json.Serialization;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>What became of one mutant.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Line">Its line when it was tried.</param>
/// <param name="Kind">Its operator.</param>
/// <param name="End">How it ended.</param>
/// <param name="Test">The test that noticed.</param>
/// <param name="Tried">Tests that passed with it, by <see cref="Hashes.OfTrial"/>: they are not tried again.</param>
internal sealed record Outcome(string Key, int Line, string Kind, MutantEnd End, string? Test, int[]? Tried = null)
{
    /// <summary>Whether the tests noticed it.</summary>
    [JsonIgnore]
    public bool IsNoticed => End is MutantEnd.Killed or MutantEnd.TimedOut;
}

/// <summary>How a mutant ended.</summary>
internal enum MutantEnd
{
    /// <summary>A test failed that passes without it.</summary>
    Killed,

    /// <summary>The test did not end, or the process died.</summary>
    TimedOut,

    /// <summary>No test failed.</summary>
    Survived,

    /// <summary>No test reaches it.</summary>
    NotCovered,
}

/// <summary>
/// The outcomes of a folder, a line of JSON each, so that a run can be broken off and gone on with. The last line of a key counts.
/// </summary>
/// <param name="path">The file.</param>
internal sealed class Outcomes(string path)
{
    /// <summary>All so far, by key.</summary>
    public Dictionary<string, Outcome> Read() => !File.Exists(path) ? new(StringComparer.Ordinal) :
        File.ReadLines(path)
            .Where(l => l.EndsWith('}'))
            .Select(l => JsonSerializer.Deserialize<Outcome>(l)!)
            .GroupBy(o => o.Key, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.Last(), StringComparer.Ordinal);

    /// <summary>Appends one.</summary>
    public void Add(Outcome outcome) => File.AppendAllText(path, JsonSerializer.Serialize(outcome) + "\n");
}
