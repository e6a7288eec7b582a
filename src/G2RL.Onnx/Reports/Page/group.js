/* A group: its members side by side, their cosines, and the way of its problem through training; of two runs one above the other. */
class GroupView {
  constructor(sources, shade) {
    Object.assign(this, { sources, shade });
    this.body = el('div', {});
    this.dialog = el('dialog', { 'aria-labelledby': 'group-title' },
      el('div', { class: 'bar' }, el('h2', { id: 'group-title' }, 'Group'),
        el('button', { type: 'button', onclick: () => this.dialog.close() }, 'Close')),
      this.body);
    document.body.append(this.dialog);
  }

  async open(source, id) {
    const problem = source.index.problems[source.index.problem[id]];
    const parts = [await this.part(source, id, problem)];
    for (const other of this.sources.filter(s => s !== source && s.index)) {
      const there = other.groupsOf(problem);
      const step = source.index.step[id];
      const near = there.reduce((a, b) =>
        a === null || Math.abs(other.index.step[b] - step) < Math.abs(other.index.step[a] - step) ? b : a, null);
      parts.push(near === null
        ? el('section', {}, el('h3', {}, visible(other.name)), el('p', { class: 'note' }, 'This problem was not logged there.'))
        : await this.part(other, near, problem));
    }
    this.body.replaceChildren(...parts);
    this.dialog.querySelector('h2').textContent = visible(problem).slice(0, 200);
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
  }

  async part(source, id, problem) {
    const rows = await source.rows(source.group(id));
    const first = rows[0];
    const title = `Step ${grouped(source.index.step[id])}`;
    return el('section', {},
      el('h3', {}, this.sources.length > 1 ? `${visible(source.name)}, ${title.toLowerCase()}` : title),
      el('p', { class: 'prompt' }, el('small', {}, 'prompt '), el('bdi', { class: 'text' }, visible(String(first.prompt || '')).slice(0, 4000))),
      first.answer ? el('p', { class: 'prompt' }, el('small', {}, 'answer '), el('bdi', { class: 'text' }, visible(String(first.answer)).slice(0, 600))) : null,
      el('div', { class: 'rollouts' }, ...rows.map(r => card(r, this.shade(), [fact('sample', String(r.sample))]))),
      this.heat(rows.filter(r => Array.isArray(r.cosines))),
      this.path(source, id, problem));
  }

  heat(members) {
    if (members.length < 2) return null;
    const head = el('tr', {}, el('td', {}), ...members.map(r => el('th', { scope: 'col' }, String(r.sample))));
    const lines = members.map(r => el('tr', {}, el('th', { scope: 'row' }, String(r.sample)), ...members.map((_, j) => {
      const c = r.cosines[j];
      const role = c < 0 ? '--series-2' : '--series-1';
      const shown = known(c) ? (c < 0 ? '\u2212' : '') + Math.abs(c).toFixed(1).replace(/^0/, '') : '';
      return el('td', {
        title: `samples ${r.sample} and ${members[j].sample}: ${short(c)}`,
        background: `color-mix(in srgb, var(${role}) ${Math.round(45 * Math.abs(c || 0))}%, transparent)`,
      }, shown);
    })));
    return el('details', { open: true }, el('summary', {}, 'Cosines of the members\u2019 gradient features'),
      el('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'cosines' }, el('table', { class: 'heat' }, el('tbody', {}, head, ...lines))));
  }

  path(source, id, problem) {
    const groups = source.groupsOf(problem);
    if (groups.length < 2) return el('p', { class: 'note' }, 'This problem was logged once.');
    const mean = (ids, column) => {
      const values = ids.map(i => source.index[column][i]).filter(known);
      return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
    };
    const lines = groups.map(g => {
      const ids = source.group(g);
      const right = ids.filter(i => source.index.reward[i] > 0).length;
      const here = source.index.step[g] === source.index.step[id] && source.index.group[g] === source.index.group[id];
      return el('tr', { 'aria-current': here ? 'true' : null },
        el('th', { scope: 'row' }, el('button', { type: 'button', class: 'link', onclick: () => this.open(source, g) }, `step ${grouped(source.index.step[g])}`)),
        el('td', {}, `${right} of ${ids.length}`), el('td', {}, short(mean(ids, 'reward'))),
        el('td', {}, short(mean(ids, 'nu'))), el('td', {}, short(mean(ids, 'tokens'))));
    });
    const heads = ['when', 'right', 'mean reward', 'mean novelty', 'mean tokens'].map(h => el('th', { scope: 'col' }, h));
    return el('details', { open: true }, el('summary', {}, 'This problem through training'),
      el('table', { class: 'numbers path' }, el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...lines)));
  }
}
