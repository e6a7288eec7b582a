using System.Text.Json;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Conformance;

namespace G2RL.Onnx.Converter;

/// <summary>
/// A converted model against golden vectors: scores, greedy decoding, and the training graph where its loss is one of the golden ones.
/// </summary>
internal static class GoldenVerifier
{
    // Paddings and positions of the golden file.
    private static readonly string[] Batches = ["rp", "lp", "mid", "gap"];

    public static void Run(ConvertedModel model, GoldenFolder golden, Verification result, VerifyTolerances allowed)
    {
        if (model.Has(ConvertedGraphs.Score))
            Score(model, golden, result, allowed);
        if (model.Has(ConvertedGraphs.Decode) && golden.Json.TryGetProperty("decode", out var texts))
            Decode(model, golden, texts, result, allowed);
        if (model.Has(ConvertedGraphs.Train) && golden.Json.TryGetProperty("ppo", out _))
            Train(model, golden, result, allowed);
    }

    private static void Score(ConvertedModel model, GoldenFolder golden, Verification result, VerifyTolerances allowed)
    {
        foreach (var batch in Batches.Where(b => golden.Has($"{b}.hidden")))
            foreach (var (suffix, temperature) in new[] { ("", 1.0), ("_t07", 0.7) })
            {
                var shape = golden.Shape($"{batch}.input_ids");
                var mask = golden.Integers($"{batch}.attention_mask");
                var rows = Enumerable.Range(0, mask.Length).Where(i => mask[i] != 0).ToArray();
                var targets = golden.Integers($"{batch}.targets");
                var outputs = model.Run("score", new Dictionary<string, (Array, long[])>(StringComparer.Ordinal)
                {
                    ["input_ids"] = (golden.Integers($"{batch}.input_ids"), shape),
                    ["attention_mask"] = (mask, shape),
                    ["position_ids"] = (golden.Integers($"{batch}.position_ids"), shape),
                    ["rows"] = (rows.Select(r => (long)r).ToArray(), [rows.Length]),
                    ["targets"] = (rows.Select(r => targets[r]).ToArray(), [rows.Length]),
                    ["inverse_temperature"] = (new[] { (float)(1 / temperature) }, []),
                });
                // Positions up to 407: float32 angles lose bits there.
                var far = batch == "gap" ? 2.5 : 1;
                result.Compare(
                    "last hidden states",
                    outputs["last_hidden_state"],
                    Chosen(golden.Floats($"{batch}.hidden"), rows, model.Spec.HiddenSize),
                    far * allowed.Logits);
                result.Compare(
                    "log-probs",
                    outputs["log_probs"],
                    Chosen(golden.Floats($"{batch}.logp{suffix}"), rows, 1),
                    far * allowed.LogProbs / temperature);
                result.Compare(
                    "entropies",
                    outputs["entropy"],
                    Chosen(golden.Floats($"{batch}.entropy{suffix}"), rows, 1),
                    far * allowed.LogProbs / temperature);
            }
    }

    private static void Decode(ConvertedModel model, GoldenFolder golden, JsonElement texts, Verification result, VerifyTolerances allowed)
    {
        var (index, wrong) = (0, 0);
        foreach (var text in texts.EnumerateArray())
        {
            int[] prompt = Ids(text, "prompt"), tokens = Ids(text, "tokens");
            var generation = new GenerationCheck(model);
            var logits = generation.Feed(prompt);
            var all = new List<float>(logits);
            for (var t = 0; t < tokens.Length; t++)
            {
                wrong += Array.IndexOf(logits, logits.Max()) == tokens[t] ? 0 : 1;
                if (t == tokens.Length - 1)
                    break;
                logits = generation.Feed(tokens[t]);
                all.AddRange(logits);
            }
            result.Compare("decoding logits", all.ToArray(), golden.Floats($"dec{index++}.step_logits"), allowed.Logits);
        }
        // A near tie may fall the other way once weights are rounded.
        if (allowed.IsExact)
            result.Add("greedy tokens that differ", wrong, 0);
    }

    private static void Train(ConvertedModel model, GoldenFolder golden, Verification result, VerifyTolerances allowed)
    {
        var settings = model.Manifest.Objective;
        var isA = settings is { Count: 4 }
            && (settings["clipLow"], settings["clipHigh"], settings["kl"], settings["entropy"]) == (0.2, 0.2, 0.01, 0.003);
        var isB = settings is { Count: 4 }
            && (settings["clipLow"], settings["clipHigh"], settings["kl"], settings["entropy"]) == (0.2, 0.28, 0, 0);
        var (old, part, temperature) = isB ? ("oldB", "ppoB", 0.7) : ("old", "ppo", 1.0);
        var shape = golden.Shape("rp.input_ids");
        var (width, response) = ((int)shape[1], (int)golden.Shape("ppo.old")[1]);
        int[] lengths = Ids(golden.Json.GetProperty("ppo"), "response_len");
        var places = lengths.SelectMany((length, row) => Enumerable.Range(row * response, length)).ToArray();
        var index = golden.Integers("ppo.logit_index");
        var mask = golden.Floats("ppo.response_mask");
        float[] Picked(string name) => Chosen(golden.Floats(name), places, 1);
        long[] count = [places.Length];
        var inputs = new Dictionary<string, (Array, long[])>(StringComparer.Ordinal)
        {
            ["input_ids"] = (golden.Integers("rp.input_ids"), shape),
            ["attention_mask"] = (golden.Integers("rp.attention_mask"), shape),
            ["position_ids"] = (golden.Integers("rp.position_ids"), shape),
            ["rows"] = (places.Select(p => (p / response * width) + index[p]).ToArray(), count),
            ["targets"] = (places.Select(p => golden.Integers("ppo.response_ids")[p]).ToArray(), count),
            ["inverse_temperature"] = (new[] { (float)(1 / temperature) }, []),
            [PolicyLoss.OldLogProbs] = (Picked($"ppo.{old}"), count),
            [PolicyLoss.Advantages] = (Picked("ppo.adv"), count),
            [PolicyLoss.Weights] = (places.Select(p => mask[p] / mask.Sum()).ToArray(), count),
        };
        if (settings["kl"] != 0)
            inputs[PolicyLoss.ReferenceLogProbs] = (Picked("ppo.ref"), count);
        foreach (var parameter in model.Spec.Parameters)
            inputs[parameter.Name + Models.DecoderGraph.GradientSuffix] = (new float[parameter.Count], parameter.Shape);
        var outputs = model.Run("train", inputs);
        // The golden file holds nothing where a response is masked out.
        var kept = Enumerable.Range(0, places.Length).Where(i => mask[places[i]] != 0).ToArray();
        result.Compare(
            "training log-probs",
            Chosen(outputs["log_probs"], kept, 1),
            Chosen(Picked($"{part}.logp"), kept, 1),
            allowed.LogProbs / temperature);
        if (isA || isB)
            result.Add("loss", Math.Abs(outputs["loss"][0] - golden.Json.GetProperty(part).GetProperty("loss").GetDouble()), allowed.Loss);
        var path = Path.Combine(golden.Folder, "grads.safetensors");
        if (!isA || !File.Exists(path))
            return;
        using var gradients = SafeTensorsFile.Open(path);
        foreach (var parameter in model.Spec.Parameters)
        {
            var expected = new float[parameter.Count];
            gradients.ReadFloats(parameter.Name, expected);
            result.Compare("gradients", outputs[$"{parameter.Name}{Models.DecoderGraph.GradientSuffix}.out"], expected, allowed.Gradients);
        }
    }

    private static float[] Chosen(
        float[] values,
        int[] rows,
        int width) => [.. rows.SelectMany(row => values[(row * width)..((row + 1) * width)])];

    private static int[] Ids(JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];
}
