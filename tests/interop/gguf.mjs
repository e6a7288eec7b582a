// A GGUF file as @huggingface/gguf reads it.
// node gguf.mjs FILE; prints {"version", "metadata": {key: value}, "tensors": [[name, [sizes, innermost first], type, first byte in the file], ...]}.
import { gguf } from '@huggingface/gguf';

const { metadata, tensorInfos, tensorDataOffset } = await gguf(process.argv[2], { allowLocalFile: true });
const { version, tensor_count: _, kv_count: __, ...entries } = metadata;
const tensors = tensorInfos.map(({ name, shape, dtype, offset }) => [name, shape, dtype, tensorDataOffset + offset]);
console.log(JSON.stringify({ version, metadata: entries, tensors }, (key, value) => (typeof value === 'bigint' ? Number(value) : value)));
