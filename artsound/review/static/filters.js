/* Which pairs are shown: facets, score deciles, verdicts, words, and a sample of the same size from every stratum. */
"use strict";

const FACETS = [
  ["split", "Split"],
  ["style", "Style of the artwork"],
  ["genre", "Genre of the music"],
  ["checks", "Captions"],
  ["licence", "Licence"],
];
const SHOWN = 8;

const Filters = {
  chosen: { split: new Set(), style: new Set(), genre: new Set(), checks: new Set(), licence: new Set(), decile: new Set(), verdict: new Set() },
  words: "",
  sample: null,
  order: "release",
  open: new Set(),
  changed: () => {},

  /* Positions of the pairs that pass, in the chosen order. */
  positions() {
    const { columns } = Audit.index;
    const titles = Filters.words ? Audit.index.columns.words : null;
    let kept = [];
    for (let at = 0; at < columns.id.length; at += 1) {
      if (Filters.passes(at, columns) && (!titles || titles[at].includes(Filters.words))) kept.push(at);
    }
    if (Filters.sample) kept = Filters.draw(kept);
    const direction = { best: -1, worst: 1 }[Filters.order];
    if (direction) kept.sort((a, b) => direction * (columns.score[a] - columns.score[b]) || a - b);
    return kept;
  },

  passes(at, columns) {
    for (const name of ["split", "style", "genre", "checks", "licence", "decile"]) {
      const chosen = Filters.chosen[name];
      if (!chosen.size) continue;
      const value = columns[name][at];
      if (!(Array.isArray(value) ? value.some((code) => chosen.has(code)) : chosen.has(value))) return false;
    }
    return !Filters.chosen.verdict.size || Filters.states(columns.id[at]).some((state) => Filters.chosen.verdict.has(state));
  },

  states(id) {
    const mine = Marks.verdict(id);
    const theirs = Marks.other.get(id);
    return [mine || "open", mine && theirs && mine !== theirs ? "disagreed" : "", (Marks.of.get(id) || {}).note ? "noted" : ""];
  },

  /* The same number from every stratum, chosen by a hash of seed and pair: the same seed gives the same sample. */
  draw(positions) {
    const { columns } = Audit.index;
    const { by, size, seed } = Filters.sample;
    const strata = new Map();
    for (const at of positions) {
      const value = by === "genre" ? columns.genre[at][0] : columns[by][at];
      if (!strata.has(value)) strata.set(value, []);
      strata.get(value).push([hash(`${seed}/${columns.id[at]}`), at]);
    }
    const drawn = [...strata.values()].flatMap((members) => members.sort((a, b) => a[0] - b[0]).slice(0, size));
    return drawn.map(([, at]) => at).sort((a, b) => a - b);
  },

  toggle(name, value) {
    const set = Filters.chosen[name];
    if (!set.delete(value)) set.add(value);
    Filters.changed();
  },

  clear() {
    for (const set of Object.values(Filters.chosen)) set.clear();
    Filters.words = "";
    Filters.sample = null;
    Filters.changed();
  },

  render(panel) {
    const focus = document.activeElement && document.activeElement.id;
    const facets = FACETS.map(([name, label]) => Filters.facet(name, label)).filter(Boolean);
    panel.replaceChildren(Filters.search(), Filters.histogram(), Filters.verdicts(), ...facets, Filters.sampling());
    if (focus && byId(focus)) byId(focus).focus();
  },

  search() {
    const type = (event) => {
      Filters.words = event.target.value.toLowerCase();
      Filters.changed(true);
    };
    return h("input", { id: "words", type: "search", placeholder: "Title or artist", "aria-label": "Search titles and artists", value: Filters.words, oninput: type });
  },

  histogram() {
    const { deciles } = Audit.index;
    const bars = deciles.map((decile, number) => {
      const on = Filters.chosen.decile.has(number);
      const hint = `decile ${number + 1}: scores ${decimal(decile.low)} to ${decimal(decile.high)}, ${count(decile.count)} pairs`;
      const bar = h("button", { class: `decile${on ? " on" : ""}`, title: hint, "aria-label": hint, "aria-pressed": on, onclick: () => Filters.toggle("decile", number) }, h("span", {}), String(number + 1));
      bar.firstChild.style.height = `${12 + (36 * (decile.high - Audit.index.score_low)) / (Audit.index.score_high - Audit.index.score_low || 1)}px`;
      return bar;
    });
    return h("section", {}, h("h2", {}, "Score decile", h("small", {}, "worst → best")), h("div", { class: "deciles" }, ...bars));
  },

  verdicts() {
    const names = [["open", "To review"], ["accept", "Accepted"], ["unsure", "Unsure"], ["reject", "Rejected"], ["noted", "With a note"]];
    if (Marks.other.size) names.push(["disagreed", "Disagreed"]);
    const counts = new Map([["open", Audit.index.columns.id.length]]);
    for (const id of Marks.of.keys()) { // only what was judged: pairs are many, marks are few
      if (!Audit.position.has(id)) continue;
      const [verdict, ...more] = Filters.states(id);
      if (verdict !== "open") counts.set("open", counts.get("open") - 1);
      for (const state of verdict === "open" ? more : [verdict, ...more]) counts.set(state, (counts.get(state) || 0) + 1);
    }
    const rows = names.map(([state, label]) => Filters.row("verdict", state, label, counts.get(state) || 0));
    return h("section", {}, h("h2", {}, "Review"), ...rows);
  },

  facet(name, label) {
    const values = Audit.index.facets[name];
    if (values.length < 2) return null;
    const open = Filters.open.has(name);
    const shown = values.map((value, code) => ({ ...value, code })).filter((value, at) => open || at < SHOWN || Filters.chosen[name].has(value.code));
    const more = values.length > SHOWN && h("button", { class: "more", onclick: () => { if (!Filters.open.delete(name)) Filters.open.add(name); Filters.render(byId("filters")); } }, open ? "Show fewer" : `Show all ${count(values.length)}`);
    return h("section", {}, h("h2", {}, label), ...shown.map((value) => Filters.row(name, value.code, value.name || "not stated", value.count)), more);
  },

  row(name, value, label, number) {
    const box = h("input", { type: "checkbox", id: `${name}-${value}`, onchange: () => Filters.toggle(name, value) });
    box.checked = Filters.chosen[name].has(value);
    return h("label", { class: "choice" }, box, h("span", {}, label), h("small", {}, count(number)));
  },

  sampling() {
    const by = h("select", { id: "sample-by", "aria-label": "Stratum" }, ...[["decile", "score decile"], ["split", "split"], ["style", "style"], ["genre", "genre"]].map(([value, text]) => h("option", { value, selected: (Filters.sample || {}).by === value }, text)));
    const size = h("input", { id: "sample-size", type: "number", min: 1, max: 1000, value: (Filters.sample || { size: 5 }).size, "aria-label": "Pairs from each stratum" });
    const seed = h("input", { id: "sample-seed", type: "number", min: 0, value: (Filters.sample || { seed: 1 }).seed, "aria-label": "Seed" });
    const draw = () => {
      Filters.sample = { by: by.value, size: Math.max(1, Number(size.value) || 1), seed: Number(seed.value) || 0 };
      Filters.changed();
    };
    return h("section", { class: "sampling" }, h("h2", {}, "Stratified sample"),
      h("p", {}, size, " from each ", by, h("br"), "seed ", seed),
      h("button", { id: "draw", onclick: draw }, "Draw sample"));
  },

  /* What is chosen, as chips that take it back. */
  chips() {
    const chips = [];
    for (const [name, set] of Object.entries(Filters.chosen)) {
      for (const value of set) chips.push([Filters.label(name, value), () => Filters.toggle(name, value)]);
    }
    if (Filters.sample) chips.push([`sample: ${Filters.sample.size} from each ${Filters.sample.by}`, () => { Filters.sample = null; Filters.changed(); }]);
    const built = chips.map(([text, remove]) => h("button", { class: "chip", onclick: remove, "aria-label": `Remove ${text}` }, text, h("span", { "aria-hidden": "true" }, "×")));
    if (chips.length > 1 || (chips.length && Filters.words)) built.push(h("button", { class: "chip plain", onclick: () => Filters.clear() }, "Clear all"));
    return built;
  },

  label(name, value) {
    if (name === "decile") return `decile ${value + 1}`;
    if (name === "verdict") return value === "open" ? "to review" : value;
    return Audit.index.facets[name][value].name || `${name} not stated`;
  },
};

/* FNV-1a with a final mix, 32 bits. */
function hash(text) {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
