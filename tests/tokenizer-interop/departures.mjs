// Where @huggingface/tokenizers (JavaScript) departs from the Rust library, found by giving both the same texts; in all of these cases the Rust library
// gives what the C# tokenizer gives (tokenizers.test.mjs requires it). Each is a reason why ids or decoded texts may differ, never must: the counts are
// reported, and a difference without a reason fails the test.
import { json } from './cases.mjs';

// General categories by code point as the C# tests have them: [name, first, last].
const categories = json('categories.json').map(([name, first, last]) => ({ is: new RegExp(`^\\p{${name}}$`, 'u'), first, last }));
const agreed = new Map();

function sameCategory(character) {
  if (!agreed.has(character)) {
    const point = character.codePointAt(0);
    agreed.set(character, categories.find((c) => point >= c.first && point <= c.last).is.test(character));
  }
  return agreed.get(character);
}

const parts = (step, list) => (!step ? [] : step.type === 'Sequence' ? step[list].flatMap((s) => parts(s, list)) : [step]);

// Reasons why ids of a text may differ.
export function idReasons(file, text) {
  const cuts = parts(file.pre_tokenizer, 'pretokenizers');
  const reasons = [];
  if (cuts.some((s) => s.type === 'ByteLevel' && s.use_regex !== false) && /[\u0085\uFEFF]/.test(text))
    reasons.push("ByteLevel's own cuts use JavaScript's \\s, which has U+FEFF and lacks U+0085");
  if (cuts.some((s) => s.type === 'Digits') && /\p{N}/u.test(text.replace(/[0-9]/g, '')))
    reasons.push("Digits knows ASCII's digits only");
  if (cuts.some((s) => s.pattern?.Regex?.includes('(?i:')) && text.includes('\u017F'))
    reasons.push('(?i:s) does not match U+017F');
  if (cuts.some((s) => s.type === 'Metaspace' && s.split !== false) && /[^][ \u2581]/.test(text))
    reasons.push('Metaspace never splits');
  if (file.model.byte_fallback && !Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`).every((t) => t in file.model.vocab))
    reasons.push('an unknown character before one that is spelled in bytes keeps its place');
  if (![...text].every(sameCategory)) reasons.push(`another version of Unicode (${process.versions.unicode} in this Node)`);
  return reasons;
}

// Reasons why a decoded text may differ.
export function decodingReasons(file, decoded) {
  const steps = parts(file.decoder, 'decoders');
  const reasons = [];
  if (steps.some((s) => s.type === 'ByteFallback') && /[\uFEFF\uFFFD]/.test(decoded))
    reasons.push('ByteFallback swallows U+FEFF, and gives what can be read of bytes in a row that are not UTF-8');
  if (steps.some((s) => s.type === 'Metaspace')) reasons.push('Metaspace strips one space of the first token, whatever the scheme');
  if (file.added_tokens.some((t) => /[^\x21-\x7e]/.test(t.content)) && steps.some((s) => s.type === 'ByteLevel'))
    reasons.push('added tokens are not read as spelled bytes, nor decoded in normalized form');
  return reasons;
}
