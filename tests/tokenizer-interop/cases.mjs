// What the C# tests wrote (classes TokenizerInteropTests and ChatTemplateInteropTests).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const written = path.join(root, 'artifacts', 'tokenizer-interop');

export const hasShared = fs.existsSync(path.join(root, '..', 'shared', 'tokenizers'));

export function at(...parts) {
  const place = path.join(written, ...parts);
  assert.ok(fs.existsSync(place), `${place} is missing: run the C# tests first, they write it (dotnet test, the classes *InteropTests).`);
  return place;
}

export const json = (...parts) => JSON.parse(fs.readFileSync(at(...parts), 'utf8'));

export const lines = (...parts) => fs.readFileSync(at(...parts), 'utf8').split('\n').filter((line) => line).map((line) => JSON.parse(line));

export const folders = (...parts) => fs.readdirSync(at(...parts)).filter((name) => fs.existsSync(at(...parts, name, 'cases.jsonl')));

// A text for a message: whatever is not plain ASCII as an escape.
export const shown = (value) => JSON.stringify(value).replace(/[^\x20-\x7e]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`).slice(0, 400);
