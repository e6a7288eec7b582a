using System.Text.Json;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Advantages;
using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Execution.Scoring;

namespace G2RL.Onnx.Conformance.Models;

/// <summary>G2RL: features by the scoring pass and the projection that a run uses, then scores, shaped rewards and advantages.</summary>
internal static class GoldenNovelty
{
    public static void Run(GoldenModel model, Check check)
    {
        var spec = model.Policy.Spec;
        var g2rl = model.Find("g2rl");
        var (ids, width) = (model.Ints("g2rl.input_ids"), (int)model.Shape("g2rl.input_ids")[1]);
        var prompt = model.Find("g2rl", "prompt_len").GetInt32();
        Sequence[] sequences = [.. model.Integers("g2rl", "response_len").Select((length, row) => new Sequence(
            [.. ids.Skip(row * width).Take(prompt).Select(i => (int)i)],
            [.. ids.Skip((row * width) + prompt).Take(length).Select(i => (int)i)]))];
        float[][] features;
        using (var scorer = new Scorer(spec, threads: 1))
        using (var projector = new FeatureProjector(spec, threads: 1))
            features = projector.Project(model.Policy, [.. scorer.Score(
                model.Policy,
                sequences,
                temperature: 1,
                maxTokens: 256,
                withFeatures: true).Select(s => s.FeatureWeights!)]);
        var m = features.Length;
        check.Near("Phi", [.. features.SelectMany(f => f).Select(v => (double)v)], Numbers(g2rl, "Phi"), 0, ModelTolerances.Logits);
        var cosines = new double[m * m];
        ExplorationScore.Cosines(features, cosines);
        check.Near("S", cosines, Numbers(g2rl, "S"), 0, ModelTolerances.Cosine);
        foreach (var (c, i) in g2rl.GetProperty("cases").EnumerateArray().Select((c, i) => (c, i)))
            Case(c, $"case {i}", cosines, check);
    }

    private static void Case(JsonElement c, string name, double[] cosines, Check check)
    {
        var rewards = Numbers(c, "rewards");
        var lambda = c.GetProperty("lambda").GetDouble();
        var m = rewards.Length;
        var (nu, bar, shaped, advantages) = (new double[m], new double[m], new double[m], new double[m]);
        ExplorationScore.Novelty(cosines, rewards, nu);
        ExplorationScore.Normalize(nu, bar);
        check.Near($"{name} nu", nu, Numbers(c, "nu"), 0, ModelTolerances.Cosine);
        check.Near($"{name} nu_bar", bar, Numbers(c, "nu_bar"), 0, ModelTolerances.Novelty);
        GroupAdvantage.Compute(rewards, 1e-6, advantages);
        Near("adv_grpo_plain", advantages, 1e-9);
        foreach (var (kind, key) in new[] { (ShapingKind.Literal, "literal"), (ShapingKind.Prose, "prose") })
        {
            for (var i = 0; i < m; i++)
                shaped[i] = RewardShaping.Shape(kind, rewards[i], bar[i], lambda, clip: 3);
            // Prose has 2 lambda nu_bar. The division by the deviation amplifies an error, by the mean's and the deviation's share at most
            // threefold.
            var error = 2 * lambda * ModelTolerances.Novelty;
            Near($"shaped_{key}", shaped, error);
            var mean = shaped.Average();
            var amplified = 3 * error / Math.Sqrt(shaped.Average(x => (x - mean) * (x - mean)));
            GroupAdvantage.Compute(shaped, 1e-6, advantages);
            Near($"adv_grpo_{key}", advantages, amplified);
            AdvantageTable.All["group-std"](new(shaped, new int[m], new double[m]), Profile.Verl.AdvantageSettings, advantages);
            Near($"adv_verl_{key}", advantages, amplified);
        }

        void Near(string key, double[] actual, double tolerance)
        {
            if (c.TryGetProperty(key, out _))
                check.Near($"{name} {key}", actual, Numbers(c, key), 0, tolerance);
        }
    }

    private static double[] Numbers(JsonElement element, string name)
    {
        var values = new List<double>();
        void Walk(JsonElement e)
        {
            if (e.ValueKind == JsonValueKind.Array)
                foreach (var item in e.EnumerateArray())
                    Walk(item);
            else
                values.Add(e.GetDouble());
        }
        Walk(element.GetProperty(name));
        return [.. values];
    }
}
