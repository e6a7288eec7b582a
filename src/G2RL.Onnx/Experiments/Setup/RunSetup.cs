using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Experiments.Setup;

/// <summary>A configuration for a user's model and data, written after looking into both.</summary>
public sealed class RunSetup
{
    private const long Small = 20_000_000;
    private const int Round = 8;

    private readonly SetupChoices choices;
    private readonly DecoderSpec spec;
    private readonly Tokenizer tokenizer;
    private readonly bool hasTemplate;
    private readonly DataLook? data;
    private readonly ChatPrompts? chat;

    /// <summary>Looks into the model and the data.</summary>
    /// <exception cref="InputException">One of them cannot be read, with what to do.</exception>
    public RunSetup(SetupChoices choices)
    {
        this.choices = choices;
        if (!AlgorithmTable.All.ContainsKey(choices.Algorithm))
            throw new InputException($"The algorithm is '{choices.Algorithm}'; there are: {string.Join(", ", AlgorithmTable.All.Keys)}.");
        using (var checkpoint = HuggingFaceCheckpoint.Open(choices.Model))
            spec = checkpoint.Spec;
        tokenizer = Tokenizer.Load(choices.Model);
        TokenizerFit.Require(tokenizer, spec.VocabularySize, choices.Model);
        hasTemplate = ChatPrompts.HasTemplate(choices.Model, spec.Architecture, tokenizer);
        if (choices.Chat ?? hasTemplate)
            chat = ChatPrompts.Load(choices.Model, spec.Architecture);
        data = choices.Data is null ? null : DataLook.Of(choices.Data, choices.HeldOut, chat is not null);
    }

    /// <summary>What was found, for the user.</summary>
    public IEnumerable<string> Findings()
    {
        yield return $"model: {spec.Architecture}, {spec.ParameterCount:N0} parameters, {spec.MaxPositions} positions, "
            + $"{(hasTemplate ? "with" : "without")} a chat template";
        if (data is null)
            yield break;
        yield return $"data: {data.Problems.TrainCount} training and {data.Problems.HeldOutCount} held-out problems; fields {data.Fields}; "
            + (data.IsNumeric ? "every answer is a number" : $"answers of up to {data.LongestAnswer} characters");
        foreach (var note in data.Problems.Notes)
            yield return $"data: {note}";
    }

    /// <summary>The configuration: JSON with a comment on each setting, that <see cref="RunConfigFile"/> reads.</summary>
    /// <exception cref="InputException">No prompt fits into the model.</exception>
    public string Write()
    {
        var json = new CommentedJson();
        json.Add("name", choices.Name, "Last part of the run folders' names.");
        json.Add("model", choices.Model, $"{spec.Architecture}, {spec.ParameterCount:N0} parameters.");
        json.Add("steps", choices.Steps, "Each step draws promptsPerStep x groupSize responses and learns from them. "
            + "Begin with few, look at report.html, and go on with --resume RUN --set steps=N.");
        json.Add("seed", 0, "The same seed gives the same bytes.");
        Problems(json);
        var promptsPerStep = Math.Min(16, data?.Problems.TrainCount ?? 16);
        Sampling(json, promptsPerStep);
        json.Add("algorithm.name", choices.Algorithm, "g2rl, grpo and others: docs/profiles.md. Compare with grpo first.");
        var rate = choices.LearningRate ?? (spec.ParameterCount <= Small ? 2e-4 : 1e-6);
        json.Add("training.learningRate", rate, choices.LearningRate is null
            ? $"Usual for {(spec.ParameterCount <= Small ? "models of a few million parameters" : "models of this size")}; "
                + "when the reward collapses take a third of it, when nothing moves three times as much."
            : "As it was asked for.");
        json.Add("training.checkpointEvery", Math.Clamp(choices.Steps / 5, 1, 20), "What a killed run loses at most, steps.");
        json.Add("evaluation.problems", Math.Min(500, data?.Problems.HeldOutCount ?? 500), "Held-out problems, before and after.");
        json.Add("evaluation.samples", 8, "Responses to each.");
        json.Add("evaluation.every", 0, "Also every so many steps; 0 is before and after alone.");
        return json.Write(
        [
            .. Findings(),
            "",
            "What is not named here has its default: docs/configuration.md, or g2rl export-and-train --dry-run --config THIS.",
        ]);
    }

    private void Problems(CommentedJson json)
    {
        if (data is null)
        {
            json.Add("problems.set", "arithmetic", "Generated problems; jsonl takes a file of yours.");
            return;
        }
        var s = data.Settings;
        json.Add("problems.set", "jsonl", "A file of rows with a prompt and an answer (JSON Lines, JSON, CSV, Parquet).");
        json.Add("problems.chat", chat is not null, chat is not null
            ? "Prompts go through the model's chat template, with a system turn that asks for the answer in \\boxed{}."
            : hasTemplate ? "As it was asked for: the model's template is not used." : "The model has no template: it continues the text.");
        json.Add("problems.tooLong", "skip", "Prompts beyond sampling.maxPromptTokens are left out and counted; refuse stops instead.");
        json.Add("problems.settings.train", s.Train, $"{data.Problems.TrainCount} problems after what is held out.");
        if (s.HeldOut is not null)
            json.Add("problems.settings.heldOut", s.HeldOut, $"{data.Problems.HeldOutCount} problems.");
        else
            json.Add("problems.settings.heldOutFraction", s.HeldOutFraction, "By a hash of the question: it stays when the file grows.");
        if (s.Policy is { } policy)
            json.Add("problems.settings.policy", policy, "How answers are found and compared: docs/answer-checking.md.");
        else
        {
            json.Add("problems.settings.answer", s.Answer == AnswerPlace.LastNumber ? "lastNumber" : "whole",
                "Where a response's answer is: whole, lastNumber, marker or boxed.");
            json.Add("problems.settings.match", s.Match == AnswerMatch.Numeric ? "numeric" : "exact", data.IsNumeric
                ? "Every reference is a number: 1/2 is 0.5."
                : "The same text; for formulas set policy to math instead.");
        }
        if (tokenizer.EosId is null && spec.EosTokens.Length == 0)
            json.Add("problems.settings.requireFinished", false, "The model names no end token, so every response ends at the limit.");
    }

    private void Sampling(CommentedJson json, int promptsPerStep)
    {
        var (longest, middle) = Prompts();
        var response = choices.MaxNewTokens ?? (data is null ? 80 : chat is not null ? 512 : 64 + (4 * data.LongestAnswer));
        var prompt = Math.Min((longest + Round - 1) / Round * Round, Math.Max(Round, spec.MaxPositions / 2));
        response = Math.Min(response, spec.MaxPositions - prompt);
        if (response < 1)
            throw new InputException($"{choices.Model} has {spec.MaxPositions} positions; a prompt of {prompt} tokens leaves none.");
        json.Add("sampling.promptsPerStep", promptsPerStep, "Problems of a step.");
        json.Add("sampling.groupSize", 16, "Responses to each; their rewards are compared with each other. Fewer are faster and noisier.");
        json.Add("sampling.maxPromptTokens", prompt, data is null
            ? "Room for the prompts."
            : $"The longest prompt has {longest} tokens, the middle one {middle}.");
        json.Add("sampling.maxNewTokens", response, "Room for the response. When evaluations say that many are cut off, raise it.");
        json.Add("sampling.temperature", 1, "1 trains the policy that draws.");
    }

    // Of the longest and of the middle one.
    private (int Longest, int Middle) Prompts()
    {
        if (data is null)
            return (64, 64);
        var lengths = data.All.Select(p =>
            (chat is null || p.Turns is not null && p.Conversation == TurnsKind.Text ? tokenizer.EncodePrompt(p.Prompt)
                : tokenizer.Encode(p.Turns is { } turns ? chat.Render(turns) : chat.Render(p.Prompt))).Length).Order().ToArray();
        return (Math.Max(1, lengths[^1]), lengths[lengths.Length / 2]);
    }
}
