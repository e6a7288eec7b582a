using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Runs;

/// <summary>Which problems go through the model's template.</summary>
[TestClass]
public sealed class ConversationsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-conversations-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // Rows: whether all problems go through the template, whether the model brings one, what the turns are; then what is asked.
    [TestMethod]
    [DataRow(true, false, null, "all:q")]
    [DataRow(true, true, TurnsKind.Text, "all:q")]
    [DataRow(true, false, TurnsKind.Template, "all:q")]
    [DataRow(false, true, null, null)]
    [DataRow(false, true, TurnsKind.Template, "own:q")]
    [DataRow(false, true, TurnsKind.Auto, "own:q")]
    [DataRow(false, false, null, null)]
    [DataRow(false, false, TurnsKind.Auto, null)]
    [DataRow(false, false, TurnsKind.Text, null)]
    public void Render_OfTurns_TakesTheTemplateWhereItShould(bool all, bool own, TurnsKind? kind, string? expected)
    {
        var found = 0;
        var conversations = Conversations(all, own, () => found++);
        var problem = new Problem("p", "prompt", "") { Turns = [new("user", "q")], Conversation = kind };
        Assert.AreEqual(expected, conversations.Render(problem));
        Assert.AreEqual(expected, conversations.Render(problem));
        Assert.AreEqual(all || kind is null ? 0 : 1, found, "It is looked for once, and only where it is needed.");
        Assert.IsNull(conversations.Render(problem with { Turns = null }));
    }

    [TestMethod]
    public void Render_TemplateNeededAndMissing_IsRefused() => Assert.AreEqual(
        "p is a conversation and problems.settings.turns is template, but the-model brings no chat template. "
            + "Add the model's chat_template.jinja, or set problems.settings.turns to text.",
        Assert.ThrowsExactly<InputException>(() => Conversations(false, false).Render(
            new("p", "prompt", "") { Turns = [new("user", "q")], Conversation = TurnsKind.Template })).Message);

    [TestMethod]
    [DataRow(false, false, TurnsKind.Auto, true)]
    [DataRow(false, true, TurnsKind.Auto, false)]
    [DataRow(true, false, TurnsKind.Auto, false)]
    [DataRow(false, false, TurnsKind.Text, false)]
    [DataRow(false, false, null, false)]
    public void Warnings_OfTurnsWithoutATemplate_SayThatTheirTextIsThePrompt(bool all, bool own, TurnsKind? kind, bool warned)
    {
        var problem = new Problem("p", "prompt", "") { Turns = [new("user", "q")], Conversation = kind };
        var told = Conversations(all, own).Warnings([problem, problem]).ToArray();
        CollectionAssert.AreEqual(
            warned
                ? new[] { "p and others are conversations, but the-model brings no chat template: the text of their turns is the prompt." }
                : [],
            told);
        Assert.IsEmpty(Conversations(all, own).Warnings([]));
    }

    // Rows of a file may be prompts and conversations; the first that is one is named.
    [TestMethod]
    public void Warnings_ConversationBehindPrompts_IsFound()
    {
        var plain = new Problem("p0", "prompt", "");
        var text = plain with { Id = "p1", Turns = [new("user", "q")], Conversation = TurnsKind.Text };
        var auto = text with { Id = "p2", Conversation = TurnsKind.Auto };
        Assert.AreEqual(
            "p2 and others are conversations, but the-model brings no chat template: the text of their turns is the prompt.",
            Conversations(false, false).Warnings([plain, text, auto, auto with { Id = "p3" }]).Single());
        Assert.IsEmpty(Conversations(false, true).Warnings([plain, text, auto]));
        Assert.IsEmpty(Conversations(false, false).Warnings([plain, text]));
    }

    private Conversations Conversations(bool all, bool own, Action? asked = null) => new(
        new RunConfig { Model = "the-model" },
        all ? Template("all") : null,
        () =>
        {
            asked?.Invoke();
            return own ? Template("own") : null;
        });

    private ChatPrompts Template(string name)
    {
        var model = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
        CharacterTokenizer.Write(model, Problems.Generated.Arithmetic.Characters);
        File.WriteAllText(
            Path.Combine(model, "chat_template.jinja"),
            name + ":{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}");
        return ChatPrompts.Load(model, "Qwen3ForCausalLM");
    }
}
