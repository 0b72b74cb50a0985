/* Small builders. Text from the data only ever enters as text nodes. */
"use strict";

/* Build an element: attributes and listeners from an object, children as nodes or text. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* A waveform as one path: peaks are whole numbers from 0 to 100, mirrored about the middle. */
function waveform(peaks, height) {
  const step = 3;
  const half = height / 2;
  const bars = peaks.map((peak, at) => {
    const reach = Math.max(0.6, (peak / 100) * (half - 1));
    return `M${at * step + 1} ${(half - reach).toFixed(1)}V${(half + reach).toFixed(1)}`;
  });
  const box = { viewBox: `0 0 ${peaks.length * step} ${height}`, preserveAspectRatio: "none", class: "wave", "aria-hidden": "true" };
  return svg("svg", box, svg("path", { d: bars.join("") }));
}

/* A link only for web addresses: anything else in the data stays text. */
function link(address, text) {
  if (!/^https?:\/\//i.test(address || "")) return text ? h("span", {}, text) : null;
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text || address);
}

function clock(seconds) {
  if (!Number.isFinite(seconds)) return "–:––";
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}

/* Like signed, without a plus. */
function decimal(value) {
  return value < 0 ? signed(value) : value.toFixed(3);
}

function byline(...parts) {
  return parts.filter(Boolean).join(" · ");
}

const count = (number) => number.toLocaleString("en-GB");
const byId = (id) => document.getElementById(id);
