import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tokenizer as JavaScript } from '@huggingface/tokenizers';
import { Tokenizer as Rust } from 'tokenizers';
import { at, folders, hasShared, json, lines, shown } from './cases.mjs';
import { decodingReasons, idReasons } from './departures.mjs';

const atHand = ['qwen3', 'qwen3-adder-122', 'qwen3-adder-137', 'qwen3-adder-155'];
const wanted = ['gpt2', 'smollm2', 'llama3', 'qwen', 'tekken', 'llama2', 'phi3', 'mistral', 'gemma', ...(hasShared ? atHand : [])];
const names = folders('tokenizers').filter((name) => hasShared || !atHand.includes(name));

test('every family has a case', () => assert.deepEqual(wanted.filter((name) => !names.includes(name)), []));

// Half characters cannot reach the Rust library; it is given what the C# tokenizer counts them as.
const textOf = (it) => Buffer.from(it.text, 'base64').toString('utf16le').toWellFormed();

for (const name of names) {
  test(`${name}: ids and texts equal those of Hugging Face's tokenizers`, async (t) => {
    const reference = Rust.fromFile(at('tokenizers', name, 'tokenizer.json'));
    const cases = lines('tokenizers', name, 'cases.jsonl');
    assert.ok(cases.length >= 200, `${cases.length} cases`);
    for (const it of cases) {
      const text = textOf(it);
      assert.deepEqual(it.ids, (await reference.encode(text, null, { addSpecialTokens: false })).getIds(), shown(text));
      assert.deepEqual(it.withSpecial, (await reference.encode(text, null, { addSpecialTokens: true })).getIds(), shown(text));
      assert.equal(it.decoded, await reference.decode(it.ids, false), shown(it.ids));
      assert.equal(it.decodedPlain, await reference.decode(it.ids, true), shown(it.ids));
      assert.equal(it.decodedSome, await reference.decode(it.some, false), shown(it.some));
    }
    t.diagnostic(`${cases.length} texts`);
  });

  test(`${name}: ids and texts equal those of @huggingface/tokenizers, or differ for a known reason`, (t) => {
    const file = json('tokenizers', name, 'tokenizer.json');
    const reference = new JavaScript(file, {});
    const cases = lines('tokenizers', name, 'cases.jsonl');
    const plain = { skip_special_tokens: false, clean_up_tokenization_spaces: false };
    const counts = new Map();
    const compare = (ours, theirs, reasons, what) => {
      if (JSON.stringify(ours) === JSON.stringify(theirs)) return;
      assert.notEqual(reasons().length, 0, `${shown(what)}: ${shown(ours)} here, ${shown(theirs)} there`);
      const reason = reasons().join(', or: ');
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
    };
    for (const it of cases) {
      const text = textOf(it);
      compare(it.ids, reference.encode(text, { add_special_tokens: false }).ids, () => idReasons(file, text), text);
      compare(it.withSpecial, reference.encode(text, { add_special_tokens: true }).ids, () => idReasons(file, text), text);
      if (it.ids.length > 0) compare(it.decoded, reference.decode(it.ids, plain), () => decodingReasons(file, it.decoded), it.ids);
      compare(it.decodedSome, reference.decode(it.some, plain), () => decodingReasons(file, it.decodedSome), it.some);
    }
    // What comes back of a text is its normal form C, by an implementation that is not ours.
    if (file.normalizer?.type === 'NFC' && file.decoder.type === 'ByteLevel' && !file.added_tokens.some((token) => token.normalized))
      for (const it of cases) {
        const text = textOf(it);
        compare(it.decoded, text.normalize('NFC'), () => idReasons(file, text).filter((reason) => reason.includes('Unicode')), text);
      }
    t.diagnostic(`${cases.length} texts`);
    for (const [reason, count] of counts) t.diagnostic(`${count} differences: ${reason}`);
  });
}

test('one wrong id is seen by the comparison', async () => {
  const [it] = lines('tokenizers', 'gpt2', 'cases.jsonl').filter((c) => c.ids.length > 2);
  const reference = Rust.fromFile(at('tokenizers', 'gpt2', 'tokenizer.json'));
  const ids = (await reference.encode(textOf(it), null, { addSpecialTokens: false })).getIds();
  assert.notDeepEqual(ids, [ids[1], ids[0], ...ids.slice(2)]);
  assert.deepEqual(ids, it.ids);
});
