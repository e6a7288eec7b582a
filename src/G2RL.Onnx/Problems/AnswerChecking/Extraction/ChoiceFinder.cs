using System.Text.RegularExpressions;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Finds the letter of a choice, A to J. Each pattern is linear.</summary>
internal static partial class ChoiceFinder
{
    private const int Tail = 4_096;

    /// <summary>The letter, or null: of a box, of "the answer is", of a line's beginning, then the last one that stands alone.</summary>
    /// <param name="text">The completion or the reference.</param>
    /// <param name="count">How many options there are, 1 to 26.</param>
    public static string? Letter(string text, int count)
    {
        if (BoxFinder.LastRun(text, unclosed: true) is { } box)
        {
            if ((Allowed(Bare().Match(box.Trim()), count) ?? Allowed(Labelled().Match(box.Trim()), count)) is { } boxed)
                return boxed;
            if (Several().IsMatch(box))
                return null;
        }

        var tail = text.Length > Tail ? text[^Tail..] : text;
        if (IsUndecided(Final().Matches(tail), tail) ?? IsUndecided(Answer().Matches(tail), tail) ?? false)
            return null;
        return LastAllowed(Final().Matches(tail), count)
            ?? LastAllowed(Answer().Matches(tail), count)
            ?? Allowed(Bare().Match(tail.Trim()), count)
            ?? LastAllowed(LineStart().Matches(tail), count)
            ?? LastAllowed(Marked().Matches(tail).Where(m => !IsDenied(m, tail)), count)
            ?? LastAllowed(Alone().Matches(tail).Where(m => !IsDenied(m, tail)), count);
    }

    // "It is not (B)."
    private static bool IsDenied(Match match, string text)
    {
        var before = text.AsSpan(0, match.Groups["letter"].Index).TrimEnd(" ([*\"':");
        return before.EndsWith("not", StringComparison.OrdinalIgnoreCase) && (before.Length == 3 || !char.IsLetter(before[^4]));
    }

    // Whether another letter follows the last one: "(A) or (B)". Null without a match.
    private static bool? IsUndecided(MatchCollection matches, string text) => matches.Count == 0
        ? null
        : matches[^1].Groups["letter"] is var letter && Others().IsMatch(text.AsSpan(letter.Index + letter.Length));

    private static string? LastAllowed(IEnumerable<Match> matches, int count)
    {
        string? last = null;
        foreach (var match in matches)
            last = Allowed(match, count) ?? last;
        return last;
    }

    private static string? Allowed(Match match, int count) =>
        match.Success && match.Groups["letter"].Value is [var letter] && letter - 'A' < count ? letter.ToString() : null;

    private const RegexOptions Linear = RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;
    private const RegexOptions Options = Linear | RegexOptions.NonBacktracking;

    // What may stand between "is" and the letter: marks, and words that say nothing.
    private const string Between = @"[\s:*_({\[$""'\\]*";
    private const string Filler =
        "((?i:for\\s+sure|definitely|clearly|probably|either|both|option|choice|therefore|thus|text)[\\s:*_({\\[$\"'\\\\]+)*";
    private const string Another = @"[\s({\[$*\\]*((text|textbf|mathrm|mathbf)[{(\s]*)?[A-Z]([^A-Za-z]|$)";
    private const string TheLetter = "(?<letter>[A-Z])([^A-Za-z]|$)";
    private const string Is = @"\s*(?i:is|est|:|=|would\s+be)*";

    [GeneratedRegex(@"^(\\text|\\textbf|\\mathrm|\\mathbf)?[\s({\[$*]*(?<letter>[A-Z])[\s)}\].:,$*]*$", Options)]
    private static partial Regex Bare();

    [GeneratedRegex(@"^(\\text|\\textbf|\\mathrm|\\mathbf)?[\s({\[$*]*(?<letter>[A-Z])[)}\]*]*[.):]", Options)]
    private static partial Regex Labelled();

    // Two letters that stand alone, in a list.
    [GeneratedRegex(@"(^|[^A-Za-z\\])[A-Z][)}\].:$*\s]*(,|;|/|&|\\&|and|or|\\text\s*\{\s*(and|or)\s*\})" + Another, Options)]
    private static partial Regex Several();

    [GeneratedRegex(@"^[)}\]$*\s]*(or|and|/|&)" + Another, Options)]
    private static partial Regex Others();

    [GeneratedRegex(@"(?i:final\s+answer|correct\s+(answer|option|choice))" + Is + Between + Filler + TheLetter, Options)]
    private static partial Regex Final();

    [GeneratedRegex(@"(?i:answer|réponse|option|choice)\s*(?i:is|est|:|=|would\s+be)" + Between + Filler + TheLetter, Options)]
    private static partial Regex Answer();

    [GeneratedRegex(@"(?m)^[\s(*\[]*((?<letter>[A-Z])([).:,\]*]|[^\x00-\x7F]|\s*$|\s+[^\sa-z])|(?<letter>[B-HJ-Z])\s+[a-z])", Options)]
    private static partial Regex LineStart();

    [GeneratedRegex(@"(^|[^A-Za-z])[(\[*]+(?<letter>[A-Z])[)\]*]+", Options)]
    private static partial Regex Marked();

    // "A" and "I" are words, too, unless a mark or the end follows.
    [GeneratedRegex(@"(^|[\s""'(:*])(?<letter>[B-HJ-Z]|[AI](?=\s*([.,;:!?)*""']|$)))([^A-Za-z'’]|$)", Linear)]
    private static partial Regex Alone();
}
