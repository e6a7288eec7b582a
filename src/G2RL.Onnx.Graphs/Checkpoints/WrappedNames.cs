using G2RL.Onnx.Models;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// Tensor names that a wrapper has put something before (<c>module.</c>, <c>_orig_mod.</c>, <c>model.language_model.</c>), or that leave
/// the base's prefix out
/// (as GPT-2's do). What stands before the embedding's own name stands before all of them.
/// </summary>
internal sealed class WrappedNames
{
    private readonly Func<string, bool> holds;
    private readonly string origin;
    private readonly string outer;
    private readonly string inner;

    public WrappedNames(DecoderSpec spec, IReadOnlyCollection<string> names, Func<string, bool> holds)
    {
        this.holds = holds;
        var module = DecoderNames.Of(spec);
        origin = module.Base;
        var embedding = module.Embedding[origin.Length..] + ".weight";
        string[] found = [.. names.Where(name => name == embedding || name.EndsWith("." + embedding, StringComparison.Ordinal))];
        inner = found.Length == 1 ? found[0][..^embedding.Length] : origin;
        outer = inner == origin || inner.EndsWith("." + origin, StringComparison.Ordinal) ? inner[..^origin.Length] : inner;
    }

    /// <summary>Whether the names are neither the family's own nor those of the bare decoder.</summary>
    public bool IsWrapped => inner.Length > 0 && inner != origin;

    /// <summary>The name that a parameter has here; its own when it is not here.</summary>
    public string Stored(string parameter)
    {
        var isInner = parameter.StartsWith(origin, StringComparison.Ordinal);
        var name = isInner ? inner + parameter[origin.Length..] : outer + parameter;
        // A wrapper stands before all names of the base or before none; the head may lie outside.
        return (IsWrapped && isInner) || (!holds(parameter) && holds(name)) ? name : parameter;
    }

    /// <summary>The family's name of a tensor.</summary>
    public string Plain(string stored) =>
        !IsWrapped ? stored
        : stored.StartsWith(inner, StringComparison.Ordinal) ? origin + stored[inner.Length..]
        : outer.Length > 0 && stored.StartsWith(outer, StringComparison.Ordinal) ? stored[outer.Length..] : stored;
}
