"use strict";
/* The pictures, drawn by Observable Plot when somebody looks. */
const TONES = ["good", "good", "good", "good", "middle", "middle", "middle", "bad", "bad", "worst", "worst"];
const looks = { fontFamily: "inherit", fontSize: "12px", background: "transparent", color: "var(--ink)" };
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "wye", "cross", "asterisk", "plus", "times"];
const HUES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]; // Okabe and Ito's, told apart by all eyes, in the light and in the dark
const wide = box => Math.max(280, Math.min(860, (box?.clientWidth || 620)));

/* How far off the numbers are, by regime: one line for each regime, one square for each size of error. */
function distribution(mine, what, width) {
  const counts = new Map();
  for (const row of mine) {
    if (!row[what]) continue;
    if (!counts.has(row.regime)) counts.set(row.regime, new Array(payload.bins.length).fill(0));
    row[what].split(",").forEach((count, place) => { counts.get(row.regime)[place] += Number(count); });
  }
  if (!counts.size) return null;
  const cells = [];
  for (const [regime, found] of counts) {
    const all = found.reduce((a, b) => a + b, 0);
    found.forEach((count, place) => {
      if (count) cells.push({ regime, bin: payload.bins[place], share: count / all, count, all, tone: `var(--${TONES[place]})` });
    });
  }
  const narrow = width < 480, tilted = width < 600;
  return Plot.plot({
    width, height: 26 * counts.size + (tilted ? 66 : 38), marginLeft: 14 + 6.7 * Math.max(...[...counts.keys()].map(regime => regime.length)), marginBottom: 4, marginTop: tilted ? 58 : 30, style: looks, ariaLabel: "error distribution by regime",
    x: { domain: payload.bins, axis: "top", label: null, tickRotate: tilted ? -55 : 0, tickSize: 0 }, y: { label: null, tickSize: 0 },
    color: { type: "identity" }, opacity: { domain: [0, 1], range: [0.3, 1], type: "sqrt" },
    marks: [
      Plot.cell(cells, { x: "bin", y: "regime", fill: "tone", fillOpacity: "share", inset: 1, rx: 4,
        title: d => `${d.regime}: ${thousands(d.count)} of ${thousands(d.all)} numbers (${(100 * d.share).toPrecision(2)} %)\n${d.bin === "exact" ? "exact" : d.bin === "NaN, ∞" ? "NaN or ∞ in place of a number, or the reverse" : `${d.bin} ulps`}` }),
      narrow ? null : Plot.text(cells, { x: "bin", y: "regime", text: d => (d.share >= 0.995 && d.count === d.all ? "all" : d.share < 0.005 ? "<½ %" : `${Math.round(100 * d.share)} %`),
        fill: d => (d.share > 0.4 ? "var(--card)" : "var(--ink)"), fontSize: 10 }),
    ],
  });
}

/* Times of one case: a bar for each implementation, a whisker over its processes. */
function timesPlot(mine, width) {
  const sorted = [...mine].map(each => ({ ...each, both: each.backward ?? each.forward, label: placed(each) }))
    .filter(each => each.both != null).sort((a, b) => a.both - b.both);
  if (!sorted.length) return null;
  const largest = Math.max(...sorted.map(each => each.high ?? each.both));
  const [unit, size] = largest >= 1 ? ["s", 1] : largest >= 1e-3 ? ["ms", 1e-3] : ["µs", 1e-6];
  return Plot.plot({
    width, height: 30 * sorted.length + 50, marginLeft: Math.min(260, width * 0.42), marginTop: 8, style: looks,
    x: { label: `${unit} for one call, with its gradient`, grid: true, domain: [0, largest / size] }, y: { domain: sorted.map(each => each.label), label: null, tickSize: 0, tickFormat: text => (text.length > 34 ? `…${text.slice(-33)}` : text) },
    marks: [
      Plot.barX(sorted, { x: each => each.both / size, y: "label", fill: "var(--accent)", fillOpacity: 0.28, inset: 3, rx: 3 }),
      Plot.barX(sorted.filter(each => each.backward != null && each.forward != null), { x: each => each.forward / size, y: "label", fill: "var(--accent)", inset: 3, rx: 3 }),
      Plot.ruleY(sorted.filter(each => each.low != null), { x1: each => each.low / size, x2: each => each.high / size, y: "label", stroke: "var(--ink)", strokeWidth: 1.6,
        title: each => `${each.via}\n${seconds(each.low)} to ${seconds(each.high)} over ${each.processes} processes` }),
    ],
  });
}

function lines(points, { width, x, y, xLabel, yLabel, yFormat = ".0e", extra = [], dots = false, xType = "log" }) {
  if (!points.length) return null;
  const names = [...new Set(points.map(each => each.label))];
  return Plot.plot({
    width, height: 330, marginLeft: 56, marginBottom: 40, inset: 6, style: looks,
    x: { type: xType, label: xLabel, labelOffset: 36, grid: true, tickFormat: xType === "log" || xType === "symlog" ? "~s" : undefined }, y: { type: "log", label: yLabel, grid: true, tickFormat: yFormat },
    color: { domain: names, range: names.map((_, number) => HUES[number % HUES.length]) },
    symbol: { legend: true, domain: names, range: names.map((_, number) => SYMBOLS[number % SYMBOLS.length]) },
    marks: [...extra, dots ? null : Plot.line(points, { x, y, z: "label", stroke: "label", strokeWidth: 1.8 }),
      Plot.dot(points, { x, y, stroke: "label", symbol: "label", r: 4, strokeWidth: 1.8, title: each => `${each.label}\n${figure(each[x])}: ${figure(each[y])}` })],
  });
}
/* An implementation with the mode or name of its target, where that is not the framework's usual one. */
const placed = each => `${short(each.via)} ${(each.target ?? "").replace(each.framework, "").replace(/^[:=@ ]+(under )?/, "").replace(/\/bin\/python[\d.]*$/, "")}`.trim();
const named = each => `${placed(each)}${each.dtype === "float32" ? "" : " " + each.dtype}`;

/* Seconds over elements, where a loss was timed at several sizes. */
function scaling(mine, width) {
  const points = mine.map(each => ({ ...each, label: named(each), took: 1e6 * (each.backward ?? each.forward) })).filter(each => each.took && each.elements).sort((a, b) => a.elements - b.elements);
  const sizes = grouped(points, each => each.label);
  const several = points.filter(each => new Set(sizes.get(each.label).map(one => one.elements)).size > 1);
  return lines(several, { width, x: "elements", y: "took", xLabel: "elements", yLabel: "µs for one call", yFormat: ",~r" });
}
/* GB/s over the least bytes a call must move, under what copying reaches. */
function roofline(mine, width) {
  const points = mine.filter(each => each.rate && each.bytes).map(each => ({ ...each, label: named(each) }));
  if (new Set(points.map(each => each.bytes)).size < 2) return null; // of one size the table says it all
  const roof = payload.roof;
  const extra = roof.length ? [Plot.line(roof, { x: "bytes", y: "rate", z: "device", stroke: "var(--ink)", strokeWidth: 2, strokeDasharray: "5 4" }),
    Plot.text([roof[Math.floor(roof.length / 2)]], { x: "bytes", y: "rate", text: () => "copying", dy: -10, fill: "var(--ink)" })] : [];
  return lines(points, { width, x: "bytes", y: "rate", xLabel: "least bytes of a call", yLabel: "GB/s", yFormat: ",~r", extra, dots: true });
}
/* Errors against a stress that was turned up: regimes such as scale=64. */
function stress(mine, name, what, width) {
  const points = [];
  for (const [key, some] of grouped(mine.filter(row => row.regime.startsWith(name + "=")), row => `${row.owner}|${row.dtype}|${row.regime}`)) {
    const error = most(some, what), level = Number(some[0].regime.split("=")[1]);
    if (error != null && error < Infinity) points.push({ key, level, error: Math.max(error, 1e-3), label: named(some[0]) });
  }
  points.sort((a, b) => a.level - b.level);
  const extra = [Plot.ruleY([64], { stroke: "var(--bad)", strokeDasharray: "4 4" })];
  return lines(points, { width, x: "level", y: "error", xLabel: name, yLabel: "error, eps by scale", extra, xType: points.every(each => each.level > 0) ? "log" : "symlog" });
}
