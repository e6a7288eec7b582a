using System.Globalization;

namespace G2RL.Onnx.Problems.Generated;

/// <summary>
/// What a countdown problem asks: numbers in the order in which they are written, and the target. Its text is <c>3,7,9:42=</c>.
/// </summary>
internal sealed record CountdownPrompt(IReadOnlyList<int> Numbers, int Target)
{
    /// <summary>The problem whatever the order of its numbers: <c>3,7,9:42</c>, numbers ascending.</summary>
    public string Key => Text(Numbers.Order());

    /// <summary>
    /// Reads a prompt; null when it is none: canonical whole numbers of at most 9 digits, at most 64 of them. Never throws.
    /// </summary>
    public static CountdownPrompt? TryParse(ReadOnlySpan<char> prompt)
    {
        var colon = prompt.IndexOf(':');
        if (colon < 0 || prompt[^1] != '=' || prompt.Length > 1024 || TryNumber(prompt[(colon + 1)..^1]) is not { } target)
            return null;
        var numbers = new List<int>();
        foreach (var part in prompt[..colon].Split(','))
        {
            if (TryNumber(prompt[..colon][part]) is not { } number || numbers.Count == 64)
                return null;
            numbers.Add(number);
        }

        return new CountdownPrompt(numbers, target);
    }

    /// <inheritdoc/>
    public override string ToString() => Text(Numbers) + "=";

    private string Text(IEnumerable<int> numbers) => string.Create(CultureInfo.InvariantCulture, $"{string.Join(',', numbers)}:{Target}");

    private static int? TryNumber(ReadOnlySpan<char> text) =>
        ArithmeticExpression.TryInteger(text, out var value) && value >= 0 ? (int)value : null;
}
