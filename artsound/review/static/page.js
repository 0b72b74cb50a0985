/* The page: grid, pages, keys, and how the parts come together. */
"use strict";

const PER_PAGE = 24;
const LABELS = { accept: "accepted", unsure: "unsure", reject: "rejected" };

const Page = {
  view: [],
  start: 0,
  at: -1, // place in the view of the pair that keys act on; none at first

  begin() {
    const { index } = Audit;
    document.title = `Audit of ${index.title}`;
    byId("title").textContent = index.title;
    byId("subtitle").textContent = `${count(index.columns.id.length)} pairs of artwork and music`;
    Marks.open(index.title);
    Marks.lost = () => Page.notice("This browser cannot keep more verdicts: export them now, before you close the page.");
    if (!Marks.kept) Page.notice("This browser keeps no data for this page: export your verdicts before you close it.");
    Player.start();
    Filters.changed = Page.refresh;
    for (const [value, text] of [["release", "as released"], ["best", "best score first"], ["worst", "worst score first"]]) byId("order").append(h("option", { value }, text));
    byId("order").onchange = (event) => { Filters.order = event.target.value; Page.refresh(); };
    byId("reviewer").value = Marks.reviewer;
    byId("reviewer").oninput = (event) => Marks.name(event.target.value);
    byId("export").onclick = Page.exportCsv;
    byId("compare").onclick = () => byId("other").click();
    byId("other").onchange = (event) => Page.compare(event.target.files[0]);
    byId("help").onclick = Page.help;
    byId("previous").onclick = () => Page.turn(-1);
    byId("next").onclick = () => Page.turn(1);
    byId("goto").onchange = (event) => Page.turn(Math.min(Math.max(Math.round(Number(event.target.value)) || 1, 1), Math.max(1, Math.ceil(Page.view.length / PER_PAGE))) - 1 - Page.start / PER_PAGE);
    byId("detail").addEventListener("cancel", (event) => { event.preventDefault(); Detail.close(); });
    document.addEventListener("keydown", Page.key);
    Page.refresh();
    const asked = Audit.position.get(location.hash.slice(1));
    if (asked !== undefined) Page.show(asked);
  },

  refresh(typing) {
    Page.view = Filters.positions();
    Page.start = 0;
    Page.at = -1;
    if (!typing) Filters.render(byId("filters"));
    byId("chips").replaceChildren(...Filters.chips());
    Page.counts();
    return Page.grid();
  },

  counts() {
    const total = Audit.index.columns.id.length;
    const done = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0]));
    for (const mark of Marks.of.values()) if (mark.verdict) done[mark.verdict] += 1;
    const judged = VERDICTS.reduce((sum, verdict) => sum + done[verdict], 0);
    byId("meter").replaceChildren(...VERDICTS.map((verdict) => {
      const part = h("i", { class: verdict });
      part.style.width = `${(100 * done[verdict]) / total}%`;
      return part;
    }));
    const parts = VERDICTS.filter((verdict) => done[verdict]).map((verdict) => `${count(done[verdict])} ${LABELS[verdict]}`);
    byId("reviewed").textContent = judged ? `${count(judged)} of ${count(total)} reviewed: ${parts.join(", ")}` : `none of ${count(total)} reviewed yet`;
  },

  async grid() {
    const shown = Page.view.slice(Page.start, Page.start + PER_PAGE);
    const drawing = (Page.drawing = {});
    byId("found").textContent = Page.view.length === Audit.index.columns.id.length ? `${count(Page.view.length)} pairs` : `${count(Page.view.length)} of ${count(Audit.index.columns.id.length)} pairs`;
    const pages = Math.max(1, Math.ceil(Page.view.length / PER_PAGE));
    byId("goto").value = Page.start / PER_PAGE + 1;
    byId("goto").max = pages;
    byId("page").textContent = `of ${count(pages)}`;
    byId("previous").disabled = Page.start === 0;
    byId("next").disabled = Page.start + PER_PAGE >= Page.view.length;
    document.querySelector(".pager").hidden = pages === 1;
    const records = await Promise.all(shown.map((position) => Audit.record(position).catch(() => null)));
    if (drawing !== Page.drawing) return;
    const cards = records.map((record, at) => (record ? Page.card(record, Page.start + at) : h("p", { class: "missing" }, "This part of the page is missing on disk.")));
    byId("grid").replaceChildren(...(cards.length ? cards : [h("p", { class: "nothing" }, "No pair passes these filters.")]));
  },

  card(record, at) {
    const { artwork, music } = record;
    const verdict = Marks.verdict(record.pair_id);
    const bar = h("i", {});
    bar.style.width = `${10 * (record.decile + 1)}%`;
    return h("article", { class: `card ${verdict}`, tabindex: 0, id: `pair-${record.pair_id}`, "data-at": at, onclick: () => Page.show(Page.view[at], at), onfocus: () => { Page.at = at; } },
      h("div", { class: "mat" }, h("img", { src: artwork.thumbnail, alt: artwork.caption.caption, loading: "lazy" }), h("span", { class: "tag" }, record.split), verdict && h("span", { class: `stamp ${verdict}` }, LABELS[verdict])),
      h("div", { class: "words" }, h("h3", {}, artwork.title || "Untitled"), h("p", { class: "who" }, byline(artwork.artist || "unknown artist", artwork.date)), h("p", { class: "caption" }, artwork.caption.caption)),
      h("div", { class: "music" }, playButton(music.sound, `Play ${music.title || "the music"}`), h("div", { class: "names" }, h("strong", {}, music.title || "Untitled"), h("span", {}, byline(music.artist || "unknown artist", music.genres[0]))), waveTrack(music.sound, music.peaks, 28)),
      h("p", { class: "caption heard" }, music.caption.caption),
      h("div", { class: "foot" }, h("span", {}, "score"), h("div", { class: "decilebar", title: `decile ${record.decile + 1}` }, bar), h("b", {}, decimal(record.score))));
  },

  /* Open a pair; `at` is its place in the view when it is known. */
  show(position, at = Page.view.indexOf(position)) {
    if (at >= 0) Page.at = at;
    return Detail.open(position);
  },

  /* Move to the neighbour in the view; turns the page when needed. */
  async step(by) {
    const to = Page.at < 0 ? Page.start : Math.min(Math.max(Page.at + by, 0), Page.view.length - 1);
    if (!Page.view.length) return;
    if (to < Page.start || to >= Page.start + PER_PAGE) {
      Page.start = PER_PAGE * Math.floor(to / PER_PAGE);
      Page.at = to;
      await Page.grid();
    }
    Page.at = to;
    if (Detail.id) await Page.show(Page.view[to], to);
    else Page.select(to);
  },

  select(at) {
    const card = byId("grid").querySelector(`[data-at="${at}"]`);
    if (card) card.focus();
  },

  turn(by) {
    Page.start = Math.max(0, Page.start + by * PER_PAGE);
    Page.at = -1;
    scrollTo(0, 0);
    return Page.grid();
  },

  /* Set a verdict, or take it back when it is set already. */
  async mark(id, verdict) {
    Marks.set(id, { verdict: Marks.verdict(id) === verdict ? "" : verdict });
    Page.counts();
    const card = byId(`pair-${id}`);
    Filters.render(byId("filters"));
    if (card) card.replaceWith(Page.card(await Audit.record(Audit.position.get(id)), Number(card.dataset.at)));
    if (Detail.id === id) byId("detail").querySelector(".judge").replaceWith(Detail.judge(Detail.record));
    else Page.select(Page.at);
  },

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
      if (event.key === "Escape" && event.target.id === "note") { event.preventDefault(); event.target.blur(); byId("detail").focus(); }
      return;
    }
    const pair = Detail.id || Audit.index.columns.id[Page.view[Page.at]];
    const action = Page.actions(pair)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || (event.key === " " && event.target.tagName === "BUTTON") || (event.key === "Enter" && event.target.tagName !== "ARTICLE")) return;
    event.preventDefault();
    action();
  },

  actions(pair) {
    const moves = { ArrowLeft: () => Page.step(-1), ArrowRight: () => Page.step(1), k: () => Page.step(-1), j: () => Page.step(1), "?": Page.help };
    if (!pair) return moves;
    const open = { Enter: () => !Detail.id && Page.show(Page.view[Page.at]), " ": () => Page.play(pair), n: () => Page.note(pair) };
    return { ...moves, ...open, a: () => Page.mark(pair, "accept"), u: () => Page.mark(pair, "unsure"), r: () => Page.mark(pair, "reject") };
  },

  async play(pair) {
    Player.toggle((await Audit.record(Audit.position.get(pair))).music.sound);
  },

  async note(pair) {
    if (!Detail.id) await Page.show(Audit.position.get(pair));
    byId("note").focus();
  },

  exportCsv() {
    if (!Marks.of.size) return Page.notice("Nothing is reviewed yet: press A, U or R on a pair.");
    const address = URL.createObjectURL(new Blob([Marks.csv()], { type: "text/csv" }));
    const name = (Marks.reviewer || "anonymous").replace(/[^\w-]+/g, "_");
    h("a", { href: address, download: `reviews-${name}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    return Page.notice(`Exported ${count(Marks.of.size)} reviews. Hand them in with: artsound review import reviews-${name}.csv`);
  },

  async compare(file) {
    if (!file) return;
    try {
      Marks.read(await file.text());
      const { count: both, observed, kappa } = Marks.agreement();
      const kappaText = Number.isNaN(kappa) ? "not defined" : kappa.toFixed(2);
      Page.notice(both ? `You and ${Marks.otherName} both judged ${count(both)} pairs: ${Math.round(100 * observed)} % the same, Cohen's κ ${kappaText}. Filter by “Disagreed” to see the others.` : `You and ${Marks.otherName} judged no pair in common.`);
    } catch (error) {
      Page.notice(`${file.name}: ${error.message}`);
    }
    byId("other").value = "";
    Page.refresh();
  },

  notice(text) {
    byId("notice").textContent = text;
    byId("notice").hidden = false;
  },

  help() {
    const keys = [["← →", "previous, next pair"], ["Enter", "open the pair"], ["Space", "play or pause"], ["A  U  R", "accept, unsure, reject; again to take back"], ["N", "write a note"], ["Esc", "close"], ["?", "this list"]];
    const dialog = byId("keys");
    dialog.replaceChildren(h("h2", {}, "Keyboard"), h("dl", {}, ...keys.flatMap(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)])), h("button", { onclick: () => dialog.close() }, "Close"));
    if (!dialog.open) dialog.showModal();
  },
};

Audit.ready.push(Page.begin);
