/* One pair in full: picture, sound, captions, why they were paired, licences, provenance, verdict. */
"use strict";

const Detail = {
  id: null,

  async open(position) {
    const record = await Audit.record(position);
    const dialog = byId("detail");
    Detail.id = record.pair_id;
    dialog.replaceChildren(Detail.picture(record), Detail.side(record));
    dialog.querySelector(".side").scrollTop = 0;
    if (!dialog.open) dialog.showModal();
    dialog.focus();
    history.replaceState(null, "", `#${record.pair_id}`);
    Detail.record = record;
  },

  close() {
    Player.stop();
    Detail.id = null;
    history.replaceState(null, "", location.pathname + location.search);
    byId("detail").close();
  },

  picture(record) {
    const { artwork } = record;
    const image = h("img", { src: artwork.picture, alt: artwork.caption.caption });
    const { width, height } = artwork.image;
    image.style.width = `min(100%, ${1.8 * width}px, calc((94vh - 160px) * ${width / height}))`;
    return h("figure", { class: "picture" }, image,
      h("figcaption", {}, h("strong", {}, artwork.title || "Untitled"), h("span", {}, byline(artwork.artist || "unknown artist", artwork.date, artwork.medium))));
  },

  side(record) {
    return h("div", { class: "side" },
      Detail.head(record),
      Detail.sound(record),
      h("div", { class: "captions" }, Detail.caption("The artwork in words", record.artwork.caption), Detail.caption("The music in words", record.music.caption)),
      Detail.score(record),
      h("div", { class: "captions" }, Detail.facts("Artwork", Detail.artworkFacts(record)), Detail.facts("Music", Detail.musicFacts(record))),
      Detail.fields(record),
      Detail.provenance(record),
      Detail.judge(record));
  },

  head(record) {
    return h("header", { class: "pairhead" },
      h("span", { class: "tag" }, record.split),
      h("code", {}, record.pair_id),
      h("span", { class: "spring" }),
      h("button", { class: "quiet", id: "back", onclick: () => Page.step(-1), "aria-label": "Previous pair" }, "←"),
      h("button", { class: "quiet", id: "forth", onclick: () => Page.step(1), "aria-label": "Next pair" }, "→"),
      h("button", { class: "quiet", id: "close", onclick: Detail.close, "aria-label": "Close" }, "✕"));
  },

  sound(record) {
    const { music } = record;
    const time = h("span", { class: "time" });
    const head = h("div", { class: "head" });
    const mel = h("div", { class: "mel", onclick: (event) => Player.seek(music.sound, (event.clientX - mel.getBoundingClientRect().left) / mel.clientWidth) },
      h("img", { src: music.mel, alt: "mel spectrogram, low notes at the bottom" }), head);
    Player.watch(time, music.sound, ({ seconds }) => { time.textContent = `${clock(seconds)} / ${clock(music.audio.duration)}`; });
    Player.watch(head, music.sound, ({ share }) => { head.style.left = `${100 * share}%`; });
    return h("section", { class: "sound" },
      h("div", { class: "row" }, playButton(music.sound, `Play ${music.title || "the music"}`),
        h("div", { class: "names" }, h("strong", {}, music.title || "Untitled"), h("span", {}, byline(music.artist || "unknown artist", music.album, music.date))), time),
      waveTrack(music.sound, music.peaks, 56), mel,
      h("p", { class: "tags" }, ...music.measures.tags.slice(0, 8).map((tag) => h("span", { title: `probability ${tag.value.toFixed(2)}` }, tag.name))));
  },

  caption(title, caption) {
    const claims = caption.contradictions.map((claim) => `says ${claim.field} “${claim.stated}”, measured ${claim.measured}`);
    const found = [...caption.faults, ...caption.leaks.map((name) => `names ${name}`), ...(caption.masked || []).map((kind) => `${kind} masked`), ...claims];
    return h("section", {}, h("h3", {}, title), h("p", { class: "lead" }, caption.caption),
      caption.paragraph !== caption.caption && h("p", {}, caption.paragraph),
      found.length > 0 && h("p", { class: "found" }, found.join(" · ")), h("p", { class: "by" }, caption.model));
  },

  /* The captions by field: plain text, and the Principles of Art with their words. */
  fields({ artwork, music }) {
    const hidden = ["caption", "paragraph", "model", "weights", "prompt", "sampling", "answer", "reasoning"];
    const words = (value) => (value && typeof value === "object" && "words" in value ? (value.present ? value.words || "present" : `absent${value.words ? `: ${value.words}` : ""}`) : value);
    const rows = (caption) => Object.entries(caption).filter(([name]) => !hidden.includes(name)).map(([name, value]) => [name, words(value)]).filter(([, value]) => typeof value === "string");
    return h("details", {}, h("summary", {}, "Captions by field"),
      h("div", { class: "fields" }, Detail.facts("Artwork", rows(artwork.caption)), Detail.facts("Music", rows(music.caption))));
  },

  score(record) {
    const most = Math.max(...record.terms.map((term) => Math.abs(term.value)), 1e-9);
    const rows = record.terms.map((term) => {
      const bar = h("i", { class: term.value < 0 ? "negative" : "" });
      bar.style.width = `${(50 * Math.abs(term.value)) / most}%`;
      return h("div", { class: "term" }, h("span", {}, term.name), h("div", { class: "scale" }, bar), h("b", {}, signed(term.value)));
    });
    return h("section", { class: "score" },
      h("h3", {}, "Why they were paired"),
      h("div", { class: "total" }, h("b", {}, decimal(record.score)), h("span", {}, `score, decile ${record.decile + 1} of ${Audit.index.deciles.length}`)),
      ...rows,
      h("ul", {}, h("li", {}, "The music is choice ", h("b", {}, String(record.clip_rank)), " of this artwork", Detail.margin(record.clip_margin)),
        h("li", {}, "The artwork is choice ", h("b", {}, String(record.artwork_rank)), " of this music", Detail.margin(record.artwork_margin)), Detail.market(record)),
      Detail.others("Next best music", record.other_clips, "clip"), Detail.others("Next best artworks", record.other_artworks, "artwork"));
  },

  /* Prices are what each side could have had elsewhere; a hub is a clip that many artworks want. */
  market(record) {
    if (typeof record.clip_price !== "number") return null;
    const wanted = record.hubness === 1 ? "1 artwork has" : `${count(record.hubness)} artworks have`;
    return h("li", {}, `Price of the music ${decimal(record.clip_price)}, of the artwork ${decimal(record.artwork_price)}; ${wanted} this music among the ten best`);
  },

  margin(value) {
    if (value === null || value === undefined) return null;
    return h("span", { class: "faint" }, `, ${Math.abs(value).toFixed(3)} ${value < 0 ? "behind" : "ahead of"} the best other`);
  },

  /* Runners-up: those of another pair of the release can be heard, seen and opened. */
  others(title, others, kind) {
    if (!others.length) return null;
    const rows = others.map((other) => {
      const name = byline(other.title || other.name, other.artist);
      const known = Audit.position.get(other.pair_id);
      return h("li", {}, other.sound ? playButton(other.sound, `Play ${name}`) : other.thumbnail ? h("img", { src: other.thumbnail, alt: "" }) : h("i", {}),
        known === undefined ? h("span", {}, name) : h("button", { class: "linklike", onclick: () => Page.show(known) }, name), h("b", {}, decimal(other.value)));
    });
    return h("div", { class: `others ${kind}` }, h("h4", {}, title), h("ol", {}, ...rows));
  },

  facts(title, rows) {
    const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
    return h("section", {}, h("h3", {}, title), h("dl", {}, ...shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
  },

  artworkFacts({ artwork }) {
    return [["Style", artwork.style], ["Genre", artwork.genre], ["Culture", artwork.culture], ["Subjects", artwork.tags.join(", ")],
      ["Palette", Detail.palette(artwork.measures.palette)], ["Size", `${artwork.image.width} × ${artwork.image.height} px`], ...Detail.rights(artwork)];
  },

  musicFacts({ music }) {
    const { measures } = music;
    return [["Genre", music.genres.join(", ")], ["Tempo", measures.tempo ? `${Math.round(measures.tempo)} BPM` : "no beat found"], ["Key", measures.key],
      ["Loudness", `${measures.loudness.toFixed(1)} LUFS`], ["Length", `${music.audio.duration.toFixed(1)} s`], ...Detail.rights(music)];
  },

  palette(colours) {
    return (colours || []).filter((colour) => colour.value >= 0.005).slice(0, 5).map((colour) => `${colour.name} ${Math.round(100 * colour.value)} %`).join(", ");
  },

  rights(side) {
    const licence = side.licence.replace(/^LicenseRef-/, "");
    return [["Licence", link(side.licence_url, licence)], ["As stated", side.licence_text], ["Copyright", side.copyright], ["Source", /^https?:/i.test(side.source_url || "") ? link(side.source_url, new URL(side.source_url).hostname) : side.source_url]];
  },

  provenance({ artwork, music }) {
    const rows = [["Artwork", artwork.artwork_id], ["Image", `sha256 ${artwork.image.sha256}`], ["Clip", music.clip_id], ["Audio", `sha256 ${music.audio.sha256}`],
      ["Tags by", music.measures.model], ["Captions by", byline(artwork.caption.model, music.caption.model)]];
    return h("details", {}, h("summary", {}, "Provenance"), Detail.facts("", rows));
  },

  judge(record) {
    const buttons = [["accept", "Accept", "A"], ["unsure", "Unsure", "U"], ["reject", "Reject", "R"]].map(([verdict, text, key]) =>
      h("button", { id: `mark-${verdict}`, class: `verdict ${verdict}${Marks.verdict(record.pair_id) === verdict ? " on" : ""}`, "aria-pressed": Marks.verdict(record.pair_id) === verdict, onclick: () => Page.mark(record.pair_id, verdict) }, text, h("kbd", {}, key)));
    const note = h("textarea", { id: "note", rows: 2, maxlength: 2000, placeholder: "Note (N)", "aria-label": "Note", oninput: (event) => { Marks.set(record.pair_id, { note: event.target.value }); Page.counts(); } });
    note.value = (Marks.of.get(record.pair_id) || {}).note || "";
    return h("footer", { class: "judge" }, h("div", { class: "verdicts" }, ...buttons), note);
  },
};
