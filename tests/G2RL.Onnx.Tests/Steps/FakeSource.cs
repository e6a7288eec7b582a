using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>Draws what it is told to, without a model, and remembers what it was asked.</summary>
/// <param name="draw">(Draw, prompt, sample) to the rollout's text; one token a character.</param>
/// <param name="version">The weights that the rollouts say drew them.</param>
internal sealed class FakeSource(Func<int, int, int, string> draw, PolicyVersion version = default) : IRolloutSource
{
    public List<DrawRequest> Requests { get; } = [];

    public SamplerPlan Plan { get; } = new(1, 2, 0);

    /// <summary>The largest logit is 8 in the first draw, then the number of draws.</summary>
    public DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
    {
        cancel.ThrowIfCancellationRequested();
        Requests.Add(request);
        Rollout[][] drawn =
        [
            .. request.Prompts.Select((prompt, i) => Enumerable.Range(0, request.Samples)
                .Select(sample => Rollout(prompt, draw(Requests.Count - 1, i, sample)))
                .ToArray()),
        ];
        progress?.Invoke(request.Prompts.Count * request.Samples);
        return new(drawn, Requests.Count == 1 ? 8 : Requests.Count);
    }

    public void Dispose()
    {
    }

    private Rollout Rollout(int[] prompt, string text) => new()
    {
        PromptTokens = prompt,
        Tokens = new int[Math.Max(1, text.Length)],
        LogProbs = [.. Enumerable.Repeat(-1f, Math.Max(1, text.Length))],
        Entropies = new float[Math.Max(1, text.Length)],
        Finish = FinishReason.StopToken,
        Version = version,
        Text = text,
    };
}
