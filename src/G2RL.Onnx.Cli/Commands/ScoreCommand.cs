using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>Log-probs of given texts.</summary>
internal static class ScoreCommand
{
    private const int RowsAtOnce = 256;

    public static Command Create()
    {
        var (model, adapter, threads) = (CommonOptions.Model(), CommonOptions.Adapter(), CommonOptions.Threads());
        var input = new Option<string>("--input")
        {
            Description = "JSONL file; a row is {\"ids\": [...], \"prompt_length\": n} or {\"prompt\": \"...\", \"completion\": \"...\"}.",
            HelpName = "FILE",
            Required = true,
        };
        var output = new Option<string?>("--output")
        {
            Description = "JSONL file to be written, whole or not at all; standard output by default.",
            HelpName = "FILE",
        };
        var hidden = new Option<bool>("--hidden")
        {
            Description = "Also writes the last hidden states (the LM head's input), one list of numbers per token.",
        };
        var temperature = new Option<double>("--temperature")
        {
            Description = "Divides the logits.",
            HelpName = "T",
            DefaultValueFactory = _ => 1.0,
        };
        var special = new Option<bool>("--add-special-tokens")
        {
            Description = "Rows of text get the special tokens of the tokenizer's post-processor (<s> before a prompt), "
                + "as transformers does; false leaves them out.",
            DefaultValueFactory = _ => true,
        };
        var command = new Command("score", """
            Gives every response token's log-prob and entropy (nats) under a model, one row of JSON for each row of the input:
            {"log_probs": [...], "entropies": [...]}, with --hidden also "hidden_states". Every input row is checked before the first is
            scored.

              g2rl score --model models/arithmetic-base --input rows.jsonl --output scores.jsonl
            """)
        {
            model,
            adapter,
            input,
            output,
            hidden,
            temperature,
            special,
            CommonOptions.AllowUnknownConfig,
            threads,
        };
        command.SetAction(parsed =>
        {
            using var source = new ModelSource(parsed.GetValue(model)!);
            var (folder, t, target) = (source.Folder, parsed.GetValue(temperature), parsed.GetValue(output));
            if (!(t > 0 && double.IsFinite(t)))
                throw new InputException($"--temperature is {t}; it must be above 0 and finite.");
            var allow = parsed.GetValue(CommonOptions.AllowUnknownConfig);
            using var checkpoint = HuggingFaceCheckpoint.Open(folder, allow);
            foreach (var key in checkpoint.UnknownKeys)
                Console.Error.WriteLine($"warning: {folder}: config.json's {key} is unknown and passed over.");
            var tokenizer = new Lazy<Tokenizer>(() =>
            {
                var own = Tokenizer.Load(folder);
                TokenizerFit.Require(own, checkpoint.Spec.VocabularySize, folder, CommonOptions.Warn);
                return own;
            });
            var rows = ScoreRows.Read(parsed.GetValue(input)!, checkpoint.Spec, tokenizer, parsed.GetValue(special));
            using var interruption = new Interruption();
            var longest = rows.Max(r => r.InputLength);
            using var policy = parsed.GetValue(adapter) is { } peft
                ? RunAdapter.Load(folder, longest, checkpoint.Spec, peft, allow)
                : Policy.Load(folder, longest, allowUnknownConfig: allow);
            using var scorer = new Scorer(policy.Spec, CommonOptions.Threads(parsed, threads));
            using var progress = new ProgressLine(json: target is null);
            void Write(TextWriter writer)
            {
                for (var start = 0; start < rows.Length; start += RowsAtOnce)
                {
                    interruption.Token.ThrowIfCancellationRequested();
                    var part = rows[start..Math.Min(rows.Length, start + RowsAtOnce)];
                    foreach (var (scores, i) in scorer.Score(policy, part, t, Math.Max(4096, policy.Positions), parsed.GetValue(hidden))
                        .Select((s, i) => (s, start + i)))
                        writer.WriteLine(Row(scores, policy.Spec.HiddenSize, i).ToJsonString());
                    progress.Show("rows", start + part.Length, rows.Length, (start + part.Length) / (double)rows.Length);
                }
            }
            if (target is null)
                Write(Console.Out);
            else
                Aside(target, Write);
            return 0;
        });
        return command;
    }

    private static void Aside(string target, Action<TextWriter> write)
    {
        var aside = target + ".tmp";
        try
        {
            using (var writer = new StreamWriter(aside))
                write(writer);
            File.Move(aside, target, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{target} cannot be written: {e.Message} Choose another --output.", e);
        }
        finally
        {
            if (File.Exists(aside))
                File.Delete(aside);
        }
    }

    private static JsonObject Row(Scores scores, int width, int index)
    {
        JsonArray Numbers(ReadOnlySpan<float> values)
        {
            var array = new JsonArray();
            foreach (var value in values)
                array.Add(float.IsFinite(value) ? (JsonNode)value : throw new NonFiniteException($"Row {index + 1}: the model gave "
                    + $"{value}, which is no number. Look for broken weights."));
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
}
