"use strict";
/* Tables whose columns sort, and lines to copy. */

/* columns: {name, value(item): what sorts, cell(item): what shows, number: right-aligned, label: on a phone}. */
function sortable(columns, items, { first = 0, descending = false, className = "", rowClass = () => "" } = {}) {
  const order = { column: first, descending };
  const body = h("tbody");
  const heads = columns.map((column, place) =>
    h(`th${column.number ? ".num" : ""}`, { scope: "col" },
      h("button", { type: "button", onclick: () => { turn(place); } }, column.name)));
  function turn(place) {
    if (order.column === place) order.descending = !order.descending;
    else { order.column = place; order.descending = Boolean(columns[place].number); }
    fill();
  }
  function compare(a, b) {
    const column = columns[order.column], one = column.value(a), other = column.value(b);
    if (one == null || other == null) return one == null ? (other == null ? 0 : 1) : -1; // unknown stands last, whatever the direction
    const found = typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other || 0;
    return order.descending ? -found : found;
  }
  function fill() {
    heads.forEach((head, place) => {
      if (place === order.column) head.setAttribute("aria-sort", order.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    body.replaceChildren(...[...items].sort(compare).map(item => {
      const made = h("tr", null, columns.map(column =>
        h(`td${column.number ? ".num" : ""}`, { "data-label": column.label ?? column.name }, column.cell(item))));
      if (rowClass(item)) made.className = rowClass(item);
      return made;
    }));
  }
  fill();
  return h("div.scroll", null, h(`table.stack${className && "." + className}`, null, h("thead", null, h("tr", null, heads)), body));
}

function copyable(text) {
  const button = h("button.button", { type: "button", onclick: () => copy(text, button) }, "copy");
  return h("div.command", null, h("code", null, text), button);
}
async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch { // a page opened from a file may not be let near the clipboard; then the text is selected for the reader
    const range = document.createRange();
    range.selectNodeContents(button.parentElement.querySelector("code"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = "selected";
  }
  setTimeout(() => { button.textContent = "copy"; }, 1500);
}

/* Small choices side by side. */
function segments(names, chosen, pick) {
  const box = h("span.segments", { role: "group" });
  box.append(...names.map(name => h("button", { type: "button", "aria-pressed": String(name === chosen), onclick: event => {
    for (const each of box.children) each.setAttribute("aria-pressed", String(each === event.currentTarget));
    pick(name);
  } }, name)));
  return box;
}
function mini(counts) {
  const listed = [...counts].sort((a, b) => b[0] - a[0]);
  const label = listed.map(([status, count]) => `${count} ${statuses[status].name}`).join(", ");
  return h("span.mini", { role: "img", "aria-label": label, title: label },
    listed.map(([status, count]) => h("i", { style: { ...colour(status), flex: String(count) } })));
}
