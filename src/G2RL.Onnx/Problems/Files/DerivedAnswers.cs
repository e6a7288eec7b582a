using System.Globalization;

namespace G2RL.Onnx.Problems.Files;

/// <summary>Answers that follow from their prompts, for files that hold prompts alone.</summary>
internal static class DerivedAnswers
{
    private const int MostNumbers = 10_000;

    /// <summary>Name to function; null of a prompt of another form. An empty answer is one, too.</summary>
    public static IReadOnlyDictionary<string, Func<string, string?>> All { get; } = new Dictionary<string, Func<string, string?>>(
        StringComparer.Ordinal)
    {
        ["digitCompletion"] = DigitCompletion,
    };

    /// <summary>
    /// verl's digit completion: <c>a,b:m,n</c> asks for the n numbers that continue a, b in steps of b - a, each modulo m, with commas
    /// between: <c>2,5:9,2</c> gives <c>8,2</c>.
    /// </summary>
    public static string? DigitCompletion(string prompt)
    {
        var parts = prompt.Split(':');
        if (parts.Length != 2
            || Pair(parts[0]) is not { } start
            || Pair(parts[1]) is not { } rule
            || rule.First < 1
            || rule.Second > MostNumbers)
            return null;
        var (modulus, step, last) = ((long)rule.First, (long)start.Second - start.First, (long)start.Second);
        var numbers = new long[rule.Second];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = last = (((last + step) % modulus) + modulus) % modulus;
        return string.Join(',', numbers);
    }

    private static (int First, int Second)? Pair(string text) =>
        text.Split(',') is [var first, var second]
            && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var a)
            && int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var b)
            ? (a, b)
            : null;
}
