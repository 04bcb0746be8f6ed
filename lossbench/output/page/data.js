"use strict";
/* What the page holds, unpacked; and the few helpers that everything else is written with. */
const payload = JSON.parse(document.getElementById("payload").textContent);
const statuses = payload.statuses;
const rank = Object.fromEntries(statuses.map((each, number) => [each.name, number]));
const UNMEASURED = new Set([rank.absent, rank.skipped]);
const LOUD = new Set(["accepts", "refuses", "differs", "hangs", "crashes"].map(name => rank[name]));
const BAD_FROM = rank.accepts;

const rows = payload.rows.case.map((_, number) => {
  const of = name => payload.rows[name][number], text = name => payload.texts[of(name)];
  const owner = payload.owners[of("owner")];
  const recipe = text("case"), parts = recipe.split("/").slice(-5);
  const error = name => (of(name) === -1 ? Infinity : of(name));
  return {
    owner: of("owner"), loss: owner[0], framework: owner[1], via: owner[2], target: owner[3],
    name: owner[0] + "/" + recipe, reduction: parts[0], dtype: parts[1], shape: parts[2], regime: parts[3],
    status: of("status"), compared: of("compared"),
    ve: error("ve"), ge: error("ge"), vu: error("vu"), gu: error("gu"),
    worst: text("worst"), note: text("note"), vs: text("vs"), gs: text("gs"), change: text("change"), why: text("why"),
  };
});
const targets = [...new Set(payload.owners.map(owner => owner[3]))].sort();

/* How bad a row is: in kind, then by the figures that made it so. */
function badness(row) {
  const scale = Math.max(row.ve ?? 0, row.ge ?? 0), ulps = Math.max(row.vu ?? 0, row.gu ?? 0);
  return [UNMEASURED.has(row.status) ? -1 : row.status, ...(row.status === rank.imprecise ? [ulps, scale] : [scale, ulps])];
}
function byBadness(a, b) {
  const one = badness(a), other = badness(b);
  for (let place = 0; place < one.length; place++) if (one[place] !== other[place]) return other[place] > one[place] ? 1 : -1;
  return 0;
}
function grouped(items, by) {
  const groups = new Map();
  for (const item of items) {
    const key = by(item);
    if (groups.has(key)) groups.get(key).push(item); else groups.set(key, [item]);
  }
  return groups;
}
function most(items, name) {
  let found = null;
  for (const item of items) if (item[name] != null && (found === null || item[name] > found)) found = item[name];
  return found;
}
/* What stands for an implementation among some of its rows: the worst, and how many of each kind. */
function summary(mine) {
  const measured = mine.filter(row => !UNMEASURED.has(row.status));
  const counts = new Map();
  for (const row of mine) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
  const worst = mine.reduce((a, b) => (byBadness(a, b) > 0 ? b : a));
  return { rows: mine, first: mine[0], worst, status: worst.status, counts, measured: measured.length,
    ve: most(measured, "ve"), ge: most(measured, "ge"), vu: most(measured, "vu"), gu: most(measured, "gu"),
    compared: measured.reduce((sum, row) => sum + row.compared, 0) };
}

/* Elements without markup in strings: what a framework says can never become part of the page's code. */
function h(tag, attributes, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name || "div");
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [property, text] of Object.entries(value)) made.style.setProperty(property, text);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter(child => child != null && child !== false));
  return made;
}
const thousands = number => number.toLocaleString("en").replaceAll(",", " ");
function figure(value) {
  if (value == null) return "";
  if (value === Infinity) return "∞";
  if (value === 0) return "0";
  if (value >= 0.05 && value < 1000) return value >= 100 ? value.toFixed(0) : value.toPrecision(2).replace(/\.0$/, "");
  return value.toExponential(0).replace("e+", "e");
}
function seconds(value) {
  if (value == null) return "";
  const [unit, size] = value >= 1 ? ["s", 1] : value >= 1e-3 ? ["ms", 1e-3] : ["µs", 1e-6];
  return `${(value / size).toPrecision(3)} ${unit}`;
}
const colour = status => ({ "--c": `var(--s-${statuses[status].name})` });
function sign(status, attributes = {}, ...more) {
  const kind = LOUD.has(status) ? ".loud" : UNMEASURED.has(status) ? ".none" : "";
  return h((attributes.href ? "a" : "span") + ".sign" + kind, { ...attributes, style: colour(status) }, statuses[status].sign, ...more);
}
const word = status => h("span.word", null, sign(status, { "aria-hidden": "true" }), statuses[status].name);
const short = via => via.split(" + ").map(part => part.replace(/^lossbench\.frameworks\..*\.(\w+)$/, "recipe $1")).join(" + ");
const quoted = text => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const reached = row => (row.target === row.framework ? `--framework ${row.framework}` : row.target.split(" beside ").reverse().map(target => `--target ${quoted(target)}`).join(" "));
const command = row => `lossbench repro ${quoted(row.name)} ${reached(row)} --impl ${quoted(row.via)}`;
