// Greedy decoding of a converted model in onnxruntime-node, by the names in its genai_config.json and nothing else of this project.
// node greedy.mjs FOLDER, with {"prompts": [[id, ...], ...], "steps": n} on standard input; prints {"tokens": [[id, ...], ...]}.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ort from 'onnxruntime-node';

const folder = process.argv[2];
const { prompts, steps } = JSON.parse(readFileSync(0, 'utf8'));
const { decoder, vocab_size: vocabulary } = JSON.parse(readFileSync(join(folder, 'genai_config.json'), 'utf8')).model;
const session = await ort.InferenceSession.create(join(folder, decoder.filename));
const layers = [...Array(decoder.num_hidden_layers).keys()];
const name = (pattern, layer) => pattern.replace('%d', layer);
const integers = (values) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);

async function generate(prompt) {
  const { inputs, outputs } = decoder;
  const empty = () => new ort.Tensor('float32', new Float32Array(0), [1, decoder.num_key_value_heads, 0, decoder.head_size]);
  let cache = Object.fromEntries(layers.flatMap((layer) => [inputs.past_key_names, inputs.past_value_names].map((pattern) => [name(pattern, layer), empty()])));
  let fed = prompt;
  let past = 0;
  const tokens = [];
  for (;;) {
    const results = await session.run({
      ...cache,
      [inputs.input_ids]: integers(fed),
      [inputs.attention_mask]: integers(Array(past + fed.length).fill(1)),
      [inputs.position_ids]: integers(fed.map((_, i) => past + i)),
    });
    const last = results[outputs.logits].data.slice(-vocabulary);
    tokens.push(last.indexOf(Math.max(...last)));
    if (tokens.length === steps) return tokens;
    cache = Object.fromEntries(layers.flatMap((layer) => [
      [name(inputs.past_key_names, layer), results[name(outputs.present_key_names, layer)]],
      [name(inputs.past_value_names, layer), results[name(outputs.present_value_names, layer)]],
    ]));
    past += fed.length;
    fed = [tokens.at(-1)];
  }
}

const tokens = [];
for (const prompt of prompts) tokens.push(await generate(prompt));
console.log(JSON.stringify({ tokens }));
