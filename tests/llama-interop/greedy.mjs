// Greedy decoding in llama.cpp of GGUF files, with nothing else of this project.
// node greedy.mjs, with {"files": [{"path", "prompts": [[id, ...], ...], "steps": n, "texts": [...]}, ...]} on standard input; prints
// {"results": [{"tokens": [[id, ...], ...], "ids": [[id, ...], ...]}, ...]}.
import { readFileSync } from 'node:fs';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

const { files } = JSON.parse(readFileSync(0, 'utf8'));
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: LlamaLogLevel.error, progressLogs: false });
const results = [];
for (const { path, prompts, steps, texts } of files) {
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0, useMmap: false });
  const result = { tokens: [], ids: (texts ?? []).map((text) => model.tokenize(text, true)) };
  for (const prompt of prompts) {
    const context = await model.createContext({ contextSize: 64, threads: 1 });
    const tokens = [];
    for await (const token of context.getSequence().evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
      tokens.push(token);
      if (tokens.length === steps) break;
    }
    result.tokens.push(tokens);
    await context.dispose();
  }
  results.push(result);
  await model.dispose();
}
console.log(JSON.stringify({ results }));
process.exit(0);
