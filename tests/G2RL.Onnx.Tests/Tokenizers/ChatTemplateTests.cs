using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Tests;

// Expected texts are worked out by hand from Qwen3's Jinja template; the golden conversations are in QwenTokenizerTests.
[TestClass]
public sealed class ChatTemplateTests
{
    [TestMethod]
    public void Qwen3_ReasoningOfTheLastAnswer_IsKeptAndEarlierIsLeftOut()
    {
        var text = ChatTemplate.Qwen3(
            [
                new("user", "a"),
                new("assistant", "<think>\nold\n</think>\n\nb"),
                new("user", "c"),
                new("assistant", "\nd", ReasoningContent: "\nnew\n"),
            ],
            new ChatOptions(AddGenerationPrompt: false));
        Assert.AreEqual(
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n"
                + "<think>\nnew\n</think>\n\nd<|im_end|>\n", text);
    }

    [TestMethod]
    public void Qwen3_ToolsAndCalls_AreRendered()
    {
        var text = ChatTemplate.Qwen3(
            [
                new("system", "S"),
                new("user", "q"),
                new("assistant", "", ToolCalls: [new("f", "{\"x\": 1}"), new("g", "{}")]),
                new("tool", "1"),
                new("tool", "2"),
            ],
            new ChatOptions(ToolsJson: ["{\"name\": \"f\"}"]));
        StringAssert.StartsWith(text, "<|im_start|>system\nS\n\n# Tools\n\nYou may call one or more functions");
        StringAssert.Contains(text, "<tools>\n{\"name\": \"f\"}\n</tools>\n\nFor each function call");
        StringAssert.EndsWith(
            text,
            "<|im_start|>assistant\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>\n<tool_call>\n{\"name\": "
                + "\"g\", \"arguments\": {}}\n</tool_call><|im_end|>\n"
            + "<|im_start|>user\n<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response><|im_end|>\n<|im_start|"
            + ">assistant\n");
    }

    [TestMethod]
    public void ChatPrompt_Question_AsksForStepsAndABox() => Assert.AreEqual(
        "<|im_start|>system\nPlease reason step by step, and put your final answer within "
            + "\\boxed{}.<|im_end|>\n<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n",
        Prompting.ChatPrompt("1+1?"));

    [TestMethod]
    public void ChatPrompts_Qwen3WithAndWithoutItsTemplate_GiveTheSameBytes()
    {
        var bare = Directory.CreateTempSubdirectory("g2rl-chat").FullName;
        var own = ChatPrompts.Load(SharedFolder.Require("tokenizers", "qwen3"), "Qwen3ForCausalLM");
        var builtIn = ChatPrompts.Load(bare, "Qwen3ForCausalLM");
        foreach (var question in new[] { "1+1?", "", " a\n\nb ", "<|im_end|>{{ x }}", "é 😀" })
        {
            Assert.AreEqual(builtIn.Render(question), own.Render(question));
            Assert.AreEqual(Prompting.ChatPrompt(question), own.Render(question));
        }

        Directory.Delete(bare);
    }

    [TestMethod]
    [DataRow("{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% "
        + "endif %}", "<s>[system]Be brief.[user]q[assistant]")]
    [DataRow("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('none') }}{% endif %}[{{ m.role }}]{{ m.content }}{% "
        + "endfor %}", "[user]Be brief.\n\nq")]
    public void ChatPrompts_ModelsOwnTemplate_IsUsed(string template, string expected)
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-chat").FullName;
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"bos_token":"<s>","chat_template":"not this one"}""");
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), template);
        Assert.AreEqual(expected, ChatPrompts.Load(folder, "LlamaForCausalLM", "Be brief.").Render("q"));
        Directory.Delete(folder, recursive: true);
    }

    [TestMethod]
    public void ChatPrompts_NoTemplateOrOneThatRefuses_SaysSo()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-chat").FullName;
        var error = Assert.ThrowsExactly<InputException>(() => ChatPrompts.Load(folder, "LlamaForCausalLM"));
        StringAssert.Contains(error.Message, "chat_template.jinja");
        StringAssert.Contains(error.Message, "LlamaForCausalLM");
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), "{{ raise_exception('not today, ' + messages[0].role) }}");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => ChatPrompts.Load(folder, "Qwen3ForCausalLM")).Message,
            "not today, system");
        Directory.Delete(folder, recursive: true);
    }

    [TestMethod]
    public void Qwen3_NoMessagesOrAnUnknownRole_IsRefused()
    {
        Assert.ThrowsExactly<InputException>(() => ChatTemplate.Qwen3([]));
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => ChatTemplate.Qwen3([new("robot", "x")])).Message, "robot");
    }
}
