/* The data: an index with one short column per facet, and chunks of full records that are loaded when shown.
   Chunks are scripts, since a page on file:// may not fetch. Nothing here becomes markup. */
"use strict";

const Audit = {
  index: null,
  ready: [],
  chunks: new Map(),
  waiting: new Map(),
  KEEP_CHUNKS: 64,

  takeIndex(index) {
    Audit.index = index;
    Audit.position = new Map(index.columns.id.map((id, position) => [id, position]));
    for (const start of Audit.ready) start();
  },

  takeChunk(number, records) {
    Audit.chunks.set(number, records);
    if (Audit.chunks.size > Audit.KEEP_CHUNKS) Audit.chunks.delete(Audit.chunks.keys().next().value);
    const waiting = Audit.waiting.get(number);
    Audit.waiting.delete(number);
    if (waiting) waiting.resolve(records);
  },

  /* Give the full record of a pair, as a promise. */
  async record(position) {
    const number = Math.floor(position / Audit.index.chunk_rows);
    const records = Audit.chunks.get(number) || (await Audit.chunk(number));
    return records[position % Audit.index.chunk_rows];
  },

  chunk(number) {
    const asked = Audit.waiting.get(number);
    if (asked) return asked.promise;
    const waiting = {};
    waiting.promise = new Promise((resolve, reject) => Object.assign(waiting, { resolve, reject }));
    Audit.waiting.set(number, waiting);
    const script = document.createElement("script");
    script.src = `data/pairs-${String(number).padStart(4, "0")}.js`;
    script.onload = () => script.remove();
    script.onerror = () => {
      Audit.waiting.delete(number);
      waiting.reject(new Error(`${script.src} is missing`));
    };
    document.head.append(script);
    return waiting.promise;
  },
};
