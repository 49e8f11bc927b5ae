"use strict";
function cellValue(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = parseFloat(text.replace(/−/g, "-").replace(/,/g, ""));
  return Number.isNaN(number) ? text : number;
}

function compareCells(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === typeof b) return a.localeCompare(b, undefined, { numeric: true });
  return typeof a === "number" ? -1 : 1;
}

function sortBy(table, header) {
  const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const column = header.cellIndex;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  rows.sort((a, b) => direction * compareCells(cellValue(a, column), cellValue(b, column)));
  rows.forEach((row) => body.append(row));
  header.parentElement.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
}

// what scrolls sideways must be reachable without a mouse, and nothing else should stop the tab key
function markScrollers() {
  document.querySelectorAll(".scroll, .frame").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}
window.addEventListener("load", markScrollers);
window.addEventListener("resize", markScrollers);

document.querySelectorAll("table.sortable").forEach((table) => {
  if (table.tBodies[0].rows.length < 2) return;
  table.querySelectorAll("thead th").forEach((header) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sortBy(table, header));
  });
});
