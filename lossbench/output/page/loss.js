"use strict";
/* The page of one loss: what it is, who gets it right, where not, and how long it takes. */
const WORST_SHOWN = 12, WORST_LEAST = 4, ROWS_SHOWN = 200;

function lossPage(loss, owner) {
  const about = payload.losses[loss];
  if (about === undefined) return main.replaceChildren(h("p.card", null, `There is no loss ${loss} in this report. `, h("a", { href: "#/" }, "Back to all losses")));
  const body = h("div");
  let only = owner !== undefined && payload.owners[owner]?.[0] === loss ? Number(owner) : null;
  function redraw() {
    const mine = filtered(loss).filter(row => only === null || row.owner === only);
    const said = document.getElementById("said");
    if (said) said.textContent = `${thousands(mine.filter(row => !UNMEASURED.has(row.status)).length)} verdicts`;
    body.replaceChildren(
      rows.length ? implementations(filtered(loss), only, chosen => { only = chosen; redraw(); }) : "",
      rows.length ? h("div.columns", null, distributionCard(mine), worstCard(mine)) : "",
      ...stressCards(mine), ...deviationsCard(mine), ...timingCards(loss), ...casesCard(mine));
    for (const box of body.querySelectorAll("[data-plot]")) box.draw();
  }
  main.replaceChildren(
    h("div.head", null, h("a", { href: "#/" }, "← all losses"), h("h1", null, loss), h("span.dim", null, about.aliases?.length ? `also ${about.aliases.join(", ")}` : "")),
    formula(about), rows.length ? toolbar(redraw, { overview: false }) : "", body);
  redraw();
}
function formula(about) {
  if (!about.doc) return h("section.card", null, h("p", null, "This loss is not in the catalogue of the lossbench that wrote the report."));
  return h("section.card", { id: "formula" }, h("div.doc", null, about.doc.split(/\n\s*\n/).map(paragraph)),
    about.definition && [h("p.dim", null, "One term, as it is evaluated in certified arithmetic:"), h("pre", null, h("code", null, about.definition))],
    h("details", null, h("summary", null, `arguments and reductions, one term over ${about.over}`),
      h("dl.pairs", null, about.arguments.map(([name, holds]) => [h("dt", null, h("code", null, name)), h("dd", null, holds)]), h("dt", null, "reductions"), h("dd", null, about.reductions.join(", ")))));
}
/* A docstring's paragraph: words between backquotes are code, lines that are indented stay as they are. */
function paragraph(text) {
  const set = /\n\s+\S/.test(text);
  const words = (set ? text : text.replaceAll("\n", " ")).split(/``?/);
  return h(set ? "p.set" : "p", null, words.map((part, place) => (place % 2 ? h("code", null, part) : part)));
}
function implementations(mine, only, choose) {
  const lines = [...grouped(mine, row => row.owner)].map(([owner, some]) => ({ owner, ...summary(some) }));
  const error = (name, label, text) => ({ name: text, label, number: true, value: line => line[name], cell: line => figure(line[name]) });
  return h("section.card", { id: "implementations" },
    h("div.bar", null, h("h2", null, "Implementations"), only !== null && h("button.button", { type: "button", onclick: () => choose(null) }, "show all")),
    sortable([
      { name: "verdict", value: line => badness(line.worst)[0], cell: line => word(line.status) },
      { name: "implementation", value: line => line.first.via, cell: line => h("button.pick.via", { type: "button", "aria-pressed": String(only === line.owner), title: "only this one", onclick: () => choose(only === line.owner ? null : line.owner) }, short(line.first.via)) },
      { name: "framework", value: line => line.first.target, cell: line => line.first.target },
      { name: "of", label: "verdicts", number: true, value: line => line.measured, cell: line => [String(line.measured), " ", mini(line.counts)] },
      error("ve", "value eps", "value eps"), error("ge", "gradient eps", "gradient eps"), error("vu", "value ulps", "value ulps"), error("gu", "gradient ulps", "gradient ulps"),
    ], lines, { first: 0, descending: true, rowClass: line => (line.status >= BAD_FROM ? "bad" : "") }),
    h("p.dim", null, "The worst of all cases chosen above; eps by scale are what decides, ulps say how many digits of single components are left."));
}
function plotBox(draw, caption) {
  const box = h("figure", { "data-plot": "" });
  box.draw = () => {
    const drawn = draw(wide(box));
    box.replaceChildren(...(drawn ? [drawn, h("figcaption", null, caption)] : [h("p.dim", null, "These rows do not say how their errors are spread.")]));
  };
  return box;
}
function distributionCard(mine) {
  let what = "gs", owner = ALL;
  const owners = [...new Set(mine.map(row => row.owner))];
  const box = plotBox(width => distribution(owner === ALL ? mine : mine.filter(row => String(row.owner) === owner), what, width),
    "Share of all numbers compared, by their error in ulps: one line for each kind of input.");
  const pick = h("select", { "aria-label": "implementation", onchange: () => { owner = pick.value; box.draw(); } },
    h("option", { value: ALL }, "all implementations"), owners.map(each => h("option", { value: String(each) }, short(payload.owners[each][2]))));
  return h("section.card", { id: "distribution" }, h("div.bar", null, h("h2", null, "Errors by regime"), segments(["gradient", "value"], "gradient", name => { what = name === "value" ? "vs" : "gs"; box.draw(); }), owners.length > 1 && pick), box);
}
/* The worst case of each implementation, the worst implementation first; then further ones. */
function worstCard(mine) {
  const faulty = mine.filter(row => row.status !== rank.agrees && row.status !== rank.rejects && !UNMEASURED.has(row.status)).sort(byBadness);
  const leaders = [...grouped(faulty, row => row.owner).values()].map(some => some[0]);
  const listed = [...leaders, ...faulty.filter(row => !leaders.includes(row)).slice(0, Math.max(0, WORST_LEAST - leaders.length))];
  return h("section.card", { id: "worst" }, h("h2", null, "Worst cases"), listed.length ? h("ul.worst", null, listed.slice(0, WORST_SHOWN).map(row => h("li", null, sign(row.status, { title: statuses[row.status].means, role: "img", "aria-label": statuses[row.status].name }),
    h("div.what", null, h("b", null, statuses[row.status].name), " ", short(row.via), h("br"), h("code", null, row.name),
      row.worst && [h("br"), row.worst], row.note && [h("br"), h("span.dim", null, row.note)], copyable(command(row))))))
    : h("p.dim", null, mine.length ? "None: everything agrees." : "No rows."));
}
function deviationsCard(mine) {
  const told = mine.filter(row => row.note && [rank["by-contract"], rank.deviates].includes(row.status));
  if (!told.length) return [];
  const lines = [...grouped(told, row => `${row.owner}|${row.note}`).values()].map(some => ({ ...summary(some), note: some[0].note }));
  return [h("section.card", { id: "deviations" }, h("h2", null, "Deviations explained"),
    sortable([
      { name: "verdict", value: line => line.status, cell: line => word(line.status) },
      { name: "implementation", value: line => line.first.via, cell: line => h("span.via", null, short(line.first.via)) },
      { name: "what it does instead", value: line => line.note, cell: line => line.note },
      { name: "cases", number: true, value: line => line.rows.length, cell: line => String(line.rows.length) },
      { name: "regimes", value: line => line.first.regime, cell: line => [...new Set(line.rows.map(row => row.regime))].join(", ") },
    ], lines, { first: 1 }))];
}
function stressCards(mine) {
  const names = [...new Set(mine.map(row => row.regime).filter(regime => regime.includes("=")).map(regime => regime.split("=")[0]))];
  return names.map(name => h("section.card", null, h("h2", null, `Errors against ${name}`),
    plotBox(width => stress(mine, name, "ge", width), "The worst gradient error at each level; the dashed line is the limit of wide formats.")));
}
function timingCards(loss) {
  const mine = payload.times.filter(each => each.loss === loss && (!filters.framework || each.target === filters.framework) && (!filters.dtype || each.dtype === filters.dtype));
  if (!mine.length) return [];
  const contests = [...grouped(mine, each => each.stands_for || each.case)];
  let index = 0;
  const bars = plotBox(width => timesPlot(contests[index][1], width), "Light: one call with its gradient; full: forward alone. The line spans the processes' figures. Of copying: the rate beside what copying as many bytes reaches on the same machine.");
  const pick = h("select", { "aria-label": "case", onchange: () => { index = Number(pick.value); bars.draw(); } }, contests.map(([name], place) => h("option", { value: String(place) }, name)));
  const cards = [h("section.card", { id: "timings" }, h("div.bar", null, h("h2", null, "Times"), pick), bars, timesTable(mine))];
  const pictures = [["Scaling", scaling(mine, 400), width => scaling(mine, width), "What one call takes with its gradient, over the number of elements."],
    ["Roofline", roofline(mine, 400), width => roofline(mine, width), "How fast the bytes that a call must move at least go by; the dashed line is copying on the same machine."]].filter(each => each[1]);
  if (pictures.length) cards.push(h("div.columns", null, pictures.map(([title, , draw, caption]) => h("section.card", null, h("h2", null, title), plotBox(draw, caption)))));
  return cards;
}
function timesTable(mine) {
  const time = (name, text) => ({ name: text, number: true, value: each => each[name], cell: each => seconds(each[name]) });
  const spread = each => (each.processes > 1 && each.low ? (each.high - each.low) / each.low : null);
  return sortable([
    { name: "implementation", value: each => each.via, cell: each => h("span.via", null, placed(each), each.note && h("small.dim", null, ` ${each.note}`)) },
    { name: "case", value: each => each.case, cell: each => h("code", null, `${each.dtype} ${each.shape} ${each.reduction}`) },
    time("forward", "forward"), time("backward", "with gradient"),
    { name: "spread", number: true, value: spread, cell: each => (spread(each) == null ? "" : `${Math.round(100 * spread(each))} %`) },
    { name: "GB/s", number: true, value: each => each.rate, cell: each => figure(each.rate) },
    { name: "of copying", number: true, value: each => each.roof, cell: each => (each.roof == null ? "" : each.roof < 0.01 ? "<1 %" : `${Math.round(100 * each.roof)} %`) },
    time("first", "first call"),
  ], mine, { first: 3 });
}
function casesCard(mine) {
  if (!mine.length) return [];
  const listed = [...mine].sort(byBadness).slice(0, ROWS_SHOWN);
  const error = (name, text) => ({ name: text, number: true, value: row => row[name], cell: row => figure(row[name]) });
  const box = h("details.card", { id: "cases", ontoggle: () => {
    if (!box.open || box.childElementCount > 1) return;
    box.append(sortable([
      { name: "verdict", value: row => badness(row)[0], cell: row => word(row.status) },
      { name: "case", value: row => row.name, cell: row => h("code.via", null, row.name) },
      { name: "implementation", value: row => row.via, cell: row => h("span.via", null, short(row.via)) },
      error("ve", "value eps"), error("ge", "gradient eps"), error("vu", "value ulps"), error("gu", "gradient ulps"),
    ], listed, { first: 0, descending: true }));
  } }, h("summary", null, `All cases${mine.length > ROWS_SHOWN ? `: the worst ${ROWS_SHOWN} of ${thousands(mine.length)}` : ` (${mine.length})`}`));
  return [box];
}
