"use strict";
/* Which page is shown, light or dark, and what stands above and below. */
const main = document.getElementById("main");

function route() {
  const [, kind, name, owner] = decodeURIComponent(location.hash).split("/");
  document.documentElement.dataset.view = kind === "loss" ? "loss" : "overview";
  if (kind === "loss") lossPage(name, owner); else overview();
}
function legend() {
  return h("details", null, h("summary", null, "What the signs and words mean"), h("dl.pairs", null,
    statuses.map((each, status) => [h("dt", null, word(status)), h("dd", null, each.means)]),
    Object.entries(payload.regimes).map(([name, text]) => [h("dt", null, h("code", null, name)), h("dd", null, text)])));
}
function foot() {
  const { frameworks, skipped, timed, written } = payload.environment;
  const pair = (name, text) => [h("dt", null, name), h("dd", null, text)];
  return h("section.card", { id: "environment" }, h("h2", null, "Environment"), h("dl.pairs", null,
    Object.entries(frameworks).map(([name, text]) => pair(name, text)), Object.entries(skipped).map(([name, text]) => pair(name, `skipped: ${text}`)),
    Object.entries(timed).map(([name, texts]) => pair(`timed: ${name}`, texts.join("; "))),
    payload.files.map(file => pair(file.kind, `${file.name}, ${thousands(file.rows)} rows, written ${file.written}`)), pair("report by", written)), legend());
}
function setTheme(name) { document.documentElement.dataset.theme = name; }
const prefers = matchMedia("(prefers-color-scheme: dark)");
setTheme(prefers.matches ? "dark" : "light");
prefers.addEventListener("change", () => setTheme(prefers.matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

const measuredRows = rows.filter(row => !UNMEASURED.has(row.status));
const measuredOwners = new Set(measuredRows.map(row => row.owner));
document.getElementById("sub").textContent = [
  rows.length && `${thousands(measuredRows.length)} verdicts on ${measuredOwners.size} implementations of ${Object.keys(payload.losses).length} losses`,
  payload.times.length && `${payload.times.length} timings`,
].filter(Boolean).join(", ");
document.getElementById("foot").append(foot());
addEventListener("hashchange", () => { route(); scrollTo(0, 0); main.focus({ preventScroll: true }); });
let lastWidth = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === lastWidth) return; // a phone's address bar changes the height alone
  lastWidth = innerWidth;
  for (const box of document.querySelectorAll("[data-plot]")) box.draw();
});
route();
document.documentElement.dataset.ready = "true";
