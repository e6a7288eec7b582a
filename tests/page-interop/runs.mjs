// Runs to look at: a real one, trained here in seconds, and made ones, large and hostile.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const program = process.env.G2RL_PROGRAM ?? join(root, 'artifacts', 'bin', 'G2RL.Onnx.Cli', 'release', 'g2rl.dll');
export const folder = mkdtempSync(join(tmpdir(), 'g2rl-page-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

export const g2rl = (...args) => execFileSync('dotnet', [program, ...args], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/* The run of a few steps of the main job; the same problems come again, since there are few. */
export function train(name, ...sets) {
  const run = join(folder, name);
  g2rl('export-and-train', '--run', run, ...[
    'steps=4', 'sampling.promptsPerStep=4', 'sampling.groupSize=6', 'evaluation.problems=20', 'evaluation.every=2', 'logging.rolloutsEvery=1',
    'logging.tensorBoard=true', `logging.mlflow=${join(folder, 'mlruns')}`, ...sets,
  ].flatMap(s => ['--set', s]));
  return run;
}

/* A run whose rollouts are given; the rest of it is as little as a run can be. */
export function made(name, steps, rowsOf, from) {
  const run = join(folder, name);
  mkdirSync(join(run, 'rollouts'), { recursive: true });
  writeFileSync(join(run, 'config.json'), readFileSync(join(from, 'config.json')));
  for (let step = 1; step <= steps; step++)
    writeFileSync(join(run, 'rollouts', `step-${String(step).padStart(6, '0')}.jsonl`), rowsOf(step).map(r => JSON.stringify(r) + '\n').join(''));
  return run;
}

/* A served page: its address, and how to end it. */
export function serve(...args) {
  const process = spawn('dotnet', [program, 'report', '--serve', '--json', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let text = '';
    process.stdout.on('data', data => {
      text += data;
      if (text.includes('\n')) resolve({ address: JSON.parse(text).address, end: () => new Promise(done => { process.on('exit', done); process.kill('SIGTERM'); }) });
    });
    process.on('exit', code => reject(new Error(`g2rl report --serve ended with ${code}`)));
  });
}
