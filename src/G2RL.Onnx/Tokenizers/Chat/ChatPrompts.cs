namespace G2RL.Onnx.Tokenizers.Chat;

/// <summary>Questions as prompts in the form that a model was trained on: through its own chat template, with a system prompt.</summary>
public sealed class ChatPrompts
{
    private const string WithoutTemplate = "Qwen3ForCausalLM";
    private const string Thinking = "enable_thinking";

    private readonly Func<IReadOnlyList<ChatMessage>, bool, string> template;
    private readonly string system;
    private readonly bool inQuestion;

    private ChatPrompts(Func<IReadOnlyList<ChatMessage>, bool, string> template, string system)
    {
        this.template = template;
        this.system = system;
        try
        {
            _ = Render("?");
        }
        catch (InputException refused)
        {
            // Some templates know no system turn. Their models find instructions in the question.
            inQuestion = true;
            try
            {
                _ = Render("?");
            }
            catch (InputException)
            {
                throw refused;
            }
        }
    }

    /// <summary>Reads a model's template.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="architecture">
    /// What config.json calls the model, such as <c>Qwen3ForCausalLM</c>: that one has a template without bringing one.
    /// </param>
    /// <param name="system">
    /// The system prompt; null for <see cref="SystemPrompts.ReasonStepByStep"/>. Where the template refuses a system turn it stands in
    /// front of the question, with an empty line between.
    /// </param>
    /// <param name="variables">Further variables of the template, as JSON values by name; null for none.</param>
    /// <param name="date">What the template's <c>strftime_now</c> tells; null refuses templates that ask for today.</param>
    /// <exception cref="InputException">The folder brings no template, or one that cannot be read or refuses a question.</exception>
    public static ChatPrompts Load(
        string folder,
        string architecture,
        string? system = null,
        IReadOnlyDictionary<string, string>? variables = null,
        DateTime? date = null)
    {
        system ??= SystemPrompts.ReasonStepByStep;
        if (JinjaChatTemplate.Load(folder) is { } own)
            return new((messages, asks) => own.Render(messages, new(asks), variables, date), system);
        if (architecture == WithoutTemplate && variables?.Keys.FirstOrDefault(k => k != Thinking) is { } unknown)
            throw new InputException(
                $"problems.templateVariables gives '{unknown}', but {folder} brings no chat template, and the one that Qwen3 has without "
                + $"knows {Thinking} alone. Remove it.");
        var thinks = variables?.GetValueOrDefault(Thinking) != "false";
        return architecture == WithoutTemplate
            ? new((messages, asks) => ChatTemplate.Qwen3(messages, new(asks, thinks)), system)
            : throw new InputException($"problems.chat is true, but {folder} brings no chat template: "
                + "neither chat_template.jinja nor chat_template in tokenizer_config.json. "
                + $"Only Qwen3 has one without, and this is {architecture}. Add the model's template, or set problems.chat to false.");
    }

    /// <summary>Whether a model brings a template, or has one without: a Qwen3 whose tokenizer knows the tokens of a turn.</summary>
    /// <exception cref="InputException">It brings one that cannot be read.</exception>
    public static bool HasTemplate(string folder, string architecture, Tokenizer tokenizer) =>
        JinjaChatTemplate.Load(folder) is not null || (architecture == WithoutTemplate && tokenizer.IdOf("<|im_start|>") is not null);

    /// <summary>
    /// A conversation as a prompt that ends where the answer begins. Where the template knows no system turn, the first question begins
    /// with it.
    /// </summary>
    /// <exception cref="InputException">The template refuses the conversation.</exception>
    public string Render(IReadOnlyList<ChatMessage> turns) => Render(turns, asks: true);

    /// <summary>A conversation as the text that ends with its last turn: what a model learns from.</summary>
    /// <exception cref="InputException">The template refuses the conversation.</exception>
    public string RenderWhole(IReadOnlyList<ChatMessage> turns) => Render(turns, asks: false);

    private string Render(IReadOnlyList<ChatMessage> turns, bool asks) => template(
        inQuestion && turns is [{ Role: "system" } rules, { Role: "user" } first, ..]
            ? [first with { Content = rules.Content + "\n\n" + first.Content }, .. turns.Skip(2)]
            : turns,
        asks);

    /// <summary>A question as a prompt that ends where the answer begins.</summary>
    /// <exception cref="InputException">The template refuses the question.</exception>
    public string Render(string question) =>
        template(inQuestion ? [new("user", system + "\n\n" + question)] : [new("system", system), new("user", question)], true);
}
