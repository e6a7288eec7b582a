using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests.FineTuning;

/// <summary>Rows of users' files as what is read and what is learned.</summary>
[TestClass]
public sealed class FineTuneRowsTests
{
    // A template of the tiny alphabet: a question is "*q=", an answer "a" and the end token.
    private const string Template = "{% for m in messages %}{% if m.role == 'user' %}*{{ m.content }}={% elif m.role == 'assistant' %}"
        + "{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}";

    private const string TwoAnswers = """{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}, """
        + """{"role": "user", "content": "3"}, {"role": "assistant", "content": "4"}]}""";

    [TestMethod]
    [DataRow("""{"prompt": "1+2=", "response": "3"}""", "1+2=|3$")]
    [DataRow("""{"question": "1+2=", "answer": 3}""", "1+2=|3$")]
    [DataRow("""{"problem": "1+2=", "solution": "3", "messages_of": 1}""", "1+2=|3$")]
    [DataRow("""{"messages": [{"role": "user", "content": "1+2"}, {"role": "assistant", "content": "3"}]}""", "*1+2=|3$")]
    [DataRow("""{"conversations": [{"from": "human", "value": "1+2"}, {"from": "gpt", "value": "3"}]}""", "*1+2=|3$")]
    [DataRow(TwoAnswers, "*1=|2$ *1=2$*3=|4$")]
    [DataRow("""{"prompt": [{"role": "user", "content": "1+2"}], "completion": [{"role": "assistant", "content": "3"}]}""", "*1+2=|3$")]
    [DataRow("""{"prompt": [{"role": "user", "content": "1+2"}], "completion": "3"}""", "*1+2=|3$")]
    [DataRow("""{"instruction": "1+2", "input": "", "output": "3"}""", "1+2|3$")]
    [DataRow("""{"conversation": [{"role": "user", "content": "1+2"}, {"role": "assistant", "content": "3"}]}""", "*1+2=|3$")]
    public void Row_OfEachForm_IsReadToItsResponse(string row, string expected) => Assert.AreEqual(expected, Spelled(row, new()));

    [TestMethod]
    public void Settings_OfData_ChooseFieldsTurnsAndTemplate()
    {
        Assert.AreEqual("*1=2$*3=|4$", Spelled(TwoAnswers, new() { LastTurnOnly = true }));
        Assert.AreEqual("1=|9$", Spelled("""{"q": "1=", "a": "9"}""", new() { PromptField = "q", ResponseField = "a" }));
        Assert.AreEqual("*1+2=|3$", Spelled("""{"prompt": "1+2", "response": "3"}""", new() { Chat = true }));
    }

    // What follows an end token and says nothing is not learned; a template that spells the question otherwise once it is answered leaves
    // the answer's own text.
    [TestMethod]
    public void Template_AroundAnAnswer_LeavesTheAnswerAndOneEnd()
    {
        const string row = """{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]}""";
        const string answer = "{{ m.content }}{{ eos_token }} {% endif %}{% endfor %}";
        const string turns = "{% for m in messages %}{% if m.role == 'user' %}*{{ m.content }}={% else %}" + answer;
        Assert.AreEqual("*1=|2$", Spelled(row, new(), turns));
        Assert.AreEqual("1*1=|2$", Spelled(row, new(), "{{ messages|length }}" + turns));
        const string shared = """
            {"conversations": [{"from": "system", "value": "7"}, {"from": "user", "value": "1"}, {"from": "assistant", "value": "2"}]}
            """;
        const string three = "{% for m in messages %}{% if m.role == 'system' %}7+{% elif m.role == 'user' %}*{{ m.content }}={% else %}";
        Assert.AreEqual("7+*1=|2$", Spelled(shared, new(), three + answer));
        Assert.AreEqual("1=|3", Spelled("""{"prompt": "1=", "response": "3"}""", new(), turns, ends: false));
        Assert.AreEqual("*1=|2$ ", Spelled(row, new(), turns, ends: false));
    }

    [TestMethod]
    [DataRow("""{"messages": [{"role": "assistant", "content": "1"}, {"role": "user", "content": "1"}]}""", "begins with an answer")]
    [DataRow(
        """{"conversations": [{"from": "human", "value": "1"}, {"role": "assistant", "content": "2"}]}""",
        "field 'conversations', turn 1: a turn has from (human, gpt or system) and value.")]
    [DataRow("""{"conversations": [{"from": "human", "value": "1"}, {"from": "tool", "value": "2"}]}""", "turn 1: a turn has from")]
    [DataRow("""{"prompt": "1=", "response": ""}""", "field 'response' is empty")]
    public void Rows_OfWrongTurns_AreTold(string row, string words) =>
        Assert.Contains(words, Assert.ThrowsExactly<InputException>(() => Spelled(row, new())).Message);

    // A template that says nothing of an answer, or its end alone: there is nothing to learn, with end tokens or without.
    [TestMethod]
    [DataRow("", true)]
    [DataRow("", false)]
    [DataRow("{{ eos_token }}", true)]
    [DataRow("{{ eos_token }} ", true)]
    public void Template_ThatLeavesAnswersOut_IsTold(string answer, bool ends)
    {
        var template = "{% for m in messages %}{% if m.role == 'user' %}*{{ m.content }}={% else %}" + answer + "{% endif %}{% endfor %}";
        const string row = """{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]}""";
        var message = Assert.ThrowsExactly<InputException>(() => Spelled(row, new(), template, ends)).Message;
        Assert.Contains("rows.jsonl:1", message);
        Assert.Contains("the response has no tokens beside its end", message);
    }

    [TestMethod]
    public void Rows_Broken_AreAllTold()
    {
        string[] rows =
        [
            """{"prompt": "1=", "response": "1"}""",
            """{"prompt": "1="}""",
            """{"response": "1"}""",
            """{"prompt": "", "response": "1"}""",
            """{"prompt": "1=", "response": "é"}""",
            """{"messages": [{"role": "user", "content": "1"}]}""",
            """{"messages": [{"role": "assistant", "content": "1"}]}""",
            """{"prompt": "1=", "response": "1""",
            """{"prompt": "111111111111111111=", "response": "1"}""",
            """{"prompt": {"a": 1}, "response": "1"}""",
        ];
        var message = Assert.ThrowsExactly<InputException>(() => Spelled(string.Join('\n', rows), new())).Message;
        for (var line = 2; line <= rows.Length; line++)
            Assert.Contains($"rows.jsonl:{line}", message);
        Assert.DoesNotContain("rows.jsonl:1 ", message);
        Assert.Contains("no field 'response'", message);
        Assert.Contains("U+00E9", message);
        Assert.Contains("no turn of the assistant", message);
        Assert.Contains("data.skipTooLong", message);
    }

    // prompt|response of each sequence, the end token as $.
    private static string Spelled(string rows, FineTuneData data, string template = Template, bool ends = true)
    {
        using var model = new TinyModel(characters: Problems.Generated.Arithmetic.Characters + " ");
        var path = Path.Combine(model.Root, "rows.jsonl");
        File.WriteAllText(path, rows);
        File.WriteAllText(Path.Combine(model.Folder, "chat_template.jinja"), template);
        var tokenizer = Tokenizer.Load(model.Folder);
        var config = new FineTuneConfig { Data = data with { Train = path, HeldOutFraction = 0 }, ExamplesPerStep = 100 };
        var examples = new FineTuneExamples(
            config,
            new FineTuneRows(
                config.Data,
                tokenizer,
                new(() => ChatPrompts.Load(model.Folder, "Qwen3")),
                ends ? [tokenizer.EosId!.Value] : []),
            positions: 16,
            tokenizer.VocabularySize);
        string Text(int[] ids) => string.Concat(ids.Select(id => id == tokenizer.EosId ? "$" : tokenizer.Decode([id])));
        var spelled = examples.Of(0)[..examples.Count].Select(s => $"{Text(s.Prompt)}|{Text(s.Response)}");
        return string.Join(' ', spelled.OrderBy(t => t.Length));
    }
}
