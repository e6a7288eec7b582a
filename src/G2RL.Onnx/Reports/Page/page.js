/* Puts the page together, and follows the run where a server tells of changes. */
const data = JSON.parse(document.getElementById('data').textContent);
const sources = data.runs.map((run, i) => new Source(run, i, data.served));
const explorerRoot = document.getElementById('explorer');
const viewer = new Viewer(document.getElementById('viewer'), sources);
let explorer = new Explorer(explorerRoot, sources);

async function refresh() {
  const page = new DOMParser().parseFromString(await (await fetch('.')).text(), 'text/html');
  for (const part of document.querySelectorAll('[data-part]')) {
    const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (fresh) part.replaceWith(document.adoptNode(fresh));
  }
  const before = sources.map(s => s.count).join();
  await Promise.all(sources.map(s => s.update()));
  if (!explorer.choice.options.length) explorer = new Explorer(explorerRoot, sources);
  else explorer.draw();
  if (before !== sources.map(s => s.count).join()) await viewer.show();
}

function follow() {
  const state = document.getElementById('live');
  const events = new EventSource('events');
  let at = Promise.resolve();
  const soon = () => at = at.then(refresh).catch(() => {});
  events.addEventListener('open', () => state.textContent = 'live');
  events.addEventListener('change', soon);
  events.addEventListener('end', async () => {
    await soon();
    events.close();
    state.textContent = 'the program has ended; this is its last state';
  });
  events.addEventListener('error', () => state.textContent = 'no connection; trying again');
}

document.getElementById('sample-rollouts').remove();
if (data.served) {
  Promise.all(sources.map(s => s.update())).then(() => viewer.show());
  follow();
} else viewer.show();
