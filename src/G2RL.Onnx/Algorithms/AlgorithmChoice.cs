using G2RL.Onnx.Algorithms.Advantages;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Algorithms.Losses;

namespace G2RL.Onnx.Algorithms;

/// <summary>What a configuration and its profile come to.</summary>
/// <param name="Profile">The profile.</param>
/// <param name="Advantage">A name in <see cref="AdvantageTable"/>.</param>
/// <param name="Loss">A name in <see cref="LossTable"/>.</param>
/// <param name="Aggregation">A name in <see cref="Aggregations"/>.</param>
/// <param name="KlAggregation">How the divergences are averaged: a name in <see cref="Aggregations"/>.</param>
/// <param name="EntropyAggregation">How the entropies are averaged: a name in <see cref="Aggregations"/>.</param>
/// <param name="Kl">A name in <see cref="KlEstimators"/>.</param>
/// <param name="DualClip">0 is off.</param>
/// <param name="ClipHigh">The ratio is clipped above at 1 + this.</param>
/// <param name="EntropyCoefficient">Weight of the entropy bonus.</param>
internal sealed record AlgorithmChoice(
    Profile Profile,
    string Advantage,
    string Loss,
    string Aggregation,
    string KlAggregation,
    string EntropyAggregation,
    string Kl,
    double DualClip,
    double ClipHigh,
    double EntropyCoefficient)
{
    private const string Profiles = "profile";

    /// <summary>What a sound configuration comes to.</summary>
    public static AlgorithmChoice Of(AlgorithmConfig config)
    {
        var profile = Profile.Named(config.Profile);
        var loss = config.Loss == Profiles ? profile.Loss : config.Loss == "gspo" ? profile.Gspo : config.Loss;
        var form = LossTable.All[loss];
        var arm = AlgorithmTable.All[config.Name];
        var configured = config.Aggregation == Profiles ? profile.Aggregation : config.Aggregation;
        var aggregation = form.Aggregation ?? profile.FixedAggregations.GetValueOrDefault(loss) ?? configured;
        string Apart(PenaltyAverage average) => average switch
        {
            PenaltyAverage.Configured => configured,
            PenaltyAverage.Tokens => "token-mean",
            _ => aggregation,
        };
        return new(
            profile,
            config.Advantage == Profiles ? profile.Advantage : config.Advantage,
            loss,
            aggregation,
            Apart(profile.KlAverage),
            Apart(profile.EntropyAverage),
            config.Kl == Profiles ? profile.Kl : config.Kl,
            form.DualClip ? config.DualClip ?? (config.RatioLimit > 0 ? 0 : profile.DualClip) : 0,
            config.ClipHigh ?? arm.ClipHigh,
            config.EntropyCoefficient ?? arm.EntropyCoefficient);
    }

    /// <summary>Constants of the advantage: the configuration's epsilon in the profile paper, else the profile's.</summary>
    public AdvantageSettings Settings(AlgorithmConfig config) => config.Profile == Profile.Default
        ? Profile.AdvantageSettings with { Epsilon = config.AdvantageEpsilon }
        : Profile.AdvantageSettings;

    /// <summary>Names that do not exist, and options that contradict each other or <c>execution.gradients</c>.</summary>
    internal static IEnumerable<string> Faults(AlgorithmConfig a, string gradients)
    {
        string? Unknown(string name, string value, IEnumerable<string> names, bool orProfile = true) =>
            (orProfile && value == Profiles) || names.Contains(value)
                ? null
                : $"algorithm.{name} is '{value}'; there are: {string.Join(", ", orProfile ? names.Prepend(Profiles) : names)}.";
        string?[] unknown =
        [
            Unknown("name", a.Name, AlgorithmTable.All.Keys, orProfile: false),
            Unknown("profile", a.Profile, Profile.All.Keys, orProfile: false),
            Unknown("advantage", a.Advantage, AdvantageTable.All.Keys),
            Unknown("loss", a.Loss, LossTable.All.Keys),
            Unknown("aggregation", a.Aggregation, Aggregations.All.Keys),
            Unknown("kl", a.Kl, KlEstimators.All.Keys),
        ];
        if (unknown.Any(u => u is not null))
            return unknown.OfType<string>();
        var faults = new List<string>();
        var form = LossTable.All[Of(a).Loss];
        if (a.DualClip is not (null or 0) && !(a.DualClip > 1 && double.IsFinite(a.DualClip.Value)))
            faults.Add($"algorithm.dualClip is {a.DualClip}; it must be above 1, or 0 for none.");
        if (a.DualClip > 0 && !form.DualClip)
            faults.Add($"algorithm.dualClip is {a.DualClip} with algorithm.loss {Of(a).Loss}, which has no dual clip; "
                + "leave dualClip out, or take the loss clipped.");
        var profile = Profile.Named(a.Profile);
        if (profile.FixedAggregations.GetValueOrDefault(Of(a).Loss) is { } its && a.Aggregation != Profiles && a.Aggregation != its)
            faults.Add(
                $"algorithm.aggregation is {a.Aggregation} with algorithm.loss {a.Loss}, which the trainer of algorithm.profile "
                    + $"{a.Profile} " +
                $"always averages by {its}; leave the aggregation out, or take another profile.");
        if (form.Aggregation is { } only && a.Aggregation != Profiles && a.Aggregation != only)
            faults.Add($"algorithm.aggregation is {a.Aggregation} with algorithm.loss {a.Loss}, which is always averaged by {only}; "
                + "leave the aggregation out.");
        var loss = Of(a).Loss;
        if (a.RatioLimit != 0 && !(a.RatioLimit > 1 && double.IsFinite(a.RatioLimit)))
            faults.Add($"algorithm.ratioLimit is {a.RatioLimit}; it must be above 1, or 0 for none.");
        if (a.RatioLimit != 0 && loss != "clipped")
            faults.Add($"algorithm.ratioLimit is {a.RatioLimit} with algorithm.loss {loss}, which has none; "
                + "leave it out, or take the loss clipped.");
        if (a.RatioLimit != 0 && a.DualClip is not (null or 0))
            faults.Add($"algorithm.ratioLimit is {a.RatioLimit} with algorithm.dualClip {a.DualClip}; "
                + "both bound the same branch of the loss, leave one of them out.");
        if (!form.Clips && (a.ClipHigh is not null || AlgorithmTable.All[a.Name].ClipHigh != AlgorithmTable.All["grpo"].ClipHigh))
            faults.Add($"algorithm.clipHigh is {Of(a).ClipHigh} with algorithm.loss {loss}, which clips no ratio; "
                + "leave it out, or take the loss clipped.");
        var usual = new AlgorithmConfig();
        void Only(bool set, string name, double value, params string[] losses)
        {
            if (set && !losses.Contains(loss))
                faults.Add($"algorithm.{name} is {value} with algorithm.loss {loss}; "
                    + $"only {string.Join(" and ", losses)} have it, leave it out.");
        }
        Only(a.TauPositive != usual.TauPositive, "tauPositive", a.TauPositive, "sapo");
        Only(a.TauNegative != usual.TauNegative, "tauNegative", a.TauNegative, "sapo");
        Only(a.Penalty != usual.Penalty, "penalty", a.Penalty, "dro", "kl-cov");
        Only(a.CovarianceShare != usual.CovarianceShare, "covarianceShare", a.CovarianceShare, "clip-cov", "kl-cov");
        Only(a.CovarianceLow != usual.CovarianceLow, "covarianceLow", a.CovarianceLow, "clip-cov");
        Only(a.CovarianceHigh != usual.CovarianceHigh, "covarianceHigh", a.CovarianceHigh, "clip-cov");
        if (a.AdaptiveEntropy.IsOn && Of(a).EntropyCoefficient != 0)
            faults.Add($"algorithm.adaptiveEntropy.target is {a.AdaptiveEntropy.Target} with an entropyCoefficient of "
                + $"{Of(a).EntropyCoefficient}: the adaptive bonus has a weight of its own; leave one of them out.");
        if (a.AdaptiveEntropy.Delta != usual.AdaptiveEntropy.Delta && !a.AdaptiveEntropy.IsOn)
            faults.Add($"algorithm.adaptiveEntropy.delta is {a.AdaptiveEntropy.Delta} with algorithm.adaptiveEntropy.target 0, "
                + "which is off; give a target, or leave it out.");
        if (a.StopAfter is { } steps && !AlgorithmTable.All[a.Name].Shapes)
            faults.Add($"algorithm.stopAfter is {steps} with algorithm.name {a.Name}, which shapes no rewards; "
                + "leave it out, or take g2rl.");
        if (a.AlignmentWeight != usual.AlignmentWeight && a.Name != "gar")
            faults.Add($"algorithm.alignmentWeight is {a.AlignmentWeight} with algorithm.name {a.Name}; only gar has it, leave it out.");
        if (a.KlOverRatio && a.KlCoefficient == 0)
            faults.Add("algorithm.klOverRatio is true with algorithm.klCoefficient 0: there is no divergence to multiply; "
                + "leave one of them out.");
        if (a.Correction.Normalize && a.Correction.Weights == CorrectionKind.None)
            faults.Add("algorithm.correction.normalize is true with algorithm.correction.weights none: there are no weights; "
                + "take tis or icePop, or leave it out.");
        if (form.WholeBatch && gradients != "graph")
            faults.Add($"algorithm.loss is {a.Loss} with execution.gradients {gradients}; "
                + "losses over a whole mini-batch need execution.gradients=graph.");
        if (form.WholeSequences && gradients != "graph")
            faults.Add($"algorithm.loss is {a.Loss} with execution.gradients {gradients}; "
                + "losses of whole sequences need execution.gradients=graph.");
        if (a.Profile != Profile.Default && a.AdvantageEpsilon != new AlgorithmConfig().AdvantageEpsilon)
            faults.Add($"algorithm.advantageEpsilon is {a.AdvantageEpsilon} with algorithm.profile {a.Profile}, which has its own; "
                + "leave one of them out.");
        var arm = AlgorithmTable.All[a.Name];
        if (arm.OwnAdvantages && a.Advantage != Profiles)
            faults.Add($"algorithm.advantage is {a.Advantage} with algorithm.name {a.Name}, whose advantages are its own; "
                + "leave the advantage out.");
        if (arm.OwnAdvantages && a.Overlong.Kind != OverlongKind.None)
            faults.Add($"algorithm.overlong.kind is {a.Overlong.Kind} with algorithm.name {a.Name}, whose advantages know nothing of it; "
                + "leave it out, or take the reward overlong where the algorithm reads rewards.");
        var shapes = arm.Shapes || arm.Features != FeatureKind.None;
        if (a.Advantage == "gdpo" && (shapes || a.Overlong.Kind != OverlongKind.None))
            faults.Add(
                $"algorithm.advantage is gdpo with {(shapes ? $"algorithm.name {a.Name}" : $"algorithm.overlong.kind {a.Overlong.Kind}")}; "
                    +
                    "it normalises each of the rewards by itself and sees nothing of what is made of their sum. "
                    +
                    (shapes ? "Take grpo, or another advantage." : "Take the reward overlong instead."));
        if (arm.EntropyCoefficient > 0 && a.EntropyCoefficient == 0)
            faults.Add($"algorithm.entropyCoefficient is 0 with algorithm.name {a.Name}, which is {arm.EntropyCoefficient} by default; "
                + "leave it out, or take grpo.");
        if ((a.Name == "g2rl-prose" && a.Shaping == ShapingKind.Shuffled) || (a.Name == "g2rl-shuffled" && a.Shaping == ShapingKind.Prose))
            faults.Add($"algorithm.shaping is {a.Shaping} with algorithm.name {a.Name}, which has its own; "
                + "leave the shaping out, or take g2rl.");
        return faults;
    }
}
