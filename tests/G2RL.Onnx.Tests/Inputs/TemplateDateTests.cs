using G2RL.Onnx.Problems;
using G2RL.Onnx.Tokenizers.Chat;
using G2RL.Onnx.Tokenizers.Jinja;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Inputs;

/// <summary>Templates that ask for the date or for variables of their own.</summary>
[TestClass]
public sealed class TemplateDateTests
{
    // The shape of Llama 3.2's head.
    private const string Llama = """
        {{- bos_token }}
        {%- if not date_string is defined %}
            {%- if strftime_now is defined %}
                {%- set date_string = strftime_now("%d %b %Y") %}
            {%- else %}
                {%- set date_string = "26 Jul 2024" %}
            {%- endif %}
        {%- endif %}
        {{- date_string + ":" + messages[-1].content }}
        """;

    // Each checked with CPython 3.11's datetime(2024, 2, 3, 4, 5, 6, 70).strftime(...) and (2021, 12, 31, 13, 59, 0).
    [TestMethod]
    [DataRow("2024-02-03T04:05:06", "%a %A %b %B %c", "Sat Saturday Feb February Sat Feb  3 04:05:06 2024")]
    [DataRow("2024-02-03T04:05:06", "%d %e %-d %j %-j %H %-H %I %-I %M %S %p", "03  3 3 034 34 04 4 04 4 05 06 AM")]
    [DataRow(
        "2024-02-03T04:05:06",
        "%m %-m %y %Y %C %D %F %T %R %r %x %X %h",
        "02 2 24 2024 20 02/03/24 2024-02-03 04:05:06 04:05 04:05:06 AM 02/03/24 04:05:06 Feb")]
    [DataRow("2024-02-03T04:05:06", "%u %w %U %W %V %G %%%z%Z%n%t|%f", "6 6 04 05 05 2024 %\n\t|000000")]
    [DataRow("2021-12-31T13:59", "%u %w %U %W %V %G %I %p %j", "5 5 52 52 52 2021 01 PM 365")]
    [DataRow("2021-01-03", "%u %w %U %W %V %G %-I", "7 0 01 00 53 2020 12")]
    [DataRow("2024-07-26", "Today: %d %b %Y é", "Today: 26 Jul 2024 é")]
    public void Format_OfPythonsDirectives_IsPythons(string date, string format, string expected)
    {
        Assert.IsTrue(TemplateDate.TryParse(date, out var day));
        Assert.AreEqual(expected, TemplateDate.Format(day, format));
    }

    [TestMethod]
    public void Format_OfOtherDirectives_IsRefused()
    {
        foreach (var format in new[] { "%Q", "%", "%-", "%E" })
            Assert.Contains(
                "strftime's directives",
                Assert.ThrowsExactly<InputException>(() => TemplateDate.Format(new DateTime(2024, 7, 26), format)).Message);
    }

    [TestMethod]
    public void Chat_TemplateThatAsksForTheDate_IsToldTheConfiguredOne()
    {
        using var model = new TinyModel();
        File.WriteAllText(Path.Combine(model.Folder, "chat_template.jinja"), Llama);
        var problems = new ProblemsTemplate(model);
        Assert.AreEqual("<bos>26 Jul 2024:q", problems.Render("2024-07-26"));
        Assert.AreEqual("<bos>1 May 2025:q", problems.Render("", ("date_string", "\"1 May 2025\"")));
        var refused = Assert.ThrowsExactly<InputException>(() => problems.Render("")).Message;
        Assert.Contains("problems.date=2024-07-26", refused);
        Assert.Contains("problems.templateVariables", refused);
    }

    [TestMethod]
    public void RunInputs_LlamaShapedTemplate_TrainsWithAGivenDate()
    {
        using var model = new TinyModel();
        // Of what the date says only digits are in the tiny vocabulary.
        File.WriteAllText(
            Path.Combine(model.Folder, "chat_template.jinja"),
            Llama.Replace("%d %b %Y", "%d", StringComparison.Ordinal).Replace(":", "+", StringComparison.Ordinal));
        var config = model.Config with
        {
            Steps = 1,
            Problems = new() { Chat = true, Date = "2024-07-26" },
            Sampling = model.Config.Sampling with { MaxPromptTokens = 20 },
        };
        using var inputs = new RunInputs(config, TinyModel.Problems());
        // <bos>26+1+2=
        Assert.AreEqual("1 5 9 13 4 13 5 18", string.Join(' ', inputs.Encode(new Problem("p", "1+2=", ""))));
        Assert.HasCount(1, ArmRunTests.Train(config).Metrics);
    }

    // A whole template of Llama 3.2's kind: headers, a system turn that tells the date, turns, the prompt for an answer.
    [TestMethod]
    [DataRow("2024-07-26", "26 Jul 2024")]
    [DataRow("2025-01-03T10:00", "03 Jan 2025")]
    public void Train_TemplateOfLlamasKind_AsksWithTheGivenDate(string date, string told)
    {
        const string template = """
            {{- bos_token }}
            {%- if not date_string is defined %}
                {%- if strftime_now is defined %}
                    {%- set date_string = strftime_now("%d %b %Y") %}
                {%- else %}
                    {%- set date_string = "1 Jan 2000" %}
                {%- endif %}
            {%- endif %}
            {%- if messages[0]['role'] == 'system' %}
                {%- set instruction = messages[0]['content']|trim %}
                {%- set messages = messages[1:] %}
            {%- else %}
                {%- set instruction = "" %}
            {%- endif %}
            {{- "<|head|>system<|body|>\n\n" }}
            {{- "Today: " + date_string + "\n\n" }}
            {{- instruction }}
            {{- "<|end|>" }}
            {%- for message in messages %}
                {{- '<|head|>' + message['role'] + '<|body|>\n\n' + message['content'] | trim + '<|end|>' }}
            {%- endfor %}
            {%- if add_generation_prompt %}
                {{- '<|head|>assistant<|body|>\n\n' }}
            {%- endif %}
            """;
        var characters = string.Concat(Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c)) + "\n";
        using var model = new TinyModel(characters: characters, positions: 256);
        File.WriteAllText(Path.Combine(model.Folder, "chat_template.jinja"), template);
        var config = model.Config with
        {
            Steps = 2,
            Problems = new() { Chat = true, Date = date },
            Sampling = model.Config.Sampling with { MaxPromptTokens = 240 },
        };
        using (var inputs = new RunInputs(config, TinyModel.Problems()))
        {
            var text = inputs.Tokenizer.Decode(inputs.Encode(new Problem("p", "1+2=", "")));
            StringAssert.StartsWith(text, $"<|head|>system<|body|>\n\nToday: {told}\n\n");
            StringAssert.EndsWith(text, "<|end|><|head|>user<|body|>\n\n1+2=<|end|><|head|>assistant<|body|>\n\n");
        }
        var run = ArmRunTests.Train(config);
        Assert.HasCount(2, run.Metrics);
        var refused = config with { Problems = new() { Chat = true } };
        Assert.Contains(
            "problems.date=2024-07-26",
            Assert.ThrowsExactly<InputException>(() => new RunInputs(refused, TinyModel.Problems()).Dispose()).Message);
    }

    private sealed class ProblemsTemplate(TinyModel model)
    {
        public string Render(string date, params (string Name, string Json)[] variables) => ChatPrompts.Load(
            model.Folder,
            "Qwen3ForCausalLM",
            "",
            variables.ToDictionary(v => v.Name, v => v.Json),
            TemplateDate.TryParse(date, out var day) ? day : null).Render("q");
    }
}
