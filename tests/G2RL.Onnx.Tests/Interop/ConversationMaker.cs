using System.Text.Json.Nodes;

namespace G2RL.Onnx.Tests.Interop;

/// <summary>Seeded conversations as the variables that a chat template gets.</summary>
/// <param name="seed">The seed.</param>
/// <param name="parts">Whether content may be a list of parts, or missing beside calls: most templates would write Python's spelling of
/// it.</param>
internal sealed class ConversationMaker(int seed, bool parts)
{
    private static readonly string[] Texts =
    [
        "Hello", " What is 2+2? ", "\nNew\n\nlines\n", "", "é ü \u0645\u0631 \u4F60\u597D \U0001F600", "{{ messages }} {% if %}",
        "<|im_end|>", "\"quoted\" 'single' \\back\\slash", "a\tb\r\nc", "<b>&amp;</b>", "<think>\nmaybe\n</think>\n\nYes.",
        "<think>\n\n</think>\n\nNo.", "</think>x", "<answer>1</answer>", "{\"x\": 1.5}", "\u2028sep\u00A0",
        "A sentence. And another one, longer than the first, with numbers 1 2 3.",
    ];

    private static readonly string[] Tools =
    [
        """{"type":"function","function":{"name":"weather","description":"The weather\nin a city","parameters":{"type":"object","properties":{"city":{"type":"string","description":"Größe <\"&'>"},"days":{"type":"integer"}},"required":["city"]}}}""",
        """{"type":"function","function":{"name":"add","description":"","parameters":{"type":"object","properties":{"b":{"type":"array","items":{"type":"number"}},"A":{"type":"boolean"},"c":{"type":"null"}},"required":[]},"return":{"type":"number"}}}""",
        """{"type":"function","function":{"name":"now","parameters":{"type":"object","properties":{}}}}""",
    ];

    private static readonly string[] Calls =
    [
        """{"id":"abcdefghi","type":"function","function":{"name":"weather","arguments":{"city":"Z\u00fcrich","days":3}}}""",
        """{"id":"123456789","type":"function","function":{"name":"add","arguments":{"b":[1,2.5,-3],"A":true,"c":null,"d":{"e":{},"f":[]}}}}""",
        """{"id":"short","type":"function","function":{"name":"now","arguments":{}}}""",
        """{"id":"987654321","type":"function","function":{"name":"now","arguments":"{\"raw\": 1}"}}""",
    ];

    private readonly Random random = new(seed);

    /// <summary>One conversation: usually well-formed, sometimes with roles out of turn, tools, reasoning, content in parts.</summary>
    public JsonObject Next()
    {
        var messages = new JsonArray();
        if (Chance(2))
            messages.Add(Message("system"));
        for (var turns = random.Next(1, 5); turns > 0; turns--)
        {
            messages.Add(Message("user"));
            if (Chance(3))
            {
                var calls = Message("assistant", tools: true);
                messages.Add(calls);
                for (var n = calls["tool_calls"]!.AsArray().Count; n > 0; n--)
                    messages.Add(Message("tool"));
            }

            if (turns > 1 || Chance(2))
                messages.Add(Message("assistant"));
        }

        if (Chance(8))
            messages.Insert(random.Next(messages.Count), Message(Pick(["user", "assistant", "system", "tool", "robot"])));
        var result = new JsonObject
        {
            ["messages"] = messages,
            ["bos_token"] = "<s>",
            ["eos_token"] = "</s>",
            ["add_generation_prompt"] = Chance(2),
        };
        if (Chance(3))
            result["tools"] = new JsonArray([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => JsonNode.Parse(Pick(Tools)))]);
        else if (Chance(2))
            result["tools"] = null;
        if (Chance(3))
            result["enable_thinking"] = Chance(2);
        if (Chance(3))
            result["date_string"] = "01 Jan 2030";
        if (Chance(4))
            result["tools_in_user_message"] = Chance(2);
        if (Chance(6))
            result["builtin_tools"] = new JsonArray("code", "search", "map");
        return result;
    }

    private JsonObject Message(string role, bool tools = false)
    {
        var message = new JsonObject { ["role"] = role, ["content"] = Content() };
        if (tools)
        {
            message["tool_calls"] = new JsonArray([.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => JsonNode.Parse(Pick(Calls)))]);
            if (Chance(2))
                message["content"] = Chance(2) || !parts ? "" : null;
        }

        if (role == "assistant" && Chance(4))
            message["reasoning_content"] = Pick(Texts);
        return message;
    }

    private JsonNode Content()
    {
        if (!parts || !Chance(8))
            return Chance(4) ? Pick(Texts) + Pick(Texts) : Pick(Texts);
        var content = new JsonArray();
        for (var n = random.Next(1, 4); n > 0; n--)
            content.Add(Chance(4) ? new JsonObject { ["type"] = "image" } : new JsonObject { ["type"] = "text", ["text"] = Pick(Texts) });
        return content;
    }

    private T Pick<T>(T[] of) => of[random.Next(of.Length)];

    private bool Chance(int one) => random.Next(one) == 0;
}
