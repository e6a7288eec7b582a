// The report in a real browser: as a file, served, of two runs, large, hostile.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { g2rl, made, serve, train } from './runs.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const chromium = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(p => p && existsSync(p));
let browser, first, second;

before(async () => {
  assert.ok(chromium, 'no Chromium is here');
  browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu'] });
  first = train('first');
  second = train('second', 'seed=1', 'algorithm.name=grpo');
});
after(() => browser?.close());

/* A page that may not complain, and may ask nobody but its own server. */
async function open(address, { width = 1280, height = 900, scheme = 'light' } = {}) {
  const page = await browser.newPage();
  const bad = [];
  const own = new URL(address);
  page.on('console', m => ['error', 'warning'].includes(m.type()) && bad.push(m.text()));
  page.on('pageerror', e => bad.push(String(e)));
  page.on('request', r => {
    const url = new URL(r.url());
    if (own.protocol === 'file:' ? r.url() !== address : url.origin !== own.origin || !url.pathname.startsWith(own.pathname)) bad.push(`request to ${r.url()}`);
  });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto(address);
  await page.waitForSelector('#viewer .rollout');
  return { page, bad };
}
const file = run => pathToFileURL(g2rl('report', run).trim()).href;
const note = page => page.$eval('#viewer [role=status]', e => e.textContent);
const cards = (page, selector) => page.$$eval(`#viewer .rollout ${selector}`, found => found.map(e => e.textContent));
async function set(page, name, value) {
  await page.$eval(`#viewer [name=${name}]`, (e, v) => {
    e.value = v;
    e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }));
  }, value);
  await new Promise(r => setTimeout(r, 400));
}
const fact = (texts, name) => texts.map(t => Number(new RegExp(`${name} ([+\u2212]?[0-9.]+)`).exec(t)[1].replace('\u2212', '-')));

test('a file shows every chart with points, and sorts, filters and searches', async () => {
  const { page, bad } = await open(file(first));
  const charts = await page.$$eval('figure svg', all => all.map(s => s.querySelectorAll('polyline[points], path, rect, ellipse, circle').length));
  assert.ok(charts.length >= 14 && charts.every(c => c > 0), `charts: ${charts}`);
  assert.equal(await page.$$eval('.picture circle', c => c.length), 4, 'a point a step');
  const metrics = await page.$$eval('#metric option', o => o.map(x => x.value));
  assert.ok(metrics.length > 40 && metrics.includes('evaluation/pass@1'));
  for (const metric of metrics) {
    await page.select('#metric', metric);
    assert.ok(await page.$('.picture polyline'), metric);
  }
  assert.match(await note(page), /^96 of 96 rollouts/);
  for (const [sort, name] of [['reward', 'reward'], ['nu', 'novelty'], ['advantage', 'advantage'], ['tokens', 'tokens']])
    for (const [order, way] of [['up', 1], ['down', -1]]) {
      await set(page, 'sort', sort);
      await set(page, 'order', order);
      const values = fact(await cards(page, '.facts'), name);
      assert.equal(values.length, 20);
      assert.ok(values.every((v, i) => i === 0 || way * (v - values[i - 1]) >= 0), `${sort} ${order}: ${values}`);
    }
  await set(page, 'outcome', 'right');
  assert.ok(fact(await cards(page, '.facts'), 'reward').every(r => r > 0));
  await set(page, 'outcome', '');
  await set(page, 'stepFrom', '2');
  await set(page, 'stepTo', '2');
  assert.match(await note(page), /^24 of 96 rollouts/);
  assert.ok(fact(await cards(page, '.facts'), 'step').every(s => s === 2));
  const prompt = (await cards(page, '.prompt'))[0];
  await set(page, 'text', prompt.toUpperCase());
  assert.ok((await cards(page, '')).every(t => t.includes(prompt)));
  await set(page, 'text', 'nothing says this');
  assert.match(await note(page), /^0 of 96/);
  await page.click('#viewer [type=reset]');
  await new Promise(r => setTimeout(r, 300));
  assert.match(await note(page), /^96 of 96/);
  assert.deepEqual(bad, []);
  await page.close();
});

test('tokens are shaded with their numbers, and a group opens with its cosines', async () => {
  const { page, bad } = await open(file(first));
  for (const shade of ['log_probs', 'entropies', 'weights']) {
    await set(page, 'shade', shade);
    assert.ok(await page.$$eval('#viewer .t', all => all.some(t => t.style.background.includes('color-mix'))), shade);
  }
  await page.$eval('#viewer .t', e => e.scrollIntoView({ block: 'center' }));
  await page.hover('#viewer .t');
  assert.match(await page.$eval('#tip', e => e.textContent), /token 1 of \d+[\s\S]*log-prob \u2212?[\d.e-]+[\s\S]*entropy [\d.e-]+[\s\S]*weight/);
  await page.evaluate(() => [...document.querySelectorAll('#viewer .rollout button')][0].click());
  await page.waitForSelector('dialog[open] .heat');
  assert.equal(await page.$$eval('dialog .rollout', a => a.length), 6);
  assert.equal(await page.$$eval('dialog .heat td[title]', a => a.length), 36);
  assert.ok(await page.$$eval('dialog .heat tr', rows => rows.slice(1).every((r, i) => r.cells[i + 1].textContent === '1.0')), 'the diagonal');
  await page.keyboard.press('Escape');
  assert.equal(await page.$('dialog[open]'), null);
  assert.deepEqual(bad, []);
  await page.close();
});

test('a problem that comes again shows its way through training', async () => {
  const run = made('again', 3, step => [0, 1].map(sample => ({
    step, problem: 'p', prompt_index: 0, sample, prompt: '1+1=', text: '2', reward: sample + step > 2 ? 1 : -1, nu: 0.5, advantage: 0, tokens: 1,
  })), first);
  const { page } = await open(file(run));
  await page.evaluate(() => document.querySelector('#viewer .rollout button').click());
  await page.waitForSelector('dialog[open] .path');
  assert.deepEqual(await page.$$eval('.path tbody tr', r => r.map(x => x.cells[1].textContent)), ['0 of 2', '1 of 2', '2 of 2']);
  await page.evaluate(() => document.querySelectorAll('.path button')[2].click());
  await page.waitForFunction(() => document.querySelector('dialog h3').textContent === 'Step 3');
  await page.close();
});

test('hostile text stays text', async () => {
  const attack = '</script><script>document.title="owned"</script><img src=x onerror=document.title="owned">\u202egnol\u0000\u2028 ';
  const row = (sample, text) => ({
    step: 1, problem: attack, prompt_index: 0, sample, prompt: attack, answer: attack, text, outcome: attack, reward: null, message: attack, tokens: 3,
    pieces: [text.slice(0, 50_000), attack, '\ud83d\ude00'], log_probs: [-1, -2, -3], entropies: [1, 2, 3],
  });
  const run = made('hostile', 1, () => [row(0, attack), row(1, 'x'.repeat(1 << 20)), row(2, attack.repeat(100))], first);
  const served = await serve(run);
  for (const address of [file(run), served.address]) {
    const { page, bad } = await open(address);
    await set(page, 'shade', 'none');
    await set(page, 'shade', 'log_probs');
    await page.evaluate(() => document.querySelector('#viewer .rollout button').click());
    await page.waitForSelector('dialog[open]');
    assert.notEqual(await page.title(), 'owned');
    assert.equal(await page.$$eval('img, iframe, main script:not([type])', a => a.length), 0);
    const shown = await page.evaluate(() => document.body.innerText);
    assert.ok(shown.includes('\u27e8U+202E\u27e9gnol\u2400\u27e8U+2028\u27e9') && !shown.includes('\u202e'));
    assert.ok(shown.includes('more tokens or characters'));
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'a long line widens the page');
    assert.deepEqual(bad, []);
    await page.close();
  }
  await served.end();
});

test('a hundred thousand rollouts stay usable and below 50 MB', async () => {
  const run = made('large', 100, step => Array.from({ length: 1000 }, (_, i) => ({
    step, problem: `p${(step * 37 + i) % 5000}`, prompt_index: i >> 4, sample: i & 15, prompt: `problem ${(step * 37 + i) % 5000}`,
    text: `answer ${step} ${i} ${'word '.repeat(60)}`, reward: i % 3 ? -1 : 1, nu: (i % 100) / 100, advantage: (i % 7) - 3, tokens: 60 + i % 50, finish: 'StopToken',
  })), first);
  const served = await serve(run);
  const { page, bad } = await open(served.address);
  assert.match(await note(page), /^100,000 of 100,000 rollouts/);
  const timed = async (name, value) => {
    const start = Date.now();
    await set(page, name, value);
    await page.waitForFunction(() => document.querySelectorAll('#viewer .rollout').length > 0);
    return Date.now() - start;
  };
  const times = [await timed('sort', 'nu'), await timed('order', 'down'), await timed('problem', 'p77'), await timed('text', 'ANSWER 7 ')];
  await new Promise(r => setTimeout(r, 1500));
  assert.match(await note(page), /^\d+ of 100,000 rollouts/);
  assert.ok((await cards(page, 'pre')).every(t => t.startsWith('answer 7 ')));
  const bytes = (await page.metrics()).JSHeapUsedSize;
  console.log(`# 100,000 rollouts: filters and sorts took ${times} ms (400 of each are waiting), the script's heap ${(bytes / 1e6).toFixed(1)} MB`);
  assert.ok(bytes < 50e6, `${bytes} bytes`);
  assert.ok(Math.max(...times) < 60_000);
  assert.deepEqual(bad, []);
  await page.close();
  const whole = readFileSync(new URL(file(run)));
  assert.ok(whole.length < 12e6, `the file is ${whole.length} bytes`);
  await served.end();
});

test('two runs stand side by side', async () => {
  const address = pathToFileURL(g2rl('report', first, '--beside', second).trim()).href;
  const { page, bad } = await open(address);
  assert.equal(await page.$$eval('.columns .list', a => a.length), 2);
  assert.equal(await page.$$eval('.picture .curve', a => a.length), 2);
  const text = await page.evaluate(() => document.body.innerText);
  for (const part of ['Settings that differ', 'algorithm.name', 'Difference', /chance/])
    assert.match(text, new RegExp(part));
  await page.evaluate(() => document.querySelector('#viewer .rollout button').click());
  await page.waitForSelector('dialog[open] section:nth-child(2)');
  assert.deepEqual(bad, []);
  await page.close();
});

test('a served page follows its run and says when the program has ended', async () => {
  const run = made('grows', 1, step => [{ step, problem: 'p', prompt_index: 0, sample: 0, prompt: 'a', text: 'b', reward: 1, tokens: 1 }], first);
  const served = await serve(run);
  const { page, bad } = await open(served.address);
  appendFileSync(join(run, 'metrics.jsonl'), '{"step":1,"reward/mean":0.25}\n');
  await page.waitForFunction(() => document.querySelector('.picture svg'), { timeout: 120_000 });
  made('grows', 2, step => [{ step, problem: 'p', prompt_index: 0, sample: 0, prompt: 'a', text: 'b', reward: 1, tokens: 1 }], first);
  await page.waitForFunction(() => document.querySelectorAll('#viewer .rollout').length === 2, { timeout: 120_000 });
  await served.end();
  await page.waitForFunction(() => document.getElementById('live').textContent.includes('ended'), { timeout: 120_000 });
  assert.deepEqual(bad, []);
  await page.close();
});

test('screen readers and keyboards find their way, light and dark, wide and narrow', async () => {
  const beside = pathToFileURL(g2rl('report', first, '--beside', second).trim()).href;
  for (const [name, address] of [['one', file(first)], ['two', beside]])
    for (const scheme of ['light', 'dark'])
      for (const width of [1280, 390]) {
        const { page, bad } = await open(address, { width, scheme });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} ${width} ${scheme} scrolls sideways`);
        // The page's own policy lets no script in, so the checker comes by the debugger.
        await page.evaluate(axe);
        const look = async where => (await page.evaluate(async () => (await axe.run()).violations.map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.target + ' ' + n.failureSummary).join(' | ')}`)))
          .map(v => `${name} ${where} ${scheme} ${width}: ${v}`);
        assert.deepEqual(await look('page'), []);
        await page.evaluate(() => document.querySelector('#viewer .rollout button').click());
        await page.waitForSelector('dialog[open]');
        assert.deepEqual(await look('group'), []);
        if (process.env.G2RL_SCREENSHOTS) {
          mkdirSync(process.env.G2RL_SCREENSHOTS, { recursive: true });
          await page.screenshot({ path: join(process.env.G2RL_SCREENSHOTS, `${name}-group-${scheme}-${width}.png`) });
          await page.keyboard.press('Escape');
          await page.screenshot({ path: join(process.env.G2RL_SCREENSHOTS, `${name}-${scheme}-${width}.png`), fullPage: true });
        }
        assert.deepEqual(bad, []);
        await page.close();
      }
});

test('the keyboard alone reaches search, sorting and a group', async () => {
  const { page } = await open(file(first));
  const reached = [];
  await page.focus('#metric');
  for (let i = 0; i < 40; i++) {
    reached.push(await page.evaluate(() => document.activeElement.name || document.activeElement.textContent));
    await page.keyboard.press('Tab');
  }
  for (const name of ['text', 'problem', 'outcome', 'nuFrom', 'tokensTo', 'sort', 'order', 'shade', 'group'])
    assert.ok(reached.includes(name), `${name} is not reached: ${reached}`);
  await page.close();
});

test('on paper the page is light and without controls', async () => {
  const { page } = await open(file(first), { scheme: 'dark' });
  await page.emulateMediaType('print');
  assert.equal(await page.$eval('#viewer .controls', e => getComputedStyle(e).display), 'none');
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
  assert.ok((await page.pdf()).length > 20_000);
  await page.close();
});
