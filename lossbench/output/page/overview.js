"use strict";
/* The first page: shares, filters, and the matrix of losses and frameworks. */
const ALL = "";
const filters = { search: "", dtype: ALL, regime: ALL, framework: ALL, reduction: ALL, verdict: ALL, change: ALL, order: "name" };
const ORDERS = {
  name: ["name", (a, b) => a.loss.localeCompare(b.loss)],
  worst: ["worst verdict", (a, b) => byBadness(a.worst, b.worst)],
  value: ["value, by scale", (a, b) => (b.ve ?? -1) - (a.ve ?? -1) || 0],
  gradient: ["gradient, by scale", (a, b) => (b.ge ?? -1) - (a.ge ?? -1) || 0],
  ulps: ["gradient, in ulps", (a, b) => (b.gu ?? -1) - (a.gu ?? -1) || 0],
  offers: ["most implementations", (a, b) => b.owners.size - a.owners.size],
};

function filtered(loss = null) {
  return rows.filter(row =>
    (loss === null || row.loss === loss) &&
    (!filters.dtype || row.dtype === filters.dtype) && (!filters.regime || row.regime === filters.regime) &&
    (!filters.framework || row.target === filters.framework) && (!filters.reduction || row.reduction === filters.reduction) &&
    (!filters.change || row.change === filters.change));
}
function searched(loss, owners) {
  const words = filters.search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const about = payload.losses[loss] ?? {};
  const text = [loss, ...(about.aliases ?? []), ...owners].join(" ").toLowerCase();
  return words.every(each => text.includes(each) || text.replaceAll("_", "").includes(each));
}
function select(name, label, options, changed) {
  const made = h("select", { id: `filter-${name}`, onchange: () => { filters[name] = made.value; changed(); } },
    options.map(([value, text]) => h("option", { value, selected: filters[name] === value }, text)));
  return h("label", null, label, made);
}
const distinct = name => [...new Set(rows.map(row => row[name]))].filter(Boolean).sort();

function toolbar(changed, { overview = true } = {}) {
  const choices = name => [[ALL, "all"], ...distinct(name).map(value => [value, value])];
  const search = h("input", { type: "search", id: "filter-search", placeholder: "loss or implementation", value: filters.search,
    oninput: () => { filters.search = search.value; changed(); } });
  const present = [...new Set(rows.map(row => row.status))].sort((a, b) => b - a);
  return h("form.tools", { onsubmit: event => event.preventDefault(), "aria-label": "filters" },
    overview && h("label.wide", null, "search", search),
    select("dtype", "format", choices("dtype"), changed), select("regime", "regime", choices("regime"), changed),
    select("reduction", "reduction", choices("reduction"), changed), select("framework", "framework", choices("target"), changed),
    overview && select("verdict", "shows a verdict", [[ALL, "any"], ...present.map(status => [String(status), statuses[status].name])], changed),
    payload.compared && select("change", "change", [[ALL, "any"], ...distinct("change").map(kind => [kind, kind])], changed),
    overview && select("order", "sorted by", Object.entries(ORDERS).map(([key, [text]]) => [key, text]), changed),
    h("button.button", { type: "button", id: "reset", onclick: () => { Object.assign(filters, { search: "", dtype: ALL, regime: ALL, framework: ALL, reduction: ALL, verdict: ALL, change: ALL }); route(); } }, "reset"),
    h("output.said", { id: "said" }));
}

function overview() {
  const shares = h("section.card", { "aria-label": "shares" });
  const matrix = h("section.card", { "aria-label": "matrix" });
  function redraw() {
    const chosen = filtered();
    shares.replaceChildren(...sharesOf(chosen, redraw));
    matrix.replaceChildren(...matrixOf(chosen));
  }
  const bar = toolbar(redraw);
  main.replaceChildren(...(rows.length ? [shares] : []), ...(payload.compared ? [changesCard()] : []), ...(rows.length ? [bar, matrix] : []), ...timedOnly());
  if (rows.length) redraw();
}
function sharesOf(chosen, redraw) {
  const counts = grouped(chosen.filter(row => row.status !== rank.absent), row => row.status);
  const listed = [...counts].sort((a, b) => a[0] - b[0]);
  return [
    h("div.shares", { "aria-hidden": "true" }, listed.map(([status, mine]) => h("i", { style: { ...colour(status), flex: String(mine.length) } }))),
    h("ul.legend", null, listed.map(([status, mine]) => h("li", null, h("button", {
      type: "button", title: statuses[status].means, "aria-pressed": String(filters.verdict === String(status)),
      onclick: () => { filters.verdict = filters.verdict === String(status) ? ALL : String(status); document.getElementById("filter-verdict").value = filters.verdict; redraw(); },
    }, sign(status, { "aria-hidden": "true" }), h("b", null, thousands(mine.length)), " ", statuses[status].name)))),
  ];
}
function matrixOf(chosen) {
  const lines = [];
  for (const [loss, mine] of grouped(chosen, row => row.loss)) {
    const owners = grouped(mine, row => row.owner);
    if (!searched(loss, [...owners.keys()].map(owner => payload.owners[owner][2]))) continue;
    if (filters.verdict && !mine.some(row => String(row.status) === filters.verdict)) continue;
    lines.push({ loss, owners, ...summary(mine) });
  }
  lines.sort((a, b) => ORDERS[filters.order][1](a, b) || a.loss.localeCompare(b.loss));
  const shown = filters.framework ? [filters.framework] : targets;
  document.getElementById("said").textContent = `${lines.length} of ${Object.keys(payload.losses).length} losses, ${thousands(lines.reduce((sum, line) => sum + line.measured, 0))} verdicts`;
  if (!lines.length) return [h("p", null, "Nothing fits all of these at once.")];
  return [h("table.matrix.stack", null,
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "loss"), shown.map(target => h("th", { scope: "col" }, target, " ", h("small", null, payload.environment.frameworks[target] ?? ""))))),
    h("tbody", null, lines.map(line => h("tr", { "data-loss": line.loss },
      h("th", { scope: "row" }, h("a", { href: `#/loss/${line.loss}` }, line.loss)),
      shown.map(target => h("td", { "data-label": target }, chips(line, target)))))))];
}
function chips(line, target) {
  const made = [...line.owners].filter(([owner]) => payload.owners[owner][3] === target).map(([owner, mine]) => {
    const found = summary(mine);
    const many = found.counts.get(found.status);
    const text = `${payload.owners[owner][2]}: ${statuses[found.status].name}, ${many} of ${mine.length}` + (found.worst.note ? `\n${found.worst.note}` : "");
    const kinds = new Set(mine.map(row => row.change));
    const mark = kinds.has("worse") ? "▲" : kinds.has("gone") ? "−" : kinds.has("better") ? "▼" : kinds.has("new") ? "+" : kinds.has("changed") ? "~" : "";
    return sign(found.status, { href: `#/loss/${line.loss}/${owner}`, title: text, "aria-label": text }, mark && h("span.delta", null, mark));
  });
  return made.length ? h("div.chips", null, made) : null;
}
function changesCard() {
  const told = rows.filter(row => row.change);
  const counts = grouped(told, row => row.change);
  const lines = [...grouped(told, row => [row.change, row.owner, row.why.replace(/[\d.]+(e[+-]?\d+)?/g, "#")].join("|")).values()].map(mine => ({ row: mine[0], count: mine.length }));
  const kinds = ["worse", "gone", "better", "changed", "new"];
  return h("section.card", { id: "changes" }, h("h2", null, "What changed"),
    h("p.dim", null, `from ${payload.files[0]?.name ?? ""} to ${payload.files[1]?.name ?? ""}`),
    h("div.kinds", null, kinds.filter(kind => counts.has(kind)).map(kind => h("span", null, h("b", null, thousands(counts.get(kind).length)), ` ${kind}`)), !told.length && h("span", null, "nothing")),
    told.length ? sortable([
      { name: "change", value: line => kinds.indexOf(line.row.change), cell: line => line.row.change },
      { name: "loss", value: line => line.row.loss, cell: line => h("a", { href: `#/loss/${line.row.loss}/${line.row.owner}` }, line.row.loss) },
      { name: "implementation", value: line => line.row.via, cell: line => h("span.via", null, short(line.row.via)) },
      { name: "what", value: line => line.row.why, cell: line => line.row.why },
      { name: "rows", number: true, value: line => line.count, cell: line => String(line.count) },
      { name: "a case", value: line => line.row.name, cell: line => h("code.via", null, line.row.name) },
    ], lines.slice(0, 500)) : null);
}
function timedOnly() {
  if (rows.length) return [];
  return [h("section.card", null, h("h2", null, "Timings"), h("ul", null, Object.keys(payload.losses).map(loss => h("li", null, h("a", { href: `#/loss/${loss}` }, loss)))))];
}
