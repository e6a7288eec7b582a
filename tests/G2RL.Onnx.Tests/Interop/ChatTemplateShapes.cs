namespace G2RL.Onnx.Tests.Interop;

/// <summary>
/// Chat templates in the shapes that the families' templates have: the same means of the language for the same ends (turn markers,
/// alternation, tools, reasoning, content in parts), in words of our own.
/// </summary>
internal static class ChatTemplateShapes
{
    /// <summary>The templates by name.</summary>
    public static IReadOnlyDictionary<string, string> All { get; } = new Dictionary<string, string>
    {
        // ChatML with a system prompt of its own where none is given: Qwen2, SmolLM2.
        ["chatml"] = """
            {% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe helpful.<|im_end|>\n' }}{% endif %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
            """,
        // Tools in the system turn, answers of several in one user turn, calls as JSON: Qwen2.5.
        ["chatml-tools"] = """
            {%- if tools %}
                {{- '<|im_start|>system\n' }}
                {%- if messages[0].role == 'system' %}
                    {{- messages[0].content }}
                {%- else %}
                    {{- 'Be helpful.' }}
                {%- endif %}
                {{- "\n\n# Functions\n<tools>" }}
                {%- for tool in tools %}
                    {{- "\n" }}
                    {{- tool | tojson }}
                {%- endfor %}
                {{- "\n</tools>\nAnswer {\"name\": <name>, \"arguments\": <object>}<|im_end|>\n" }}
            {%- else %}
                {%- if messages[0]['role'] == 'system' %}
                    {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
                {%- endif %}
            {%- endif %}
            {%- for message in messages %}
                {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
                    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
                {%- elif message.role == "assistant" %}
                    {{- '<|im_start|>' + message.role }}
                    {%- if message.content %}
                        {{- '\n' + message.content }}
                    {%- endif %}
                    {%- for tool_call in message.tool_calls %}
                        {%- if tool_call.function is defined %}
                            {%- set tool_call = tool_call.function %}
                        {%- endif %}
                        {{- '\n<call>\n{"name": "' }}
                        {{- tool_call.name }}
                        {{- '", "arguments": ' }}
                        {{- tool_call.arguments | tojson }}
                        {{- '}\n</call>' }}
                    {%- endfor %}
                    {{- '<|im_end|>\n' }}
                {%- elif message.role == "tool" %}
                    {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
                        {{- '<|im_start|>user' }}
                    {%- endif %}
                    {{- '\n<answer>\n' }}
                    {{- message.content }}
                    {{- '\n</answer>' }}
                    {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
                        {{- '<|im_end|>\n' }}
                    {%- endif %}
                {%- endif %}
            {%- endfor %}
            {%- if add_generation_prompt %}
                {{- '<|im_start|>assistant\n' }}
            {%- endif %}

            """,
        // The last question is searched from behind, reasoning before it is dropped: Qwen3.
        ["thinking"] = """
            {%- set ns = namespace(multi_step=true, last=messages|length - 1) %}
            {%- for message in messages[::-1] %}
                {%- set index = (messages|length - 1) - loop.index0 %}
                {%- if ns.multi_step and message.role == "user" and message.content is string and not(message.content.startswith('<answer>') and message.content.endswith('</answer>')) %}
                    {%- set ns.multi_step = false %}
                    {%- set ns.last = index %}
                {%- endif %}
            {%- endfor %}
            {%- for message in messages %}
                {%- if message.content is string %}
                    {%- set content = message.content %}
                {%- else %}
                    {%- set content = '' %}
                {%- endif %}
                {%- if message.role == "assistant" %}
                    {%- set reasoning = '' %}
                    {%- if message.reasoning_content is string %}
                        {%- set reasoning = message.reasoning_content %}
                    {%- else %}
                        {%- if '</think>' in content %}
                            {%- set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
                            {%- set content = content.split('</think>')[-1].lstrip('\n') %}
                        {%- endif %}
                    {%- endif %}
                    {%- if loop.index0 > ns.last and (loop.last or (not loop.last and reasoning)) %}
                        {{- '[A]\n<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}
                    {%- else %}
                        {{- '[A]\n' + content }}
                    {%- endif %}
                    {%- if message.tool_calls %}
                        {%- for tool_call in message.tool_calls %}
                            {%- if (loop.first and content) or (not loop.first) %}
                                {{- '\n' }}
                            {%- endif %}
                            {%- if tool_call.function %}
                                {%- set tool_call = tool_call.function %}
                            {%- endif %}
                            {{- tool_call.name + ': ' }}
                            {%- if tool_call.arguments is string %}
                                {{- tool_call.arguments }}
                            {%- else %}
                                {{- tool_call.arguments | tojson }}
                            {%- endif %}
                        {%- endfor %}
                    {%- endif %}
                    {{- '[/A]\n' }}
                {%- else %}
                    {{- '[' ~ message.role|upper ~ ']\n' ~ content ~ '\n' }}
                {%- endif %}
            {%- endfor %}
            {%- if add_generation_prompt %}
                {{- '[A]\n' }}
                {%- if enable_thinking is defined and enable_thinking is false %}
                    {{- '<think>\n\n</think>\n\n' }}
                {%- endif %}
            {%- endif %}
            """,
        // Strict alternation, the system prompt inside the first question: Llama 2.
        ["llama2"] = """
            {% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Questions and answers must take turns.') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}
            """,
        // Headers, a date, tools in the first question, calls of one function: Llama 3.
        ["llama3"] = """
            {{- bos_token }}
            {%- if custom_tools is defined %}
                {%- set tools = custom_tools %}
            {%- endif %}
            {%- if not tools_in_user_message is defined %}
                {%- set tools_in_user_message = true %}
            {%- endif %}
            {%- if not date_string is defined %}
                {%- set date_string = "26 Jul 2024" %}
            {%- endif %}
            {%- if not tools is defined %}
                {%- set tools = none %}
            {%- endif %}
            {%- if messages[0]['role'] == 'system' %}
                {%- set system_message = messages[0]['content']|trim %}
                {%- set messages = messages[1:] %}
            {%- else %}
                {%- set system_message = "" %}
            {%- endif %}
            {{- "<|head|>system<|/head|>\n\n" }}
            {%- if builtin_tools is defined or tools is not none %}
                {{- "Environment: here\n" }}
            {%- endif %}
            {%- if builtin_tools is defined %}
                {{- "Tools: " + builtin_tools | reject('equalto', 'code') | join(", ") + "\n\n"}}
            {%- endif %}
            {{- "Today: " + date_string + "\n\n" }}
            {{- system_message }}
            {{- "<|eot|>" }}
            {%- if tools_in_user_message and not tools is none %}
                {%- if messages | length != 0 %}
                    {%- set first_user_message = messages[0]['content']|trim %}
                    {%- set messages = messages[1:] %}
                {%- else %}
                    {{- raise_exception("Tools need a first question.") }}
                {%- endif %}
                {{- '<|head|>user<|/head|>\n\n' -}}
                {{- "Use these:\n\n" }}
                {%- for t in tools %}
                    {{- t | tojson(indent=4) }}
                    {{- "\n\n" }}
                {%- endfor %}
                {{- first_user_message + "<|eot|>"}}
            {%- endif %}
            {%- for message in messages %}
                {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
                    {{- '<|head|>' + message['role'] + '<|/head|>\n\n'+ message['content'] | trim + '<|eot|>' }}
                {%- elif 'tool_calls' in message %}
                    {%- if not message.tool_calls|length == 1 %}
                        {{- raise_exception("One call at a time.") }}
                    {%- endif %}
                    {%- set tool_call = message.tool_calls[0].function %}
                    {{- '<|head|>assistant<|/head|>\n\n' -}}
                    {{- '{"name": "' + tool_call.name + '", ' }}
                    {{- '"parameters": ' }}
                    {{- tool_call.arguments | tojson }}
                    {{- "}" }}
                    {{- "<|eot|>" }}
                {%- elif message.role == "tool" or message.role == "ipython" %}
                    {{- "<|head|>ipython<|/head|>\n\n" }}
                    {%- if message.content is mapping or message.content is iterable %}
                        {{- message.content | tojson }}
                    {%- else %}
                        {{- message.content }}
                    {%- endif %}
                    {{- "<|eot|>" }}
                {%- endif %}
            {%- endfor %}
            {%- if add_generation_prompt %}
                {{- '<|head|>assistant<|/head|>\n\n' }}
            {%- endif %}
            """,
        // A namespace counts turns, tools stand before the last question, ids must be nine long: Mistral.
        ["mistral"] = """
            {%- if messages[0]["role"] == "system" %}
                {%- set system_message = messages[0]["content"] %}
                {%- set loop_messages = messages[1:] %}
            {%- else %}
                {%- set loop_messages = messages %}
            {%- endif %}
            {%- if not tools is defined %}
                {%- set tools = none %}
            {%- endif %}
            {%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}

            {#- Only questions and plain answers take turns. #}
            {%- set ns = namespace() %}
            {%- set ns.index = 0 %}
            {%- for message in loop_messages %}
                {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
                    {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
                        {{- raise_exception("Turns must alternate.") }}
                    {%- endif %}
                    {%- set ns.index = ns.index + 1 %}
                {%- endif %}
            {%- endfor %}

            {{- bos_token }}
            {%- for message in loop_messages %}
                {%- if message["role"] == "user" %}
                    {%- if tools is not none and (message == user_messages[-1]) %}
                        {{- "[TOOLS] [" }}
                        {%- for tool in tools %}
                            {%- set tool = tool.function %}
                            {{- '{"type": "function", "function": {' }}
                            {%- for key, val in tool.items() if key != "return" %}
                                {%- if val is string %}
                                    {{- '"' + key + '": "' + val + '"' }}
                                {%- else %}
                                    {{- '"' + key + '": ' + val|tojson }}
                                {%- endif %}
                                {%- if not loop.last %}
                                    {{- ", " }}
                                {%- endif %}
                            {%- endfor %}
                            {{- "}}" }}
                            {%- if not loop.last %}
                                {{- ", " }}
                            {%- else %}
                                {{- "]" }}
                            {%- endif %}
                        {%- endfor %}
                        {{- "[/TOOLS]" }}
                        {%- endif %}
                    {%- if loop.last and system_message is defined %}
                        {{- "[INST] " + system_message + "\n\n" + message["content"] + "[/INST]" }}
                    {%- else %}
                        {{- "[INST] " + message["content"] + "[/INST]" }}
                    {%- endif %}
                {%- elif message.tool_calls is defined and message.tool_calls is not none %}
                    {{- "[CALLS] [" }}
                    {%- for tool_call in message.tool_calls %}
                        {%- set out = tool_call.function|tojson %}
                        {{- out[:-1] }}
                        {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                            {{- raise_exception("Ids of calls have nine characters.") }}
                        {%- endif %}
                        {{- ', "id": "' + tool_call.id + '"}' }}
                        {%- if not loop.last %}
                            {{- ", " }}
                        {%- else %}
                            {{- "]" + eos_token }}
                        {%- endif %}
                    {%- endfor %}
                {%- elif message["role"] == "assistant" %}
                    {{- " " + message["content"]|trim + eos_token}}
                {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
                    {%- if message.content is defined and message.content.content is defined %}
                        {%- set content = message.content.content %}
                    {%- else %}
                        {%- set content = message.content %}
                    {%- endif %}
                    {{- '[RESULTS] {"content": ' + content|string + "}[/RESULTS]" }}
                {%- else %}
                    {{- raise_exception("No such role: " + message.role) }}
                {%- endif %}
            {%- endfor %}
            """,
        // Plain markers a turn: Phi-3.
        ["phi3"] = """
            {% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>
            ' + message['content'] + '<|end|>
            '}}{% elif message['role'] == 'user' %}{{'<|user|>
            ' + message['content'] + '<|end|>
            '}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>
            ' + message['content'] + '<|end|>
            '}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>
            ' }}{% else %}{{ eos_token }}{% endif %}
            """,
        // The system prompt before the first question, the assistant called model, content as text or in parts: Gemma 3.
        ["gemma3"] = """
            {{ bos_token }}
            {%- if messages[0]['role'] == 'system' -%}
                {%- if messages[0]['content'] is string -%}
                    {%- set first_user_prefix = messages[0]['content'] + '

            ' -%}
                {%- else -%}
                    {%- set first_user_prefix = messages[0]['content'][0]['text'] + '

            ' -%}
                {%- endif -%}
                {%- set loop_messages = messages[1:] -%}
            {%- else -%}
                {%- set first_user_prefix = "" -%}
                {%- set loop_messages = messages -%}
            {%- endif -%}
            {%- for message in loop_messages -%}
                {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
                    {{ raise_exception("Turns must alternate.") }}
                {%- endif -%}
                {%- if (message['role'] == 'assistant') -%}
                    {%- set role = "model" -%}
                {%- else -%}
                    {%- set role = message['role'] -%}
                {%- endif -%}
                {{ '<turn>' + role + '
            ' + (first_user_prefix if loop.first else "") }}
                {%- if message['content'] is string -%}
                    {{ message['content'] | trim }}
                {%- elif message['content'] is iterable -%}
                    {%- for item in message['content'] -%}
                        {%- if item['type'] == 'image' -%}
                            {{ '<image>' }}
                        {%- elif item['type'] == 'text' -%}
                            {{ item['text'] | trim }}
                        {%- endif -%}
                    {%- endfor -%}
                {%- else -%}
                    {{ raise_exception("Content must be text or parts.") }}
                {%- endif -%}
                {{ '</turn>
            ' }}
            {%- endfor -%}
            {%- if add_generation_prompt -%}
                {{'<turn>model
            '}}
            {%- endif -%}
            """,
        // A line a role, the end mark behind the last answer only: OLMo 2, Tulu.
        ["olmo2"] = """
            {{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|system|>
            ' + message['content'] + '
            ' }}{% elif message['role'] == 'user' %}{{ '<|user|>
            ' + message['content'] + '
            ' }}{% elif message['role'] == 'assistant' %}{% if not loop.last %}{{ '<|assistant|>
            '  + message['content'] + eos_token + '
            ' }}{% else %}{{ '<|assistant|>
            '  + message['content'] + eos_token }}{% endif %}{% endif %}{% if loop.last and add_generation_prompt %}{{ '<|assistant|>
            ' }}{% endif %}{% endfor %}
            """,
        // Flags in a namespace through the loop, reasoning cut away: DeepSeek's distillations.
        ["flags"] = """
            {% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<U>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and not message['content'] %}{%- set ns.is_tool = false -%}{%- for tool in message['tool_calls']%}{%- if not ns.is_first %}{{'<A><calls><call>' + tool['type'] + '<sep>' + tool['function']['name'] + '\n' + '```json' + '\n' + tool['function']['arguments'] | tojson + '\n' + '```' + '</call>'}}{%- set ns.is_first = true -%}{%- else %}{{'\n' + '<call>' + tool['function']['name'] + '</call>'}}{{'</calls><E>'}}{%- endif %}{%- endfor %}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] %}{%- if ns.is_tool %}{{'</outputs>' + message['content'] + '<E>'}}{%- set ns.is_tool = false -%}{%- else %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<A>' + content + '<E>'}}{%- endif %}{%- endif %}{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{%- if ns.is_output_first %}{{'<outputs><o>' + message['content'] + '</o>'}}{%- set ns.is_output_first = false %}{%- else %}{{'\n<o>' + message['content'] + '</o>'}}{%- endif %}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'</outputs>'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{'<A>'}}{% endif %}
            """,
        // Macros that write types, dictionaries walked in order: tool templates of Hermes, SmolLM3.
        ["macros"] = """
            {%- macro type_of(spec) -%}
                {%- set basic = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"} -%}
                {%- if spec.type in basic -%}
                    {{- basic[spec.type] -}}
                {%- elif spec.type == "array" -%}
                    {{- "list[" + type_of(spec['items']) + "]" -}}
                {%- elif spec.type == "object" -%}
                    {{- "dict" -}}
                {%- else -%}
                    {{- "Any" -}}
                {%- endif -%}
            {%- endmacro -%}
            {%- macro head(role, end='\n') %}<{{ role | capitalize }}>{{ end }}{% endmacro -%}
            {%- if tools is iterable and tools | length > 0 %}
                {%- for tool in tools %}
                    {%- set f = tool.function if tool.function is defined else tool %}
                    {{- "def " + f.name + "(" }}
                    {%- for name, spec in f.parameters.properties | dictsort %}
                        {{- name + ": " + type_of(spec) }}
                        {%- if not loop.last %}{{- ", " }}{% endif %}
                    {%- endfor %}
                    {{- ")" }}
                    {%- if f.parameters.required %} needs {{ f.parameters.required | join(' and ') }}{% endif %}
                    {{- '  # ' ~ f.description | default('none', true) | replace('\n', ' ') }}
            {{ '\n' }}
                {%- endfor %}
            {%- endif %}
            {%- for message in messages -%}
                {{ head(message.role) }}{{ head('x', end='') if loop.first }}
                {%- if message.content is string -%}{{ message.content | trim | indent(2) }}{%- else -%}
                    {%- for part in message.content | default([], true) if part.type == 'text' %}{{ part.text }}{{ '|' if not loop.last }}{% endfor -%}
                {%- endif -%}
                {% for call in message.tool_calls | default([], true) %}{% generation %}{{ call.function.name | upper }}({% for k, v in call.function.arguments | items %}{{ k }}={{ v | tojson }}{{ ', ' if not loop.last else '' }}{% endfor %}){% endgeneration %}{% endfor %}
            {{ '\n' -}}
            {% endfor %}
            {%- if add_generation_prompt -%}{{ head('assistant') }}{%- endif -%}
            """,
        // White space kept and eaten in every way there is.
        ["spaces"] = "  {% if true %}  a\n  {%- if true -%}\n b \n{%- endif %}\n\n {% endif %}\n{# note #}\n  {#- note -#}  \n c {{- 'd' "
            + "}}\n{{ 'e' -}}\n f\n\t{% set x = 1 %}\t\n{% if x %}g{% endif %}\n  {{ x }}\n\n{% for m in messages %}\n  - {{ m.role "
            + "}}\n{% endfor %}\n\n",
    };
}
