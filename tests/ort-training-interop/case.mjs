// A case is a folder that the C# tests wrote: artifacts, feeds.bin, and case.json, which says where in feeds.bin everything lies.
import fs from 'node:fs';
import path from 'node:path';
import { ort, explained } from './runtime.mjs';

const arrays = { float32: Float32Array, int64: BigInt64Array, uint8: Uint8Array };

export class Case {
  constructor(folder) {
    this.folder = folder;
    Object.assign(this, JSON.parse(fs.readFileSync(path.join(folder, 'case.json'), 'utf8')));
    const bytes = fs.readFileSync(path.join(folder, 'feeds.bin'));
    this.bytes = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  }

  values({ type, dims, at }) {
    return new arrays[type](this.bytes, at, dims.reduce((a, b) => a * b, 1));
  }

  // In the order of the model's inputs: the runtime takes them by position, whatever their names.
  feeds(inputs, names) {
    return Object.fromEntries(names.map((name) => [name, new ort.Tensor(inputs[name].type, this.values(inputs[name]), inputs[name].dims)]));
  }

  open() {
    return openSession(this.folder);
  }
}

export function openSession(folder) {
  const read = (name) => new Uint8Array(fs.readFileSync(path.join(folder, name)));
  return explained(() => ort.TrainingSession.create({
    checkpointState: read('checkpoint'),
    trainModel: read('training_model.onnx'),
    evalModel: read('eval_model.onnx'),
    optimizerModel: read('optimizer_model.onnx'),
  }));
}

// One optimizer step: every micro-batch, then AdamW, then the reset without which gradients would go on adding up.
export async function trainStep(session, it, step) {
  let loss = 0;
  for (const inputs of step.microbatches) {
    const outputs = await explained(() => session.runTrainStep(it.feeds(inputs, session.trainingInputNames)));
    loss += outputs.loss.data[0];
  }
  await explained(() => session.runOptimizerStep());
  await explained(() => session.lazyResetGrad());
  return loss;
}
