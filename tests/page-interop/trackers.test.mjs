// TensorBoard's event file and MLflow's store, read with other people's parsers and held against the run's own logs.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import YAML from 'yaml';
import { folder, train } from './runs.mjs';

const run = train('tracked');
const rows = name => readFileSync(join(run, name), 'utf8').trim().split('\n').map(JSON.parse);
const expected = new Map();
function expect(prefix, row, step) {
  for (const [name, value] of Object.entries(row))
    // A number for each problem is the logs' alone.
    if (name === 'pass@1_by_problem') continue;
    else if (Array.isArray(value)) expect(`${prefix}${name}/`, Object.fromEntries(value.map((item, i) => [i + 1, item])), step);
    else if (value !== null && typeof value === 'object') expect(`${prefix}${name}/`, value, step);
    else if (typeof value === 'number' && name !== 'step') expected.set(`${prefix}${name} ${step}`, value);
}
for (const row of rows('metrics.jsonl')) expect('', row, row.step);
for (const row of rows('evaluations.jsonl')) expect('evaluation/', row, row.step);

/* CRC-32C bit by bit, as RFC 3720 gives it, and TFRecord's mask. */
function masked(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

test('the event file holds each number of the logs once', () => {
  const place = join(run, 'tensorboard');
  const [name, ...others] = readdirSync(place);
  assert.deepEqual(others, []);
  assert.match(name, /^events\.out\.tfevents\.\d{10}\./);
  const file = readFileSync(join(place, name));
  const types = protobuf.parse(`syntax = "proto3";
    message Event { double wall_time = 1; int64 step = 2; oneof what { string file_version = 3; Summary summary = 5; } }
    message Summary { repeated Value value = 1; }
    message Value { string tag = 1; Metadata metadata = 9; oneof value { float simple_value = 2; Tensor tensor = 8; } }
    message Metadata { Plugin plugin_data = 1; } message Plugin { string plugin_name = 1; }
    message Tensor { int32 dtype = 1; repeated bytes string_val = 8; }`, { keepCase: true }).root;
  const events = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    assert.equal(file.readUInt32LE(at + 8), masked(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    assert.equal(file.readUInt32LE(at + 12 + length), masked(data));
    events.push(types.lookupType('Event').decode(data));
    at += 16 + length;
  }
  assert.equal(events[0].file_version, 'brain.Event:2');
  const text = events[1].summary.value[0];
  assert.equal(text.metadata.plugin_data.plugin_name, 'text');
  assert.match(Buffer.from(text.tensor.string_val[0]).toString(), /"groupSize": 6/);
  const found = new Map();
  for (const event of events.slice(2)) {
    assert.ok(Math.abs(event.wall_time - Date.now() / 1000) < 3600);
    for (const value of event.summary.value) {
      const key = `${value.tag} ${event.step}`;
      assert.ok(!found.has(key), `${key} is there twice`);
      found.set(key, value.simple_value);
    }
  }
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
  for (const [key, value] of expected) assert.equal(found.get(key), Math.fround(value), key);
});

test('the store holds each number of the logs, the settings and a finished run', () => {
  const experiment = join(folder, 'mlruns', '0');
  assert.deepEqual(YAML.parse(readFileSync(join(experiment, 'meta.yaml'), 'utf8')).name, 'Default');
  const id = readFileSync(join(run, 'mlflow-run.txt'), 'utf8').trim();
  const place = join(experiment, id);
  const meta = YAML.parse(readFileSync(join(place, 'meta.yaml'), 'utf8'));
  assert.deepEqual([meta.run_id, meta.run_uuid, meta.experiment_id, meta.status, meta.lifecycle_stage, meta.run_name], [id, id, '0', 3, 'active', 'tracked']);
  assert.ok(meta.start_time <= meta.end_time && new URL(meta.artifact_uri).protocol === 'file:');
  const found = new Map();
  const walk = at => readdirSync(at).map(n => join(at, n)).flatMap(p => statSync(p).isDirectory() ? walk(p) : [p]);
  for (const file of walk(join(place, 'metrics')))
    for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
      const [time, value, step] = line.split(' ');
      assert.match(time, /^\d{13}$/);
      const key = `${relative(join(place, 'metrics'), file).replaceAll('_at_', '@')} ${step}`;
      assert.ok(!found.has(key), key);
      found.set(key, Number(value));
    }
  assert.deepEqual(found, new Map([...found.keys()].map(k => [k, expected.get(k)])));
  assert.equal(found.size, expected.size);
  assert.equal(readFileSync(join(place, 'params', 'sampling.groupSize'), 'utf8'), '6');
  assert.equal(readFileSync(join(place, 'params', 'algorithm.name'), 'utf8'), 'g2rl');
  assert.equal(readFileSync(join(place, 'tags', 'mlflow.runName'), 'utf8'), 'tracked');
});
