"use strict";
function cellKey(text) {
  const number = parseFloat(text.replace(/−/g, "-").replace(/,/g, ""));
  return Number.isNaN(number) ? text : number;
}

function cellValue(row, column) {
  return cellKey(row.cells[column].textContent.trim());
}

function compareCells(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === typeof b) return a.localeCompare(b, undefined, { numeric: true });
  return typeof a === "number" ? -1 : 1;
}

function sortBy(table, header) {
  const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const column = header.cellIndex;
  if (table.sortRows) table.sortRows(column, direction);
  else {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    rows.sort((a, b) => direction * compareCells(cellValue(a, column), cellValue(b, column)));
    rows.forEach((row) => body.append(row));
  }
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

function plain(text) {
  return text.replace(/−/g, "-").replace(/(\d),(?=\d{3})/g, "$1");
}

// what the table says, without its thousands separators and typographic minus signs
function tabbed(table) {
  if (table.copied) return table.copied().map((row) => row.map(plain).join("\t")).join("\n");
  return Array.from(table.rows, (row) =>
    Array.from(row.cells, (cell) => {
      const text = cell.textContent.trim().replace(/\s+/g, " ");
      return cell.classList.contains("number") && cell.tagName === "TD" ? plain(text) : text;
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

// from a file:// page some browsers refuse the clipboard, so there is a second way
async function copy(button, text, otherwise) {
  const label = button.textContent;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = copiedByHand(text);
  }
  button.textContent = done ? "Copied" : otherwise;
  button.disabled = true;
  setTimeout(() => { button.textContent = label; button.disabled = false; }, 2000);
}

function copyButton(label, title, text, otherwise) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = label;
  button.title = title;
  button.addEventListener("click", () => copy(button, text(), otherwise));
  return button;
}

document.querySelectorAll(".scroll > table").forEach((table) => {
  const title = "Copies the table as tab-separated text, for a spreadsheet";
  table.parentElement.after(copyButton("Copy table", title, () => tabbed(table), "Select the table to copy it"));
});

document.querySelectorAll("div.code").forEach((box) => {
  const title = "Copies the script as it stands in its file";
  box.before(copyButton("Copy code", title, () => box.querySelector("code").textContent, "Select the code to copy it"));
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
