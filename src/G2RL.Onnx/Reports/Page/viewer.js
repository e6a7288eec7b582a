/* Every logged rollout: searched, filtered, sorted, a page at a time; of two runs side by side. */
const pageSize = 20;

class Viewer {
  constructor(root, sources) {
    Object.assign(this, { sources, page: 0, asked: 0, found: new Map() });
    const input = (name, label, attributes) => el('label', {}, label, el('input', { name, ...attributes, oninput: () => this.later() }));
    const number = (name, label, step) => input(name, label, { type: 'number', step: step || 1, class: 'narrow' });
    const select = (name, label, options) => el('label', {}, label,
      el('select', { name, onchange: () => this.changed() }, ...options.map(([v, t]) => el('option', { value: v }, t))));
    this.form = el('form', { class: 'controls', role: 'search', 'aria-label': 'rollouts', onsubmit: e => { e.preventDefault(); this.changed(); } },
      input('text', 'Search in prompt, text, answer', { type: 'search' }),
      input('problem', 'Problem', { type: 'search' }),
      select('outcome', 'Outcome', [['', 'any'], ['right', 'right'], ['wrong', 'wrong'], ['cut', 'cut off'], ['unjudged', 'not judged']]),
      number('stepFrom', 'Step from'), number('stepTo', 'to'),
      number('nuFrom', 'Novelty from', 0.01), number('nuTo', 'to', 0.01),
      number('tokensFrom', 'Tokens from'), number('tokensTo', 'to'),
      select('sort', 'Sort by', [['step', 'step'], ['reward', 'reward'], ['nu', 'novelty'], ['advantage', 'advantage'], ['tokens', 'length']]),
      select('order', 'Order', [['up', 'smallest first'], ['down', 'largest first']]),
      select('shade', 'Shade tokens by', Object.entries(shades).map(([v, s]) => [v, s.name])),
      el('button', { type: 'reset', onclick: () => setTimeout(() => this.changed()) }, 'Reset'));
    this.form.elements.shade.value = 'log_probs';
    this.form.elements.shade.querySelector('[value=log_probs]').defaultSelected = true;
    this.note = el('p', { class: 'note', role: 'status' });
    this.lists = sources.map(() => el('div', { class: 'list' }));
    this.back = el('button', { type: 'button', onclick: () => this.turn(-1) }, 'Previous');
    this.next = el('button', { type: 'button', onclick: () => this.turn(1) }, 'Next');
    this.where = el('span', {});
    this.group = new GroupView(sources, () => this.value('shade'));
    root.replaceChildren(this.form, this.note,
      el('div', { class: sources.length > 1 ? 'columns' : '' }, ...this.lists),
      el('nav', { class: 'controls', 'aria-label': 'pages of rollouts' }, this.back, this.where, this.next));
  }

  value(name) { return this.form.elements[name].value; }
  limit(name, otherwise) { const v = this.value(name); return v === '' ? otherwise : Number(v); }
  later() { clearTimeout(this.wait); this.wait = setTimeout(() => this.changed(), 200); }
  changed() { this.page = 0; return this.show(); }
  turn(by) { this.page += by; return this.show(); }

  chosen(source, found) {
    const x = source.index;
    const [problem, outcome] = [this.value('problem').toLowerCase(), this.value('outcome')];
    const problems = problem ? x.problems.map(p => p.toLowerCase().includes(problem)) : null;
    const within = ['step', 'nu', 'tokens'].map(c => [x[c], this.limit(c + 'From', null), this.limit(c + 'To', null)]);
    const ids = [];
    for (let i = 0; i < source.count; i++) {
      if (found && !found.has(i)) continue;
      if (problems && !problems[x.problem[i]]) continue;
      if (outcome && !(outcome === 'cut' ? x.cut[i] : x.kind[i] === outcome)) continue;
      if (within.some(([c, from, to]) => (from !== null && !(known(c[i]) && c[i] >= from)) || (to !== null && !(known(c[i]) && c[i] <= to))))
        continue;
      ids.push(i);
    }
    const [column, way] = [x[this.value('sort')], this.value('order') === 'up' ? 1 : -1];
    return ids.sort((a, b) => {
      const [p, q] = [column[a], column[b]];
      return (known(q) - known(p)) || way * (p - q) || a - b;
    });
  }

  async show() {
    const turn = ++this.asked;
    try {
      const found = await Promise.all(this.sources.map(s => s.search(this.value('text').trim())));
      const chosen = this.sources.map((s, i) => s.index ? this.chosen(s, found[i]) : []);
      const pages = Math.max(1, ...chosen.map(ids => Math.ceil(ids.length / pageSize)));
      this.page = Math.max(0, Math.min(this.page, pages - 1));
      const from = this.page * pageSize;
      const parts = chosen.map(ids => ids.slice(from, from + pageSize));
      const rows = await Promise.all(parts.map((ids, i) => this.sources[i].rows(ids)));
      if (turn !== this.asked) return;
      this.lists.forEach((list, i) => list.replaceChildren(...this.heading(i, chosen[i].length),
        ...rows[i].map((row, k) => this.entry(this.sources[i], parts[i][k], row))));
      this.note.textContent = this.sources.length > 1 ? '' : this.counted(0, chosen[0].length);
      this.where.textContent = `page ${grouped(this.page + 1)} of ${grouped(pages)}`;
      [this.back.disabled, this.next.disabled] = [this.page === 0, this.page >= pages - 1];
    } catch (e) {
      this.note.textContent = `The rollouts cannot be read: ${e.message}`;
    }
  }

  counted(i, chosen) {
    const s = this.sources[i];
    if (!s.count) return 'No rollouts were logged.';
    const rest = s.index.of > s.count
      ? ` This file holds ${grouped(s.count)} of ${grouped(s.index.of)} logged rollouts; g2rl report --serve shows all.` : '';
    return `${grouped(chosen)} of ${grouped(s.count)} rollouts.${rest}`;
  }

  heading(i, chosen) {
    return this.sources.length > 1 ? [el('h3', {}, visible(this.sources[i].name)), el('p', { class: 'note' }, this.counted(i, chosen))] : [];
  }

  entry(source, id, row) {
    const made = card(row, this.value('shade'), [
      fact('step', grouped(source.index.step[id])),
      el('button', { type: 'button', class: 'link', onclick: () => this.group.open(source, id) }, 'group'),
    ]);
    made.prepend(el('p', { class: 'prompt' }, el('bdi', { class: 'text' }, visible(String(row.prompt || '')).slice(0, 600))));
    return made;
  }
}
