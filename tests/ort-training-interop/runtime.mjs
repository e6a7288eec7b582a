// ONNX Runtime 1.19.2 with training, as WebAssembly in plain Node. The package's exports hide the file, so it is imported by path.

// The runtime throws C++ exceptions as bare numbers: addresses in its memory. Keep every memory it makes, to read the text behind them.
const memories = [];
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(descriptor) {
    super(descriptor);
    memories.push(this);
  }
};

const dist = new URL('./node_modules/onnxruntime-web/dist/', import.meta.url);
export const ort = (await import(new URL('ort.training.wasm.mjs', dist))).default;
ort.env.wasm.wasmPaths = dist.href;
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

// The longest text that a word near the address points to.
function textBehind(address) {
  let longest = '';
  for (const memory of memories) {
    const bytes = new Uint8Array(memory.buffer);
    const view = new DataView(memory.buffer);
    for (let at = address; at < address + 160 && at + 4 <= bytes.length; at += 4) {
      const start = view.getUint32(at, true);
      let end = start;
      while (end < bytes.length && end < start + 2000 && bytes[end] >= 9 && bytes[end] <= 126) end++;
      if (start > 1024 && end - start > longest.length) longest = Buffer.from(bytes.subarray(start, end)).toString();
    }
  }
  return longest;
}

// Runs something and gives what it throws words.
export async function explained(action) {
  try {
    return await action();
  } catch (e) {
    throw typeof e === 'number' ? new Error(`ONNX Runtime: ${textBehind(e)}`) : e;
  }
}
