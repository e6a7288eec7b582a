/* One rollout, its tokens shaded by a number of theirs. */
const shades = {
  none: { name: 'no shading' },
  log_probs: { name: 'log-prob', of: v => ['--series-2', Math.min(1, -v / 4)] },
  entropies: { name: 'entropy', of: v => ['--series-4', Math.min(1, v / 2.5)] },
  weights: { name: 'weight', of: v => [v < 0 ? '--wrong' : '--right', Math.min(1, Math.abs(v) / 2)] },
};

function weightsOf(row) {
  return row.weights || (known(row.advantage) ? (row.pieces || []).map(() => row.advantage) : []);
}

function tokenText(row, shade) {
  const pre = el('pre', { class: 'tokens' });
  const text = typeof row.text === 'string' ? row.text : '';
  if (!row.pieces || shade === 'none') pre.append(visible(text));
  else {
    const values = shade === 'weights' ? weightsOf(row) : row[shade] || [];
    row.pieces.forEach((piece, i) => {
      const [role, share] = known(values[i]) ? shades[shade].of(values[i]) : ['--muted', 0];
      pre.append(el('span', { class: 't', 'data-i': i, background: `color-mix(in srgb, var(${role}) ${Math.round(50 * share)}%, transparent)` },
        visible(piece)));
    });
  }
  const more = (row.text_more || 0) + (shade === 'none' ? 0 : row.tokens_more || 0);
  if (more) pre.append(el('i', {}, ` \u2026 ${grouped(more)} more ${shade === 'none' ? 'characters' : 'tokens or characters'}`));
  pre.addEventListener('pointermove', e => tip.show(e, row));
  pre.addEventListener('pointerleave', () => tip.hide());
  return pre;
}

const tip = {
  box: el('div', { id: 'tip', role: 'presentation' }),
  show(event, row) {
    const at = event.target.closest && event.target.closest('.t');
    if (!at) return this.hide();
    const i = Number(at.dataset.i);
    const number = (name, values) => known((values || [])[i]) ? `\n${name} ${short(values[i])}` : '';
    this.box.textContent = `token ${i + 1} of ${row.tokens}: ${visible(JSON.stringify(row.pieces[i]))}`
      + number('log-prob', row.log_probs) + number('entropy', row.entropies) + number('weight', weightsOf(row));
    const host = at.closest('dialog') || document.body;
    if (this.box.parentNode !== host) host.append(this.box);
    this.box.style.left = `${Math.min(event.clientX + 12, innerWidth - 240)}px`;
    this.box.style.top = `${event.clientY + 16}px`;
    this.box.classList.add('on');
  },
  hide() { this.box.classList.remove('on'); },
};

function fact(label, value, css) {
  return el('span', { class: css }, el('small', {}, label), ' ', value);
}

function card(row, shade, further) {
  const scored = known(row.reward);
  const facts = el('div', { class: 'facts' },
    scored ? fact('reward', signed(row.reward), row.reward > 0 ? 'right' : 'wrong') : fact('outcome', visible(String(row.outcome)).slice(0, 80), 'wrong'),
    known(row.advantage) ? fact('advantage', signed(row.advantage)) : null,
    known(row.nu) ? fact('novelty', short(row.nu)) : null,
    fact('tokens', grouped(row.tokens || 0)),
    row.finish === 'Length' ? fact('finish', 'cut off') : null,
    ...(further || []));
  return el('article', { class: 'rollout' }, tokenText(row, shade),
    row.message ? el('p', { class: 'note' }, visible(String(row.message)).slice(0, 600)) : null, facts);
}
