using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Training.Updates;

/// <summary>What the updates of a step did, averaged over their tokens.</summary>
internal sealed class UpdateTally(AlgorithmConfig algorithm)
{
    private readonly PolicyLossSettings settings = PolicyLossSettings.Of(algorithm);
    private double loss;
    private double norm;
    private bool normKnown = true;
    private double rate;
    private double ratio;
    private double ratioMax;
    private double clipped;
    private double kl;
    private double entropy;
    private double work;
    private double padded;
    private int updates;

    /// <summary>Adds a micro-batch after its run.</summary>
    /// <param name="micro">The micro-batch.</param>
    /// <param name="tokens">Tokens of its whole mini-batch.</param>
    public void Add(Microbatch micro, int tokens)
    {
        for (var t = 0; t < micro.LogProbs.Length; t++)
        {
            if (micro.Weights[t] == 0)
                continue;
            var rho = Math.Exp((double)micro.LogProbs[t] - micro.OldLogProbs[t]);
            ratio += rho / tokens;
            ratioMax = Math.Max(ratioMax, rho);
            // Clipping acts where the clipped branch is the larger loss.
            var acts = settings.RatioBound > 0
                ? rho > settings.RatioBound
                : micro.Advantages[t] > 0
                    ? rho > 1 + settings.ClipHigh
                    : micro.Advantages[t] < 0 && rho < 1 - settings.ClipLow;
            clipped += acts ? 1.0 / tokens : 0;
            var d = (double)micro.ReferenceLogProbs[t] - micro.LogProbs[t];
            kl += (Math.Exp(d) - d - 1) / tokens;
            entropy += (double)micro.Entropies[t] / tokens;
        }
    }

    /// <summary>Adds the work of packed micro-batches, and what padded ones would have had, in one unit.</summary>
    public void AddWork(double packed, double inRows) => (work, padded) = (work + packed, padded + inRows);

    /// <summary>Adds an optimizer step.</summary>
    public void AddUpdate(double updateLoss, double? gradientNorm, double learningRate)
    {
        (loss, norm, rate) = (loss + updateLoss, norm + (gradientNorm ?? 0), learningRate);
        normKnown &= gradientNorm is not null;
        updates++;
    }

    public void Report(StepMetrics metrics)
    {
        metrics.Set("policy/updates", updates);
        if (updates == 0)
        {
            // Nothing was trained on, so there is nothing to be wrong about.
            metrics.Set("policy/loss", 0);
            return;
        }
        if (padded > 0)
            metrics.Set("packing/saved_flops_share", 1 - (work / padded));
        metrics.Set("policy/loss", loss / updates);
        if (normKnown)
            metrics.Set("policy/gradient_norm", norm / updates);
        metrics.Set("policy/learning_rate", rate);
        metrics.Set("policy/ratio_mean", ratio / updates);
        metrics.Set("policy/ratio_max", ratioMax);
        metrics.Set("policy/clip_share", clipped / updates);
        metrics.Set("policy/entropy_nats", entropy / updates);
        if (algorithm.KlCoefficient > 0)
            metrics.Set("policy/kl_nats", kl / updates);
    }
}
