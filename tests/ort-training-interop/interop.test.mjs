import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Case, openSession, trainStep } from './case.mjs';
import { ort, explained } from './runtime.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cases = path.join(root, 'artifacts', 'ort-training-interop');

// Cases that need golden weights or the base model, which not every checkout has beside it.
const hasGolden = fs.existsSync(path.join(root, '..', 'shared', 'models'));
const hasBase = fs.existsSync(path.join(root, 'models', 'arithmetic-base'));
const golden = ['golden-qwen3-a', 'golden-qwen2-a', 'golden-llama-a', 'golden-mistral-a', 'golden-phi3-a', 'golden-gemma3-a'];
const all = [
  ...golden.flatMap((name) => [name, `${name}.resumed`, `${name}.golden`].map((folder) => ({ folder, skip: !hasGolden && 'needs golden weights, which are not part of the repository' }))),
  { folder: 'golden-llama-a.frozen', skip: !hasGolden && 'needs golden weights, which are not part of the repository' },
  { folder: 'tiny', skip: false },
  { folder: 'arithmetic-base', skip: !hasBase && 'models/arithmetic-base is not in this checkout' },
];

// Two runtimes sum in float32 in different orders.
const lossTolerance = 1e-5; // relative to the loss; on-policy, where it is a difference of near-equal halves, to their sum
const scoreTolerance = 1e-5; // nats

function folderOf(name) {
  const folder = path.join(cases, name);
  assert.ok(fs.existsSync(folder), `${folder} is missing: run the C# tests first, they write it (dotnet test, class InteropCaseTests).`);
  return folder;
}

function near(actual, expected, tolerance, what) {
  assert.equal(actual.length, expected.length, what);
  for (let i = 0; i < actual.length; i++)
    assert.ok(Math.abs(actual[i] - expected[i]) <= tolerance, `${what}[${i}] is ${actual[i]}; ${expected[i]} is expected, tolerance ${tolerance}`);
}

// 99.9 % within the tolerance, every one within 2 lr a step (Adam divides small gradients by themselves), some without exception.
function nearParameters(actual, it, expected, what) {
  const values = it.values(expected.parameters);
  const strict = expected.strict && it.values(expected.strict);
  assert.equal(actual.length, values.length, what);
  const most = 2 * it.largestLearningRate * expected.afterStep;
  let outside = 0;
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const difference = Math.abs(actual[i] - values[i]);
    largest = Math.max(largest, difference);
    assert.ok(difference <= most, `${what}: parameter ${i} is ${actual[i]}; ${values[i]} is expected, 2 lr a step is ${most}`);
    if (difference > expected.tolerance) {
      outside++;
      assert.ok(!strict?.[i], `${what}: parameter ${i}, whose gradient is not small, is ${actual[i]}; ${values[i]} is expected`);
    }
  }
  assert.ok(outside <= values.length / 1000, `${what}: ${outside} of ${values.length} parameters differ by more than ${expected.tolerance}`);
  return `${outside} of ${values.length} beyond ${expected.tolerance}, largest difference ${largest.toExponential(1)}`;
}

for (const { folder, skip } of all) {
  test(`${folder}: the real training runtime equals the stock path`, { skip }, async (t) => {
    const it = new Case(folderOf(folder));
    const session = await it.open();
    try {
      if (it.scores) {
        const outputs = await explained(() => session.runEvalStep(it.feeds(it.steps[0].microbatches[0], session.evalInputNames)));
        near(outputs.log_probs.data, it.values(it.scores.log_probs), scoreTolerance, 'log_probs');
        near(outputs.entropy.data, it.values(it.scores.entropy), scoreTolerance, 'entropy');
        assert.equal(outputs.last_hidden_state.dims[0], outputs.log_probs.dims[0]);
      }
      const started = performance.now();
      let worst = 0;
      for (const [index, step] of it.steps.entries()) {
        const loss = await trainStep(session, it, step);
        const difference = Math.abs(loss - step.loss);
        assert.ok(difference <= lossTolerance * step.scale, `loss of step ${index + 1} is ${loss}; ${step.loss} is expected`);
        worst = Math.max(worst, difference / step.scale);
        for (const expected of it.expected.filter((e) => e.afterStep === index + 1))
          t.diagnostic(`after ${index + 1} steps, ${expected.source}: ${nearParameters((await session.getContiguousParameters(true)).data, it, expected, `${expected.source}, step ${index + 1}`)}`);
      }
      t.diagnostic(`${it.steps.length} steps, losses within ${worst.toExponential(1)} relative, ${((performance.now() - started) / it.steps.length).toFixed(0)} ms a step`);
    } finally {
      await session.release();
    }
  });
}

test('a learning step in a wrong order is seen by the comparison', async () => {
  // Without the reset, gradients of earlier steps stay in the sum: the comparison above must notice.
  const it = new Case(folderOf('tiny'));
  const session = await it.open();
  try {
    for (const step of it.steps) {
      for (const inputs of step.microbatches) await explained(() => session.runTrainStep(it.feeds(inputs, session.trainingInputNames)));
      await explained(() => session.runOptimizerStep());
    }
    const parameters = (await session.getContiguousParameters(true)).data;
    assert.throws(() => nearParameters(parameters, it, it.expected[0], 'without reset'));
  } finally {
    await session.release();
  }
});

test('a checkpoint with its tensors outside is recognised, and refused by this runtime alone', async () => {
  // WebAssembly loads checkpoints from memory, where there is no file beside them. That it says so shows that it read the structure.
  await assert.rejects(openSession(folderOf('external')), /External data/i);
});

test('the graphs of sampling and scoring load in the older runtime', async () => {
  const folder = folderOf('graphs');
  for (const name of ['decode', 'score.body', 'score.head', 'features', 'train']) {
    const session = await explained(() => ort.InferenceSession.create(new Uint8Array(fs.readFileSync(path.join(folder, `${name}.onnx`)))));
    assert.ok(session.inputNames.length > 0, name);
    await session.release();
  }
});
