/* Where a run's rollouts come from: the page itself, or the server that serves it. Ids are places in the index. */
class Source {
  constructor(data, place, served) {
    Object.assign(this, { name: data.name, place, served, metrics: data.metrics, index: data.rollouts, held: data.rows || [] });
    this.kept = new Map();
  }

  get count() { return this.index ? this.index.step.length : 0; }

  async ask(path) {
    const answer = await fetch(`run/${this.place}/${path}`);
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    return answer.json();
  }

  /* What is new; of a run that went back, everything. */
  async update() {
    if (!this.served) return;
    this.metrics = await this.ask('metrics');
    const fresh = await this.ask(`rollouts?generation=${this.index ? this.index.generation : -1}&from=${this.count}`);
    if (!this.index || fresh.from === 0) {
      this.index = fresh;
      this.kept.clear();
      return;
    }
    for (const name of Source.columns) for (const value of fresh[name]) this.index[name].push(value);
    this.index.problems = fresh.problems;
    this.index.of = fresh.of;
  }

  async rows(ids) {
    if (!this.served) return ids.map(id => this.held[id]);
    const missing = ids.filter(id => !this.kept.has(id));
    if (this.kept.size > 2000) this.kept.clear();
    for (let at = 0; at < missing.length; at += 64) {
      const part = missing.slice(at, at + 64);
      (await this.ask(`rows?ids=${part.join(',')}`)).forEach((row, i) => this.kept.set(part[i], row));
    }
    return Promise.all(ids.map(async id => this.kept.get(id) || (await this.ask(`rows?ids=${id}`))[0]));
  }

  async search(text) {
    if (!text) return null;
    if (this.served) return new Set(await this.ask(`search?text=${encodeURIComponent(text)}`));
    const wanted = text.toLowerCase();
    const found = new Set();
    this.held.forEach((row, id) => {
      if ([row.prompt, row.text, row.answer].some(t => typeof t === 'string' && t.toLowerCase().includes(wanted))) found.add(id);
    });
    return found;
  }

  group(id) {
    const ids = [];
    for (let i = 0; i < this.count; i++)
      if (this.index.step[i] === this.index.step[id] && this.index.group[i] === this.index.group[id]) ids.push(i);
    return ids;
  }

  /* The first rollout of each group of a problem, by step. */
  groupsOf(problem) {
    const place = this.index.problems.indexOf(problem);
    const firsts = new Map();
    if (place >= 0)
      for (let i = 0; i < this.count; i++)
        if (this.index.problem[i] === place) {
          const key = `${this.index.step[i]} ${this.index.group[i]}`;
          if (!firsts.has(key)) firsts.set(key, i);
        }
    return [...firsts.values()].sort((a, b) => this.index.step[a] - this.index.step[b]);
  }
}
Source.columns = ['step', 'problem', 'group', 'sample', 'kind', 'cut', 'reward', 'nu', 'advantage', 'tokens'];
