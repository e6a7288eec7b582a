using System.Text.Json.Nodes;
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
        // An end within an answer, or before a special token, is not the answer's end.
        const string asks = "{% for m in messages %}{% if m.role == 'user' %}*{{ m.content }}={% else %}{{ m.content }}{{ eos_token }}";
        Assert.AreEqual("*1=|2$3$", Spelled(row, new(), asks + "3{% endif %}{% endfor %}"));
        Assert.AreEqual("*1=|2$<bos>$", Spelled(row, new(), asks + "{{ bos_token }}{% endif %}{% endfor %}"));
        // Two characters more in front: what follows the prompt's length is no answer.
        Assert.AreEqual("*1=|2$", Spelled(row, new(), "{% if messages[-1].role == 'assistant' %}77{% endif %}" + turns));
        Assert.AreEqual("*1=|2$ ", Spelled(row, new(), turns, ends: false));
    }

    // The response as it is spelled behind the prompt, here without the space in front of a text; where a token lies across their border
    // the prompt's own tokens stay as they are, and the response is spelled alone.
    [TestMethod]
    [DataRow("""{"prompt": "1=", "response": "34"}""", false, "1=|34$")]
    [DataRow("""{"prompt": "1=", "response": "3"}""", true, "_1=|3$")]
    public void Row_TokensAcrossTheBorder_AreLearnedAsTheResponse(string row, bool spaced, string expected) =>
        Assert.AreEqual(expected, Spelled(row, new(), change: tokenizer =>
        {
            tokenizer["pre_tokenizer"] = null;
            tokenizer["normalizer"] = spaced ? new JsonObject { ["type"] = "Prepend", ["prepend"] = "_" } : null;
            var vocabulary = tokenizer["model"]!["vocab"]!.AsObject();
            vocabulary["_"] = vocabulary.Count;
            vocabulary["=3"] = vocabulary.Count;
            tokenizer["model"]!["merges"] = spaced ? new JsonArray() : new JsonArray("= 3");
        }));

    // Of a conversation's answers any may be too long, or hold what the model cannot read.
    [TestMethod]
    [DataRow(99, "44444444444444444", " has 26 tokens; at most 16 are allowed")]
    [DataRow(0, "4 4", " of the tokenizer; the model's vocabulary has ")]
    public void Rows_OfWhichTheLastAnswerDoesNotFit_AreTold(int vocabulary, string last, string words) => Assert.Contains(
        words,
        Assert.ThrowsExactly<InputException>(
            () => Spelled(TwoAnswers.Replace("\"4\"", $"\"{last}\"", StringComparison.Ordinal), new(), vocabulary: vocabulary)).Message);

    [TestMethod]
    [DataRow("""{"messages": [{"role": "assistant", "content": "1"}, {"role": "user", "content": "1"}]}""", "begins with an answer")]
    [DataRow(
        """{"conversations": [{"from": "human", "value": "1"}, {"role": "assistant", "content": "2"}]}""",
        "field 'conversations', turn 1: a turn has from (human, gpt or system) and value.")]
    [DataRow("""{"conversations": [{"from": "human", "value": "1"}, {"from": "tool", "value": "2"}]}""", "turn 1: a turn has from")]
    [DataRow("""{"prompt": "1=", "response": ""}""", "field 'response' is empty")]
    [DataRow(
        """{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": ""}]}""",
        "turn 1 of the conversation is an empty answer.")]
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
    public void Template_ThatLeavesQuestionsOut_IsTold() => Assert.Contains(
        "the prompt '' has no tokens; a model needs something to continue.",
        Assert.ThrowsExactly<InputException>(() => Spelled(
            """{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]}""",
            new(),
            "{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content }}{% endif %}{% endfor %}")).Message);

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

    // prompt|response of each sequence, the end token as $. A vocabulary of 0 lacks the last character, the space.
    private static string Spelled(
        string rows,
        FineTuneData data,
        string template = Template,
        bool ends = true,
        Action<JsonObject>? change = null,
        int vocabulary = 99)
    {
        using var model = new TinyModel(characters: Problems.Generated.Arithmetic.Characters + " ");
        var path = Path.Combine(model.Root, "rows.jsonl");
        File.WriteAllText(path, rows);
        File.WriteAllText(Path.Combine(model.Folder, "chat_template.jinja"), template);
        if (change is not null)
        {
            var file = Path.Combine(model.Folder, "tokenizer.json");
            var node = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
            change(node);
            File.WriteAllText(file, node.ToJsonString());
        }
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
            vocabulary > 0 ? vocabulary : tokenizer.IdOf(" ")!.Value);
        string Text(int[] ids) => string.Concat(
            ids.Select(id => id == tokenizer.EosId ? "$" : tokenizer.Decode([id], skipSpecial: false)));
        var spelled = examples.Of(0)[..examples.Count].Select(s => $"{Text(s.Prompt)}|{Text(s.Response)}");
        return string.Join(' ', spelled.OrderBy(t => t.Length));
    }
}
