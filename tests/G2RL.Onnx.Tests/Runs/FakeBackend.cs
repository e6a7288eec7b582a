using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tests.Steps;
using G2RL.Onnx.Tests.Updates;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Runs;

/// <summary>Computes nothing and writes down who asked for what: a run on it shows how its parts are put together.</summary>
internal sealed class FakeBackend : IBackend
{
    private readonly Lock gate = new();
    private readonly List<(string Who, DrawRequest Request, long Updates)> draws = [];

    /// <summary>A response's text by its sample; digits are right where more of them are even.</summary>
    public Func<int, string> Text { get; init; } = sample => sample % 2 == 0 ? "2" : "1";

    public bool DrawsElsewhere { get; init; }

    public RecordingOptimizer Recorder { get; init; } = new();

    /// <summary>Log-probs of the scorer by policy; the sampler's are -1.</summary>
    public FakeScorer Scores { get; } = new(_ => -1);

    /// <summary>Samplers that were opened, by their policies.</summary>
    public List<(Policy Policy, SamplerSettings Settings)> Samplers { get; } = [];

    /// <summary>Samplers that were closed again.</summary>
    public int Closed { get; private set; }

    public int Fetches { get; private set; }

    public string Name => "cpu";

    public double Rounding => 1;

    /// <summary>Draws: greedy or not, what was asked, and the updates behind the weights that drew.</summary>
    public (string Who, DrawRequest Request, long Updates)[] Draws
    {
        get
        {
            lock (gate)
                return [.. draws];
        }
    }

    public IRolloutSource Rollouts(Policy policy, Tokenizer tokenizer, SamplerSettings settings)
    {
        Samplers.Add((policy, settings));
        return new Source(this, policy, settings.Sampling.Greedy ? "greedy" : "drawn");
    }

    public IScorer Scorer(DecoderSpec spec) => Scores;

    /// <summary>Updates behind the weights that features were projected with, call by call.</summary>
    public List<long> Projections { get; } = [];

    /// <summary>Feature weights that were given to rollouts.</summary>
    public List<float[]> FeatureWeights { get; } = [];

    public IFeatureProjector Features(DecoderSpec spec) => new Projector(this);

    public IPolicyOptimizer Optimizer(Policy policy, RunConfig config) => Recorder;

    public void Fetch(Policy policy) => Fetches++;

    public void Dispose()
    {
    }

    private float[] Weights()
    {
        float[] weights = [1];
        lock (gate)
            FeatureWeights.Add(weights);
        return weights;
    }

    private sealed class Projector(FakeBackend backend) : IFeatureProjector
    {
        public float[][] Project(Policy policy, IReadOnlyList<FeatureWeights> weights)
        {
            backend.Projections.Add(policy.Version.Counter);
            return [.. weights.Select((_, i) => new[] { 1f, i })];
        }

        public (double[] Cosines, double[] Novelty)? Measure(IReadOnlyList<float[]> features, IReadOnlyList<double> rewards) => null;

        public void Dispose()
        {
        }
    }

    private sealed class Source(FakeBackend backend, Policy policy, string who) : IRolloutSource
    {
        public SamplerPlan Plan { get; } = new(1, 2, 0);

        public DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
        {
            lock (backend.gate)
                backend.draws.Add((who, request, policy.Version.Counter));
            Rollout[][] drawn = [.. request.Prompts.Select(prompt => Enumerable.Range(0, request.Samples).Select(sample => new Rollout
            {
                PromptTokens = prompt,
                Tokens = [1, 2],
                LogProbs = [-1, -1],
                Entropies = [1, 1],
                Finish = FinishReason.StopToken,
                Version = policy.Version,
                Text = backend.Text(sample),
                FeatureWeights = request.WithFeatures ? backend.Weights() : null,
            }).ToArray())];
            for (var i = 0; i < drawn.Length; i++)
                request.GroupEnded?.Invoke(i, drawn[i]);
            return new(drawn, 1);
        }

        public void Dispose() => backend.Closed++;
    }
}
