/* The curve of any metric, of one run or two, with the numbers of a step under the pointer. */
class Explorer {
  constructor(root, sources) {
    Object.assign(this, { root, sources });
    const names = [...new Set(sources.flatMap(s => Object.keys(s.metrics.values)))].sort();
    this.choice = el('select', { id: 'metric', onchange: () => this.draw() });
    const heads = [...new Set(names.map(n => n.split('/')[0]))];
    for (const head of heads)
      this.choice.append(el('optgroup', { label: head },
        ...names.filter(n => n.split('/')[0] === head).map(n => el('option', { value: n }, n))));
    if (names.includes('reward/mean')) this.choice.value = 'reward/mean';
    this.log = el('input', { type: 'checkbox', id: 'metric-log', onchange: () => this.draw() });
    this.picture = el('div', { class: 'picture' });
    this.reading = el('p', { class: 'note reading' });
    root.replaceChildren(
      el('div', { class: 'controls' },
        el('label', { for: 'metric' }, 'Metric'), this.choice,
        el('label', { for: 'metric-log', class: 'check' }, this.log, ' powers of ten')),
      this.reading, this.picture);
    if (names.length) this.draw();
    else root.replaceChildren(el('p', { class: 'note' }, 'No step was completed.'));
  }

  lines() {
    const name = this.choice.value;
    return this.sources.map((s, i) => ({
      name: s.name, role: `--series-${i + 1}`,
      points: s.metrics.steps.map((x, k) => [x, (s.metrics.values[name] || [])[k]])
        .filter(p => known(p[1]) && (!this.log.checked || p[1] > 0)),
    })).filter(l => l.points.length);
  }

  draw() {
    const lines = this.lines();
    const [width, height, left, right, top, bottom] = [1100, 270, 62, 12, 10, 26];
    const all = lines.flatMap(l => l.points);
    if (!all.length) {
      this.picture.replaceChildren(el('p', { class: 'note' }, 'Nothing to draw: no number above 0.'));
      return;
    }
    const to = this.log.checked ? Math.log10 : v => v;
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [x, y] of all) {
      x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, to(y)); y1 = Math.max(y1, to(y));
    }
    if (x0 === x1) { x0 -= 0.5; x1 += 0.5; }
    const room = y1 > y0 ? (y1 - y0) * 0.06 : Math.max(Math.abs(y1) * 0.1, 1e-9);
    y0 -= room; y1 += room;
    const px = x => left + (x - x0) / (x1 - x0) * (width - left - right);
    const py = y => top + (y1 - to(y)) / (y1 - y0) * (height - top - bottom);
    const name = this.choice.value;
    const said = lines.map(l => {
      const values = l.points.map(p => p[1]);
      return `${l.name}: from ${short(values[0])} to ${short(values[values.length - 1])}`;
    }).join('; ');
    const drawing = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${name} over steps. ${said}` });
    for (const y of Explorer.ticks(y0, y1, 5)) {
      const at = top + (y1 - y) / (y1 - y0) * (height - top - bottom);
      drawing.append(
        svg('line', { x1: left, x2: width - right, y1: at, y2: at, class: 'grid' }),
        svg('text', { x: left - 6, y: at + 4, class: 'tick end' }, short(this.log.checked ? 10 ** y : y)));
    }
    for (const x of Explorer.ticks(x0, x1, 10).filter(Number.isInteger))
      drawing.append(svg('text', { x: px(x), y: height - 6, class: 'tick' }, grouped(x)));
    for (const line of lines) {
      const points = line.points.map(p => `${px(p[0]).toFixed(1)},${py(p[1]).toFixed(1)}`);
      drawing.append(svg('polyline', { points: points.join(' '), class: 'curve', '--color': `var(${line.role})` }));
      if (points.length < 40)
        for (const p of line.points)
          drawing.append(svg('circle', { cx: px(p[0]), cy: py(p[1]), r: 2.5, class: 'dot', '--color': `var(${line.role})` }));
    }
    const mark = svg('line', { y1: top, y2: height - bottom, class: 'mark' });
    drawing.append(mark);
    const read = step => {
      const parts = lines.map(l => {
        const near = l.points.reduce((a, b) => Math.abs(b[0] - step) < Math.abs(a[0] - step) ? b : a);
        return `${lines.length > 1 ? l.name + ' ' : ''}step ${grouped(near[0])}: ${short(near[1])}`;
      });
      this.reading.textContent = parts.join('   ');
    };
    drawing.addEventListener('pointermove', e => {
      const box = drawing.getBoundingClientRect();
      const step = x0 + ((e.clientX - box.left) / box.width * width - left) / (width - left - right) * (x1 - x0);
      mark.setAttribute('x1', px(step)); mark.setAttribute('x2', px(step)); mark.classList.add('on');
      read(step);
    });
    drawing.addEventListener('pointerleave', () => { mark.classList.remove('on'); read(x1); });
    read(x1);
    const legend = el('div', { class: 'legend' }, ...lines.map(l => el('span', {}, el('i', { '--color': `var(${l.role})` }), l.name)));
    this.picture.replaceChildren(...(lines.length > 1 ? [legend, drawing] : [drawing]));
  }

  static ticks(from, to, count) {
    const raw = (to - from) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= raw);
    const found = [];
    for (let i = Math.ceil(from / step); i * step <= to; i++) found.push(Number((i * step).toPrecision(12)));
    return found;
  }
}
