using System.CommandLine;
using G2RL.Onnx.Cli.Sampling;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>What a model says: to prompts given, or in a conversation.</summary>
internal static class SampleCommand
{
    public static Command Create()
    {
        var (json, threads) = (CommonOptions.Json(), CommonOptions.Threads());
        var model = new Option<string>("--model")
        {
            Description = "Hugging Face folder, .gguf file, folder of a run (its model, or else its newest checkpoint), or checkpoint.",
            HelpName = "FOLDER",
            DefaultValueFactory = _ => "models/arithmetic-base",
        };
        var against = new Option<string?>("--against")
        {
            Description = "A second model, whose continuations stand beside the first's.",
            HelpName = "FOLDER",
        };
        var prompts = new Option<string[]>("--prompt")
        {
            Description =
                "Text to continue; may be repeated. Without --prompt and --input it asks for prompts, one a line, until an empty one.",
            HelpName = "TEXT",
            DefaultValueFactory = _ => [],
        };
        var input = new Option<string?>("--input")
        {
            Description = "Text file with one prompt a line, or JSONL with a field \"prompt\".",
            HelpName = "FILE",
        };
        var chat = new Option<bool>("--chat")
        {
            Description = "Prompts are questions: they go through the model's chat template, and without --prompt a conversation goes on.",
        };
        var system = new Option<string?>("--system") { Description = "System prompt for --chat.", HelpName = "TEXT" };
        var samples = new Option<int>("--samples")
        {
            Description = "Continuations of each prompt.",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        var tokens = new Option<int>("--max-new-tokens")
        {
            Description = "Tokens after which a continuation is cut off.",
            HelpName = "N",
            DefaultValueFactory = _ => 256,
        };
        var temperature = new Option<double>("--temperature")
        {
            Description = "Divides the logits; 0 is greedy.",
            HelpName = "T",
            DefaultValueFactory = _ => 1,
        };
        var topK = new Option<int>("--top-k") { Description = "Only the k most probable tokens; 0 is off.", HelpName = "K" };
        var topP = new Option<double>("--top-p")
        {
            Description = "Only the smallest set with this mass; 1 is off.",
            HelpName = "P",
            DefaultValueFactory = _ => 1,
        };
        var minP = new Option<double>("--min-p")
        {
            Description = "Only tokens at least this share as probable as the best; 0 is off.",
            HelpName = "P",
        };
        var stop = new Option<string[]>("--stop")
        {
            Description = "Text that ends a continuation; may be repeated.",
            HelpName = "TEXT",
            DefaultValueFactory = _ => [],
        };
        var seed = new Option<ulong>("--seed") { Description = "The same seed gives the same tokens.", HelpName = "N" };
        var logProbs = new Option<bool>("--log-probs")
        {
            Description = "Also shows each token's log-prob and the entropy where it was drawn, nats.",
        };
        var top = new Option<int>("--top") { Description = "With each token also the N most probable ones, at most 20.", HelpName = "N" };
        var command = new Command("sample", """
            Shows what a model says, token by token as it is drawn: continuations of prompts, or with --chat answers in a conversation.

              g2rl sample --model runs/20260101-120000-run --prompt "12+30-7=" --samples 4
              g2rl sample --model models/arithmetic-base --against runs/20260101-120000-run/model --prompt "12+30-7="
              g2rl sample --model runs/20260101-120000-run/checkpoints/step-000020 --prompt "12+30-7=" --log-probs --top 3
              g2rl sample --model Qwen3-0.6B --chat --temperature 0.7 --top-p 0.8
            """)
        {
            model, against, prompts, input, chat, system, samples, tokens, temperature, topK, topP, minP, stop, seed, logProbs, top,
            threads, json,
        };
        command.SetAction(parsed =>
        {
            var (t, count, best) = (parsed.GetValue(temperature), parsed.GetValue(samples), parsed.GetValue(top));
            if (count is < 1 or > 10_000)
                throw new InputException($"--samples is {count}; it must be 1 to 10000.");
            if (best is < 0 or > 20)
                throw new InputException($"--top is {best}; it must be 0 (off) to 20.");
            if (parsed.GetValue(prompts)!.Length > 0 && parsed.GetValue(input) is not null)
                throw new InputException("--prompt and --input are both given; one of them says what to continue.");
            var settings = new SamplerSettings
            {
                Sampling = new SamplingSettings
                {
                    Temperature = t == 0 ? 1 : t,
                    Greedy = t == 0,
                    TopK = parsed.GetValue(topK),
                    TopP = parsed.GetValue(topP),
                    MinP = parsed.GetValue(minP),
                },
                MaxNewTokens = parsed.GetValue(tokens),
                StopStrings = parsed.GetValue(stop)!,
                Threads = CommonOptions.Threads(parsed, threads),
            };
            using var interruption = new Interruption();
            var sink = parsed.GetValue(json)
                ? (ISampleSink)new JsonSamples()
                : new SamplesOnTerminal(parsed.GetValue(logProbs) || best > 0);
            using var speakers = new Speakers(
                [.. new[] { parsed.GetValue(model)!, parsed.GetValue(against) }.OfType<string>()],
                settings,
                parsed.GetValue(chat),
                parsed.GetValue(system));
            var session = new SampleSession(speakers, sink, parsed.GetValue(seed), count, best, interruption.Token);
            if (parsed.GetValue(input) is { } file)
                session.Run(PromptLines.Read(file));
            else if (parsed.GetValue(prompts)!.Length > 0)
                session.Run(parsed.GetValue(prompts)!);
            else
                session.Converse();
            return 0;
        });
        return command;
    }
}
