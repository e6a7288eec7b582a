using System.Text.Json;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers.Chat;
using G2RL.Onnx.Tokenizers.Jinja;

namespace G2RL.Onnx.Tests;

// Expected texts are worked out by hand after the documentation of Jinja2 and Python, with trim_blocks and lstrip_blocks on.
[TestClass]
public sealed class JinjaTests
{
    private static readonly ChatMessage[] Conversation = [new("system", "S"), new("user", " a "), new("assistant", "b")];

    [TestMethod]
    public void Render_Qwen3sOwnTemplate_GivesTheGoldenTexts()
    {
        var template = JinjaChatTemplate.Load(SharedFolder.Require("tokenizers", "qwen3"))!;
        var lines = 0;
        foreach (var line in File.ReadLines(SharedFolder.Require("tokenizers", "qwen3", "qwen3_chat_golden.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            var messages = root.GetProperty("messages").EnumerateArray()
                .Select(m => new ChatMessage(m.GetProperty("role").GetString()!, m.GetProperty("content").GetString()!)).ToList();
            var options = root.GetProperty("options");
            Assert.AreEqual(root.GetProperty("text").GetString(), template.Render(messages, new ChatOptions(
                options.GetProperty("add_generation_prompt").GetBoolean(),
                !options.TryGetProperty("enable_thinking", out var thinking) || thinking.GetBoolean())));
            lines++;
        }

        Assert.AreEqual(12, lines);
    }

    [TestMethod]
    public void Render_Qwen3sOwnTemplate_EqualsTheOneInCode()
    {
        var template = JinjaChatTemplate.Load(SharedFolder.Require("tokenizers", "qwen3"))!;
        ChatMessage[] messages =
        [
            new("system", "S"), new("user", "q"), new("assistant", "<think>\nx\n</think>\n\ny"), new("user", "r"),
            new("assistant", "", ToolCalls: [new("f", "{\"x\": 1, \"é\": [1.5, null, true]}"), new("g", "{}")]), new("tool", "1"),
            new("tool", "2"), new("assistant", "z", ReasoningContent: "\nw\n"),
        ];
        var options = new ChatOptions(ToolsJson: ["{\"name\": \"f\", \"parameters\": {\"a\": \"<b>\"}}"], EnableThinking: false);
        for (var count = 1; count <= messages.Length; count++)
            Assert.AreEqual(ChatTemplate.Qwen3(messages[..count], options), template.Render(messages[..count], options));
    }

    [TestMethod]
    [DataRow("{{ messages[0].role }}{{ messages[-1]['content'] }}{{ messages[9].x is defined }}", "error")]
    [DataRow("{{ messages[0].role + messages[-1]['content'] }} {{ messages[0].nothing }}", "systemb ")]
    [DataRow("{% for m in messages %}\n  {% if loop.first %}\n    [{{ m.role }}]\n  {% else %}\n-{{ loop.index }}/{{ loop.length }}\n  {% "
        + "endif %}\n{% endfor %}\nend\n", "    [system]\n-2/3\n-3/3\nend")]
    [DataRow("a  {{- ' b ' -}}  \n c {#- gone -#} d", "a b cd")]
    [DataRow("  {%+ if true %}x{% endif +%}\ny", "  x\ny")]
    [DataRow("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% set x = 1 %}{% endfor %}{{ ns.n }}{{ x is "
        + "defined }}", "3False")]
    [DataRow(
        "{% for m in messages if m.role != 'system' %}{{ m.content | trim }}{{ ',' if not loop.last }}{% else %}none{% endfor %}",
        "a,b")]
    [DataRow(
        "{% for x in [] %}{% else %}none{% endfor %}{% for k, v in {'a': 1, 'b': [true, none]}.items() %}{{ k }}={{ v }};{% endfor %}",
        "nonea=1;b=[True, None];")]
    [DataRow("{% macro m(a, b='z') %}<{{ a }}{{ b }}>{% endmacro %}{{ m('x') }}{{ m('x', b=1) }}", "<xz><x1>")]
    [DataRow("{{ [3, 1, 2] | sort | join('-') }} {{ 'aXb' | lower }} {{ 'ab'[::-1] }} {{ 'abc'[1:] }} {{ 'a,b'.split(',')[-1] }} {{ "
        + "'xxaxx'.strip('x') }}", "1-2-3 axb ba bc b a")]
    [DataRow("{{ {'a': [1, 2.0, 'é\"\\n'], 'b': {}} | tojson }}", "{\"a\": [1, 2.0, \"é\\\"\\n\"], \"b\": {}}")]
    [DataRow("{{ {'a': [1], 'b': {}} | tojson(indent=2) }}", "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}")]
    [DataRow(
        "{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 3 }} {{ 1 < 2 < 3 }} {{ 'a' ~ 1 }} {{ 1 == 1.0 }}",
        "3 -4 2 3.5 8 True a1 True")]
    [DataRow("{{ x | default('d') }}{{ '' | default('e', true) }}{{ none is none }}{{ 'a' is string and 1 is not string }}{{ 'b' in 'abc' "
        + "}}{{ 2 not in [1] }}", "deTrueTrueTrueTrue")]
    [DataRow("{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | length }}{{ messages | "
        + "map(attribute='role') | join(' ') }}", "1system user assistant")]
    [DataRow(
        "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
        "02")]
    [DataRow("{% set a %}x{{ 1 }}{% endset %}{{ a * 2 }}{% generation %}g{% endgeneration %}", "x1x1g")]
    [DataRow("{{ bos_token }}{{ '%}' }}{{ \"it's\" }}{{ ('a' 'b', 1) }}", "<s>%}it's('ab', 1)")]
    public void Render_Parts_AreThoseOfJinja(string source, string expected)
    {
        var template = new JinjaChatTemplate(source, "<s>", "</s>");
        if (expected == "error")
            Assert.ThrowsExactly<InputException>(() => template.Render(Conversation));
        else
            Assert.AreEqual(expected, template.Render(Conversation));
    }

    // What is not implemented is refused by name; the fixture holds a few such templates.
    [TestMethod]
    public void Render_TemplatesOfTheFixture_GiveWhatJinja2Gives()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(SharedFolder.InRepository("tests", "fixtures", "jinja2.json")));
        var variables = json.RootElement.GetProperty("variables")
            .EnumerateObject()
            .Select(p => KeyValuePair.Create(p.Name, JinjaValue.Of(p.Value)))
            .ToList();
        var wrong = new List<string>();
        var (same, refused) = (0, 0);
        foreach (var entry in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            var source = entry.GetProperty("template").GetString()!;
            try
            {
                var text = new JinjaTemplate(source).Render(variables);
                if (entry.TryGetProperty("expected", out var expected) && expected.GetString() == text)
                    same++;
                else
                    wrong.Add($"{source}: {text} instead of {expected}");
            }
            catch (InputException e)
                when (!entry.TryGetProperty("expected", out _) || e.Message.Contains("not implemented", StringComparison.Ordinal))
            {
                refused++;
            }
            catch (InputException e)
            {
                wrong.Add($"{source}: {e.Message} instead of {entry.GetProperty("expected")}");
            }
        }

        Assert.AreEqual("", string.Join('\n', wrong));
        Assert.AreEqual(153, same);
        Assert.AreEqual(5, refused);
    }

    [TestMethod]
    [DataRow("{% include 'x' %}", "'include'")]
    [DataRow("{{ x | pprint }}", "'pprint'")]
    [DataRow("{{ x is fitler }}", "'fitler'")]
    [DataRow("a\n{% if x %}b", "line 2")]
    [DataRow("{% endif %}", "ends nothing")]
    [DataRow("{{ 'a }}", "no end")]
    [DataRow("{{ a.b", "no end")]
    [DataRow("{{ $ }}", "'$'")]
    [DataRow("{{ raise_exception('no ' + messages[0].role) }}", "no system")]
    [DataRow("{{ strftime_now('%d') }}", "today's date")]
    [DataRow("{{ x.y }}", "'x'")]
    [DataRow("{{ 1 / 0 }}", "zero")]
    [DataRow("{{ 'a' * 1000000000 }}", "characters")]
    [DataRow("{{ range(1000000000) }}", "characters")]
    [DataRow("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "more than")]
    [DataRow("{% for a in range(9999) %}{% for b in range(999) %}{{ 1 }}{% endfor %}{% endfor %}", "steps")]
    [DataRow("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep")]
    [DataRow("{% set n = namespace(s='a') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}", "characters")]
    [DataRow("{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s | tojson }}", "more than")]
    [DataRow("{% set n = namespace(a=[1], b=[1]) %}{% for i in range(40) %}{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor "
        + "%}{{ n.a == n.b }}", "more than")]
    [DataRow("{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s.upper() %}{% endfor %}", "characters")]
    [DataRow(
        "{% set s = 'a' * 1000000 %}{% set t = s + 'b' %}{% set u = s + 'c' %}{% for i in range(100000) %}{% set x = t == u %}{% endfor %}",
        "characters")]
    [DataRow("{% set s = 'a' * 1000000 %}{% set t = s + 'b' %}{% for i in range(100000) %}{% set x = s < t %}{% endfor %}", "characters")]
    [DataRow("{% set s = 'a' * 1000000 %}{{ ([s, s + 'b'] * 100000) | sort | length }}", "characters")]
    [DataRow("{% set s = ['a'] * 100000 %}{% for i in range(100000) %}{% set x = s | join %}{% endfor %}", "characters")]
    [DataRow(
        "{% set s = ['aaaaaaaaaa'] * 100000 %}{% for i in range(100000) %}{% set x = s | string | length %}{% endfor %}",
        "characters")]
    [DataRow("{% macro a(n) %}{% for i in range(9) %}{{ a(n) }}{% endfor %}{% endmacro %}{{ a(1) }}", "deep")]
    [DataRow(
        "{% macro a(n) %}{% if n > 0 %}{{ a(n - 1) }}{{ a(n - 1) }}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(20) }}",
        "steps")]
    [DataRow("{% set n = namespace(a=[1], b=[1]) %}{% for i in range(90000) %}{% set n.a = [n.a] %}{% set n.b = [n.b] %}{% endfor %}{{ "
        + "n.a == n.b }}", "levels")]
    [Timeout(120_000)]
    public void Render_WrongOrHostile_IsNamed(string source, string expected) =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new JinjaChatTemplate(source).Render(Conversation)).Message,
            expected);

    [TestMethod]
    [DataRow("{{ x | trim('a', 'b') }}", "trim 2 arguments")]
    [DataRow("{{ [1] | sort(by='x') }}", "sort the argument 'by'")]
    [DataRow("{{ 'a'.startswith('a', 1) }}", "startswith 2 arguments")]
    [DataRow("{{ {}.get(default=1, other=2) }}", "get the argument 'other'")]
    [DataRow("{{ 'a'.upper(1) }}", "none can be given")]
    [DataRow("{{ 'a'.replace('a', 'b', old='c') }}", "twice")]
    [DataRow("{{ [1] | select('odd', x=1) }}", "'x'")]
    [DataRow("{{ {'a': 1} | dictsort(by='size') }}", "'size'")]
    [DataRow("{{ 'a'.encode(1) }}", "'encode'")]
    [DataRow("{{ 'a{}'.format() }}", "place 0")]
    [DataRow("{{ '{x}'.format(y=1) }}", "'x'")]
    [DataRow("{{ '{:e}'.format(1.5) }}", "f, F and %")]
    [DataRow("{{ '{:99999999999}'.format(1) }}", "10000 is the widest")]
    [DataRow("{{ '{'.format(1) }}", "no end")]
    [DataRow("{{ '%s' % (1, 2) }}", "more values")]
    [DataRow("{{ '%s %s' | format(1) }}", "fewer values")]
    [DataRow("{{ '%g' | format(1.5) }}", "'%g'")]
    [DataRow("{{ [1]|batch(0) }}", "at least 1")]
    [DataRow("{{ [1]|slice(0) }}", "from 1 to")]
    [DataRow("{{ 'a'|round }}", "cannot be rounded")]
    [DataRow("{{ 'abc'|truncate(2) }}", "no room")]
    [DataRow("{{ 'x'.ljust(10001) }}", "10000")]
    [DataRow("{{ 'a'.index('b') }}", "index")]
    [DataRow("{% raw %}x", "'raw' has no end")]
    [DataRow("{% call x %}y{% endcall %}", "'call' wants a call")]
    [DataRow("{% call f() %}y{% endcall %}", "no function")]
    [DataRow("{% filter nothing %}y{% endfilter %}", "'nothing'")]
    [DataRow("{% with a %}{% endwith %}", "'='")]
    public void Render_ArgumentThatNobodyKnows_IsNamedAndNotDropped(string source, string expected) =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new JinjaChatTemplate(source).Render(Conversation)).Message,
            expected);

    [TestMethod]
    [DataRow("(")]
    [DataRow("[")]
    [DataRow("not ")]
    [DataRow("-")]
    [DataRow("a[")]
    public void Parse_DeepNesting_IsRefused(string part) =>
        Assert.ThrowsExactly<InputException>(() => new JinjaChatTemplate("{{ " + string.Concat(Enumerable.Repeat(part, 50_000))));
}
