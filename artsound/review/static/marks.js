/* Verdicts and notes: kept in this browser, exported as CSV, compared with another reviewer's. */
"use strict";

const VERDICTS = ["accept", "unsure", "reject"];

const Marks = {
  of: new Map(),
  other: new Map(),
  kept: true,

  open(release) {
    Marks.prefix = `artsound-audit/${release}/`;
    try {
      for (let at = 0; at < localStorage.length; at += 1) {
        const key = localStorage.key(at);
        if (key.startsWith(`${Marks.prefix}pair/`)) Marks.of.set(key.slice(Marks.prefix.length + 5), JSON.parse(localStorage.getItem(key)));
      }
      Marks.reviewer = localStorage.getItem(`${Marks.prefix}reviewer`) || "";
    } catch {
      Marks.kept = false;
      Marks.reviewer = "";
    }
  },

  name(reviewer) {
    Marks.reviewer = reviewer.trim();
    Marks.keep("reviewer", Marks.reviewer);
  },

  verdict(id) {
    return (Marks.of.get(id) || {}).verdict || "";
  },

  set(id, change) {
    const mark = { verdict: "", note: "", ...Marks.of.get(id), ...change };
    const empty = !mark.verdict && !mark.note;
    if (empty) Marks.of.delete(id);
    else Marks.of.set(id, mark);
    Marks.keep(`pair/${id}`, empty ? null : JSON.stringify(mark));
  },

  keep(key, value) {
    try {
      if (value === null) localStorage.removeItem(Marks.prefix + key);
      else localStorage.setItem(Marks.prefix + key, value);
    } catch {
      if (Marks.kept) Marks.lost();
      Marks.kept = false;
    }
  },

  lost() {},

  /* RFC 4180, one line a marked pair, in the order of the release. */
  csv() {
    const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
    const ids = Audit.index.columns.id.filter((id) => Marks.of.has(id));
    const lines = ids.map((id) => {
      const { verdict, note } = Marks.of.get(id);
      return [id, Marks.reviewer || "anonymous", verdict, note].map(quoted).join(",");
    });
    return ["pair_id,reviewer,verdict,note", ...lines, ""].join("\r\n");
  },

  read(text) {
    const [head, ...rows] = parseCsv(text);
    const at = Object.fromEntries((head || []).map((name, column) => [name.trim(), column]));
    if (!("pair_id" in at) || !("verdict" in at)) throw new Error("this file has no columns pair_id and verdict");
    Marks.other = new Map(rows.filter((row) => VERDICTS.includes(row[at.verdict])).map((row) => [row[at.pair_id], row[at.verdict]]));
    Marks.otherName = (rows.length && row0(rows, at.reviewer)) || "the other reviewer";
  },

  /* Cohen's kappa over the pairs that both reviewers judged. */
  agreement() {
    const both = [...Marks.other].filter(([id]) => Marks.verdict(id)).map(([id, verdict]) => [Marks.verdict(id), verdict]);
    const share = (side, verdict) => both.filter((pair) => pair[side] === verdict).length / both.length;
    const observed = both.filter(([mine, theirs]) => mine === theirs).length / both.length;
    const chance = VERDICTS.reduce((sum, verdict) => sum + share(0, verdict) * share(1, verdict), 0);
    return { count: both.length, observed, kappa: chance === 1 ? NaN : (observed - chance) / (1 - chance) };
  },
};

function row0(rows, column) {
  return column === undefined ? "" : rows[0][column];
}

function parseCsv(text) {
  const rows = [[""]];
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    const row = rows[rows.length - 1];
    if (quoted) {
      if (sign !== '"') row[row.length - 1] += sign;
      else if (text[at + 1] === '"') row[row.length - 1] += text[(at += 1)];
      else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") row.push("");
    else if (sign === "\n") rows.push([""]);
    else if (sign !== "\r") row[row.length - 1] += sign;
  }
  return rows.filter((row) => row.length > 1 || row[0]);
}
