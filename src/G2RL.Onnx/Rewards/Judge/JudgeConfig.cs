using System.Text.RegularExpressions;

namespace G2RL.Onnx.Rewards.Judge;

/// <summary>
/// A language model that gives marks, behind an OpenAI-compatible HTTP endpoint (vLLM, llama.cpp, Ollama, OpenAI and their like).
/// </summary>
public sealed record JudgeConfig : RewardConfig
{
    /// <summary>Where it is, up to the version: http://localhost:8000/v1.</summary>
    public string Endpoint { get; init; } = "";

    /// <summary>The model's name there.</summary>
    public string Model { get; init; } = "";

    /// <summary>Environment variable that holds the key; empty where none is asked for. The key itself is never written down.</summary>
    public string KeyVariable { get; init; } = "";

    /// <summary>What the judge is told beforehand; empty for nothing.</summary>
    public string System { get; init; } = "You are a strict and fair grader.";

    /// <summary>What it is asked; {prompt}, {answer} and {completion} stand for the problem's and the response's texts.</summary>
    public string Template { get; init; } =
        "Problem:\n{prompt}\n\nReference answer:\n{answer}\n\nResponse to be graded:\n{completion}\n\n" +
        "How good is the response? Reason briefly, then end with a line 'Score: N', where N is a number from 0 to 10.";

    /// <summary>
    /// Where its mark stands: a regular expression with one group, of which the last match counts. Without look-around and back-references.
    /// </summary>
    public string Pattern { get; init; } = @"Score:\s*\**\s*(-?\d+(?:\.\d+)?)";

    /// <summary>The lowest mark; it becomes the reward 0. A mark outside is no mark.</summary>
    public double LowestMark { get; init; }

    /// <summary>The highest mark, above the lowest; it becomes the reward 1.</summary>
    public double HighestMark { get; init; } = 10;

    /// <summary>Longest reply, tokens, >= 1.</summary>
    public int MaxTokens { get; init; } = 1024;

    /// <summary>Temperature of its replies, 0 to 2.</summary>
    public double Temperature { get; init; }

    /// <summary>Requests under way at once, 1 to 1024.</summary>
    public int Concurrency { get; init; } = 8;

    /// <summary>Time for a reply, seconds.</summary>
    public double TimeoutSeconds { get; init; } = 60;

    /// <summary>
    /// Further tries of a request that failed in a way that may pass (no connection, no reply in time, 408, 429, 5xx), 0 to 100.
    /// </summary>
    public int Retries { get; init; } = 5;

    /// <summary>Wait before the first further try, seconds; it doubles each time. A Retry-After of the endpoint goes first.</summary>
    public double BackoffSeconds { get; init; } = 1;

    /// <summary>Longest wait before a further try, seconds; who asks for a longer one is not asked again.</summary>
    public double MaxWaitSeconds { get; init; } = 120;

    /// <summary>Folder of replies by request, so that a rerun and a resumed run get the same ones; empty keeps none.</summary>
    public string Cache { get; init; } = "runs/judge-cache";

    /// <inheritdoc/>
    public override IEnumerable<string> Faults(string at, int maxNewTokens)
    {
        if (!Uri.TryCreate(Endpoint, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            yield return $"{at}.endpoint is '{Endpoint}'; it must be an address like http://localhost:8000/v1.";
        else if (uri.UserInfo.Length > 0 || uri.Query.Length > 0)
            yield return $"{at}.endpoint holds a password or a query, and a configuration is saved with its run; put the key into an " +
                "environment variable and name that in keyVariable.";
        if (Model.Length == 0)
            yield return $"{at}.model is empty; name a model that the endpoint serves.";
        if (!Template.Contains("{completion}", StringComparison.Ordinal))
            yield return $"{at}.template does not mention {{completion}}; the judge must see what it judges.";
        if (LinearRegex.Fault(Pattern) is { } fault)
            yield return $"{at}.pattern is '{Pattern}'; {fault}";
        else if (LinearRegex.Of(Pattern).GetGroupNumbers().Length != 2)
            yield return $"{at}.pattern is '{Pattern}'; it must have exactly one group, which holds the mark.";
        if (!(HighestMark > LowestMark) || !double.IsFinite(HighestMark - LowestMark))
            yield return $"{at}.highestMark is {HighestMark}; it must be finite and above lowestMark ({LowestMark}).";
        if (MaxTokens < 1)
            yield return $"{at}.maxTokens is {MaxTokens}; it must be at least 1.";
        if (!(Temperature is >= 0 and <= 2))
            yield return $"{at}.temperature is {Temperature}; it must be 0 to 2.";
        if (Concurrency is < 1 or > 1024)
            yield return $"{at}.concurrency is {Concurrency}; it must be 1 to 1024.";
        if (Retries is < 0 or > 100)
            yield return $"{at}.retries is {Retries}; it must be 0 to 100.";
        foreach (var (name, value) in new[] { ("timeoutSeconds", TimeoutSeconds), ("backoffSeconds", BackoffSeconds),
            ("maxWaitSeconds", MaxWaitSeconds) })
            if (!(value > 0 && value <= 86_400))
                yield return $"{at}.{name} is {value}; it must be above 0 and at most 86400.";
    }

    /// <summary>
    /// The request for a completion: one pass over the template, so that nothing in the texts is taken for a placeholder.
    /// </summary>
    internal string Ask(Completion completion) => Regex.Replace(
        Template, @"\{(?:prompt|answer|completion)\}",
        m => m.ValueSpan[1] switch { 'p' => completion.Problem.Prompt, 'a' => completion.Problem.Answer, _ => completion.Text },
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture);
}
