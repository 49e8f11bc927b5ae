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

// what the table says, without its thousands separators and typographic minus signs
function tabbed(table) {
  return Array.from(table.rows, (row) =>
    Array.from(row.cells, (cell) => {
      const text = cell.textContent.trim().replace(/\s+/g, " ");
      return cell.classList.contains("number") && cell.tagName === "TD" ? text.replace(/−/g, "-").replace(/(\d),(?=\d{3})/g, "$1") : text;
    }).join("\t"),
  ).join("\n");
}

function copiedByHand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

async function copy(button, table) {
  let done = true;
  try {
    await navigator.clipboard.writeText(tabbed(table));
  } catch {
    done = copiedByHand(tabbed(table));
  }
  button.textContent = done ? "Copied" : "Select the table to copy it";
  setTimeout(() => { button.textContent = "Copy table"; }, 2000);
}

document.querySelectorAll(".scroll > table").forEach((table) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy table";
  button.title = "Copies the table as tab-separated text, for a spreadsheet";
  button.addEventListener("click", () => copy(button, table));
  table.parentElement.after(button);
});

// a link to something in a closed part of the page opens that part
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  if (target) target.scrollIntoView();
}
window.addEventListener("hashchange", openTarget);
window.addEventListener("load", openTarget);
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
});
document.querySelectorAll("details").forEach((part) => part.addEventListener("toggle", markScrollers));
