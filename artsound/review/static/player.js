/* One sound at a time; whoever shows the playing pair is told of its progress. */
"use strict";

const Player = {
  audio: new Audio(),
  source: "",
  watchers: new Set(),

  start() {
    Player.audio.preload = "none";
    for (const event of ["timeupdate", "play", "pause", "ended", "loadedmetadata", "error", "seeked"]) Player.audio.addEventListener(event, Player.tell);
  },

  tell() {
    for (const watcher of Player.watchers) {
      if (watcher.element.isConnected) watcher.show(Player.at(watcher.source));
      else Player.watchers.delete(watcher);
    }
  },

  /* Where this source stands: playing, share of its length, seconds, failed. */
  at(source) {
    if (source !== Player.source) return { playing: false, share: 0, seconds: 0, failed: false };
    const { paused, currentTime, duration, error } = Player.audio;
    return { playing: !paused, share: duration ? currentTime / duration : 0, seconds: currentTime, failed: Boolean(error) };
  },

  watch(element, source, show) {
    Player.watchers.add({ element, source, show });
    show(Player.at(source));
  },

  toggle(source) {
    if (source !== Player.source) {
      Player.source = source;
      Player.audio.src = source;
    } else if (!Player.audio.paused) {
      Player.audio.pause();
      return;
    }
    Player.audio.play().catch(() => Player.tell());
  },

  seek(source, share) {
    if (source !== Player.source) Player.toggle(source);
    const go = () => { Player.audio.currentTime = share * Player.audio.duration; };
    if (Number.isFinite(Player.audio.duration)) go();
    else Player.audio.addEventListener("loadedmetadata", go, { once: true });
  },

  stop() {
    Player.audio.pause();
  },
};

/* A round play button. */
function playButton(source, label) {
  const button = h("button", { class: "play", "aria-label": label, onclick: (event) => { event.stopPropagation(); Player.toggle(source); } });
  Player.watch(button, source, ({ playing, failed }) => {
    button.textContent = failed ? "!" : playing ? "❚❚" : "▶";
    button.classList.toggle("playing", playing);
    button.title = failed ? "this file cannot be played here" : "";
  });
  return button;
}

/* A waveform that fills as it plays; a click seeks. */
function waveTrack(source, peaks, height) {
  const played = h("div", { class: "played" }, waveform(peaks, height));
  const track = h("div", { class: "track", onclick: (event) => { event.stopPropagation(); const box = track.getBoundingClientRect(); Player.seek(source, (event.clientX - box.left) / box.width); } }, waveform(peaks, height), played);
  Player.watch(track, source, ({ share }) => { played.style.clipPath = `inset(0 ${100 - 100 * share}% 0 0)`; });
  return track;
}
