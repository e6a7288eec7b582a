using System.Text.RegularExpressions;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards;

/// <summary>A reward of the form alone: by tags, by a pattern, or by what the problem set calls well-formed.</summary>
public sealed record FormatConfig : RewardConfig
{
    /// <summary>
    /// Tags that the response consists of, each once and in this order with nothing but white space between them: ["think", "answer"] asks
    /// for &lt;think&gt;...&lt;/think&gt; &lt;answer&gt;...&lt;/answer&gt;.
    /// </summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>
    /// A regular expression that the response matches somewhere; '.' is any character, a line break too. Without look-around and
    /// back-references.
    /// </summary>
    public string Pattern { get; init; } = "";

    /// <summary>Reward of a response of that form.</summary>
    public double Match { get; init; } = 1;

    /// <summary>Reward of any other.</summary>
    public double Otherwise { get; init; }

    /// <inheritdoc/>
    public override IEnumerable<string> Faults(string at, int maxNewTokens)
    {
        if (Tags.Count > 0 && Pattern.Length > 0)
            yield return $"{at} has tags and a pattern; leave one of them out.";
        foreach (var tag in Tags.Where(t => t is not { Length: > 0 } || t.Any(c => !char.IsLetterOrDigit(c) && c is not ('_' or '-'))))
            yield return $"{at}.tags holds '{tag}'; a tag is letters, digits, '-' and '_', without brackets.";
        if (Tags.Distinct(StringComparer.Ordinal).Count() < Tags.Count)
            yield return $"{at}.tags holds a tag twice; each is asked for once.";
        if (LinearRegex.Fault(Pattern) is { } fault)
            yield return $"{at}.pattern is '{Pattern}'; {fault}";
        foreach (var (name, value) in new[] { ("match", Match), ("otherwise", Otherwise) })
            if (!double.IsFinite(value))
                yield return $"{at}.{name} is {value}; it must be finite.";
    }
}

/// <summary>See <see cref="FormatConfig"/>.</summary>
internal static class FormatReward
{
    public static RewardFunction Create(FormatConfig config)
    {
        Func<Completion, bool> fits;
        if (config.Tags.Count > 0)
            fits = c => HasTags(c.Text, config.Tags);
        else if (config.Pattern.Length > 0 && LinearRegex.Of(config.Pattern) is { } pattern)
            fits = c => pattern.IsMatch(c.Text);
        else
            fits = c => c.Verdict is { WellFormed: true };
        return completion => fits(completion) ? Outcome.Scored(config.Match) : Outcome.Scored(config.Otherwise, wellFormed: false);
    }

    /// <summary>Whether a text is these tags in this order, each of them once, and nothing else but what they hold.</summary>
    public static bool HasTags(string text, IReadOnlyList<string> tags)
    {
        var at = 0;
        foreach (var tag in tags)
        {
            var (open, close) = ($"<{tag}>", $"</{tag}>");
            while (at < text.Length && char.IsWhiteSpace(text[at]))
                at++;
            if (string.CompareOrdinal(text, at, open, 0, open.Length) != 0)
                return false;
            at = text.IndexOf(close, at, StringComparison.Ordinal);
            if (at < 0 || text.IndexOf(open, StringComparison.Ordinal) != text.LastIndexOf(open, StringComparison.Ordinal)
                || at != text.LastIndexOf(close, StringComparison.Ordinal))
                return false;
            at += close.Length;
        }
        return string.IsNullOrWhiteSpace(text[at..]);
    }
}

/// <summary>Regular expressions whose time is linear in the text, because the texts are hostile.</summary>
internal static class LinearRegex
{
    private const RegexOptions Options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.Singleline;

    public static Regex Of(string pattern) => new(pattern, Options, Regex.InfiniteMatchTimeout);

    /// <summary>What is wrong with a pattern; null for nothing.</summary>
    public static string? Fault(string pattern)
    {
        try
        {
            _ = Of(pattern);
            return null;
        }
        catch (NotSupportedException)
        {
            return "look-around, back-references and atomic groups are not to be had, since responses are hostile and time must be linear.";
        }
        catch (ArgumentException e)
        {
            return $"it is no regular expression: {e.Message}";
        }
    }
}
