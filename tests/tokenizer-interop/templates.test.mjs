import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { Template } from '@huggingface/jinja';
import { at, folders, hasShared, lines, shown } from './cases.mjs';

const atHand = ['qwen3', 'verl-arith-random'];
const wanted = ['chatml', 'chatml-tools', 'thinking', 'llama2', 'llama3', 'mistral', 'phi3', 'gemma3', 'olmo2', 'flags', 'macros', 'spaces', ...(hasShared ? atHand : [])];
const names = folders('templates').filter((name) => hasShared || !atHand.includes(name));

test('every family has a template', () => assert.deepEqual(wanted.filter((name) => !names.includes(name)), []));

// Where @huggingface/jinja departs from Jinja2, which the C# one follows: tests/fixtures/jinja2.json holds what Jinja2 itself gives.
function reasons(source, { messages, builtin_tools: builtin }) {
  const all = [];
  if (/\.(l|r)strip\(['"]/.test(source) && messages.some((m) => /(^|>)\s|\s($|<)/.test(String(m.content) + String(m.reasoning_content))))
    all.push('lstrip and rstrip strip all white space, whatever characters they are given');
  if (/ != false/.test(source) && messages[0].role === 'system' && messages[0].content === '') all.push('an empty text equals false');
  if (/ in message\['tool_calls'\]/.test(source) && messages.some((m) => m.role === 'assistant' && !m.content && !m.tool_calls)) all.push('a loop over nothing is an error');
  const questions = messages.filter((m) => m.role === 'user').map((m) => JSON.stringify(m));
  if (/== user_messages/.test(source) && questions.indexOf(questions.at(-1)) < questions.length - 1) all.push('equal mappings are not equal');
  if (/indent\(\d/.test(source) && /[\r\u2028]/.test(messages.map((m) => JSON.stringify(m.content)).join('').replaceAll('\\r', '\r'))) all.push('indent knows one kind of line end');
  if (/\| reject\(/.test(source) && builtin) all.push('the filter reject is missing');
  if (messages.some((m) => typeof m.content !== 'string') && !source.includes('is iterable')) all.push('lists and none can be joined to text, and trimmed');
  if (messages.some((m) => typeof m.content !== 'string')) all.push('lists are written and trimmed as JSON');
  return all;
}

for (const name of names) {
  test(`${name}: texts equal those of @huggingface/jinja, or differ for a known reason`, (t) => {
    const source = fs.readFileSync(at('templates', name, 'template.jinja'), 'utf8');
    const template = new Template(source);
    const cases = lines('templates', name, 'cases.jsonl');
    let [same, refused] = [0, 0];
    const counts = new Map();
    for (const it of cases) {
      let text, error;
      try {
        text = template.render(it.variables);
      } catch (e) {
        error = e;
      }
      if (text === it.text && !error === !it.error) {
        if (error) refused++;
        else same++;
        continue;
      }
      const why = reasons(source, it.variables);
      assert.notEqual(why.length, 0, `${shown(it.variables)}:\n${shown(it.text ?? it.error)}\n${shown(text ?? error.message)}`);
      counts.set(why.join(', or: '), (counts.get(why.join(', or: ')) ?? 0) + 1);
    }
    assert.ok(same >= cases.length / 10, `${same} of ${cases.length} are the same`);
    t.diagnostic(`${same} texts the same, ${refused} refused by both`);
    for (const [reason, count] of counts) t.diagnostic(`${count} differences: ${reason}`);
  });
}
