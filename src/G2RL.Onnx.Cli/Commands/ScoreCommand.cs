using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>Log-probs of given texts.</summary>
internal static class ScoreCommand
{
    private const int RowsAtOnce = 256;

    public static Command Create()
    {
        var model = CommonOptions.Model();
        var input = new Option<string>("--input") { Description = "JSONL file; a row is {\"ids\": [...], \"prompt_length\": n} or {\"prompt\": \"...\", \"completion\": \"...\"}.", HelpName = "FILE", Required = true };
        var output = new Option<string?>("--output") { Description = "JSONL file to be written; standard output by default.", HelpName = "FILE" };
        var hidden = new Option<bool>("--hidden") { Description = "Also writes the last hidden states (the LM head's input), one list of numbers per token." };
        var temperature = new Option<double>("--temperature") { Description = "Divides the logits.", DefaultValueFactory = _ => 1.0 };
        var command = new Command("score", "Gives every response token's log-prob and entropy under a model, row by row.") { model, input, output, hidden, temperature };
        command.SetAction(parsed =>
        {
            var (folder, path, t) = (parsed.GetValue(model)!, parsed.GetValue(input)!, parsed.GetValue(temperature));
            if (!(t > 0 && double.IsFinite(t)))
                throw new InputException($"--temperature is {t}; it must be above 0 and finite.");
            if (!File.Exists(path))
                throw new InputException($"{path} does not exist; --input takes a JSONL file.");
            using var checkpoint = Checkpoints.HuggingFaceCheckpoint.Open(folder);
            var tokenizer = new Lazy<Tokenizer>(() => Tokenizer.Load(folder));
            // Every row is read and checked before the first is scored: nothing is written of a broken file.
            var rows = File.ReadLines(path).Select((line, i) => Read(line, $"{path}:{i + 1}", checkpoint.Spec.VocabularySize, checkpoint.Spec.MaxPositions, tokenizer)).ToArray();
            using var policy = Policy.Load(folder, Math.Max(1, rows.Select(r => r.InputLength).DefaultIfEmpty(1).Max()));
            using var scorer = new Scorer(policy.Spec, Environment.ProcessorCount);
            using var progress = new ProgressLine(json: parsed.GetValue(output) is null);
            var aside = parsed.GetValue(output) is { } target ? target + ".tmp" : null;
            using (var writer = aside is null ? Console.Out : new StreamWriter(aside))
                for (var start = 0; start < rows.Length; start += RowsAtOnce)
                {
                    var part = rows[start..Math.Min(rows.Length, start + RowsAtOnce)];
                    foreach (var scores in scorer.Score(policy, part, t, Math.Max(4096, policy.Positions), parsed.GetValue(hidden)))
                        writer.WriteLine(Row(scores, policy.Spec.HiddenSize).ToJsonString());
                    progress.Show("rows", start + part.Length, rows.Length, (start + part.Length) / (double)rows.Length);
                }
            if (aside is not null)
                File.Move(aside, parsed.GetValue(output)!, overwrite: true);
            return 0;
        });
        return command;
    }

    private static JsonObject Row(Scores scores, int width)
    {
        static JsonArray Numbers(ReadOnlySpan<float> values)
        {
            var array = new JsonArray();
            foreach (var value in values)
                array.Add((JsonNode)value);
            return array;
        }
        var row = new JsonObject { ["log_probs"] = Numbers(scores.LogProbs), ["entropies"] = Numbers(scores.Entropies) };
        if (scores.HiddenStates is { } states)
        {
            var list = new JsonArray();
            for (var i = 0; i < states.Length; i += width)
                list.Add(Numbers(states.AsSpan(i, width)));
            row["hidden_states"] = list;
        }
        return row;
    }

    private static Sequence Read(string line, string place, int vocabulary, int positions, Lazy<Tokenizer> tokenizer)
    {
        try
        {
            var row = JsonNode.Parse(line) as JsonObject ?? throw new InputException($"{place}: a row is a JSON object.");
            int[] prompt, response;
            if (row["ids"] is JsonArray array)
            {
                var ids = array.Select(id => id!.GetValue<int>()).ToArray();
                var length = row["prompt_length"]?.GetValue<int>() ?? throw new InputException($"{place}: 'prompt_length' is missing; it says how many of the ids are prompt.");
                if (length < 1 || length >= ids.Length)
                    throw new InputException($"{place}: prompt_length is {length} of {ids.Length} ids; prompt and response need at least one each.");
                (prompt, response) = (ids[..length], ids[length..]);
            }
            else if (row["prompt"]?.GetValue<string>() is { } text && row["completion"]?.GetValue<string>() is { } completion)
            {
                (prompt, response) = (tokenizer.Value.Encode(text), tokenizer.Value.Encode(completion));
                if (prompt.Length == 0 || response.Length == 0)
                    throw new InputException($"{place}: prompt and completion need at least one token each.");
            }
            else
            {
                throw new InputException($"{place}: a row has 'ids' and 'prompt_length', or 'prompt' and 'completion'.");
            }
            if (prompt.Concat(response).FirstOrDefault(id => id < 0 || id >= vocabulary, -1) is var bad && prompt.Concat(response).Any(id => id < 0 || id >= vocabulary))
                throw new InputException($"{place}: id {bad} lies outside the vocabulary of {vocabulary}.");
            if (prompt.Length + response.Length > positions)
                throw new InputException($"{place}: {prompt.Length + response.Length} tokens; the model has {positions} positions.");
            return new(prompt, response);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new InputException($"{place}: {e.Message}", e);
        }
    }
}
