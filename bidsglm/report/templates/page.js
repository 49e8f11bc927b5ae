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
  table.fold?.();
  header.parentElement.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
}

// what scrolls sideways must be reachable without a mouse, and nothing else should stop the tab key
function markScrollers() {
  document.querySelectorAll(".scroll, .frame").forEach((box) => {
    const wide = box.scrollWidth > box.clientWidth + 1;
    if (wide) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
    box.classList.toggle("wide", wide);
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

// the first rows of a long table, all of them on demand
const FEW = 5;
document.querySelectorAll(".scroll > table:not(.whole):not(.rows)").forEach((table) => {
  const body = table.tBodies[0];
  const n = body.rows.length;
  if (n <= FEW + 2) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "more";
  let all = false;
  table.fold = () => {
    const named = finding && body.querySelector("[data-name]");
    Array.from(body.rows).forEach((row, i) => { row.hidden = named ? !found(row) : !all && i >= FEW; });
    button.textContent = all ? `Show ${FEW} rows` : `Show all ${n} rows`;
    button.setAttribute("aria-expanded", all);
    button.hidden = Boolean(named);
    markScrollers();
  };
  button.addEventListener("click", () => { all = !all; table.fold(); });
  table.parentElement.after(button);
});

// one panel of several at a time; without this script, and on paper, all of them stand below each other
const tabLists = [];
function chooseTab(key, at) {
  const before = at?.getBoundingClientRect().top;
  tabLists.forEach((list) => {
    if (!list.tabs.has(key)) return;
    list.tabs.forEach(({ tab, panel }, each) => {
      const chosen = each === key;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      panel.classList.toggle("chosen", chosen);
    });
  });
  markScrollers();
  // all lists of a page change together, so that what is looked at must be held in its place
  if (at) window.scrollBy({ top: at.getBoundingClientRect().top - before, behavior: "instant" });
}
function moveAmongTabs(event, list) {
  const keys = Array.from(list.tabs.keys());
  const here = keys.indexOf(event.target.dataset.key);
  const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: keys.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const key = keys[(to + keys.length) % keys.length];
  const { tab } = list.tabs.get(key);
  chooseTab(key, tab);
  tab.focus({ preventScroll: true });
}
document.querySelectorAll(".tabs").forEach((box) => {
  const bar = document.createElement("div");
  bar.className = "tab-bar";
  bar.setAttribute("role", "tablist");
  bar.setAttribute("aria-label", box.dataset.label);
  const list = { tabs: new Map() };
  Array.from(box.children).forEach((panel) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `${panel.id}-tab`;
    tab.dataset.key = panel.dataset.key;
    tab.textContent = panel.querySelector(".tab-title").textContent;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => chooseTab(tab.dataset.key, tab));
    bar.append(tab);
    list.tabs.set(panel.dataset.key, { tab, panel });
  });
  bar.addEventListener("keydown", (event) => moveAmongTabs(event, list));
  box.prepend(bar);
  box.classList.add("live");
  tabLists.push(list);
});
if (tabLists.length) chooseTab(tabLists[0].tabs.keys().next().value);

// contrasts and regions by name
let finding = "";
function found(part) {
  return part.dataset.name.toLowerCase().includes(finding);
}
document.querySelectorAll(".find").forEach((form) => {
  form.hidden = false;
  const count = form.querySelector("output");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector("input").addEventListener("input", (event) => {
    finding = event.target.value.trim().toLowerCase();
    let n = 0;
    document.querySelectorAll("[data-name]").forEach((part) => {
      part.hidden = finding !== "" && !found(part);
      if (!part.hidden && part.matches("details, .regions tr")) n += 1;
    });
    document.querySelectorAll("table").forEach((table) => table.fold?.());
    count.textContent = finding ? `${n} found` : "";
  });
});
document.querySelectorAll("table").forEach((table) => table.fold?.());

// the navigation marks the section that is being read
const links = new Map();
document.querySelectorAll("nav a[href^='#']").forEach((link) => links.set(link.hash.slice(1), link));
const sections = Array.from(links.keys(), (id) => document.getElementById(id)).filter(Boolean);
function markPlace() {
  const line = window.innerHeight / 3;
  const above = sections.filter((section) => section.getBoundingClientRect().top <= line);
  const end = window.scrollY > 0 && window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
  const here = end ? sections.at(-1) : above.at(-1) || sections[0];
  links.forEach((link, id) => {
    if (here && id === here.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
  const link = here && links.get(here.id);
  const list = link?.closest("ul");
  if (list && list.scrollWidth > list.clientWidth) list.scrollLeft = link.offsetLeft - list.offsetLeft - 40;
}
let marking = false;
window.addEventListener("scroll", () => {
  if (marking) return;
  marking = true;
  requestAnimationFrame(() => { marking = false; markPlace(); });
}, { passive: true });
window.addEventListener("load", markPlace);

// a link to something in a closed part of the page opens that part
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) {
    if (part.tagName === "DETAILS") part.open = true;
    if (part.classList.contains("tab") && !part.classList.contains("chosen")) chooseTab(part.dataset.key);
  }
  if (target) target.scrollIntoView();
}
// and so does a click on a link to where one already is
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  if (link && link.hash === location.hash) openTarget();
});
window.addEventListener("hashchange", openTarget);
window.addEventListener("load", openTarget);
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => {
    // of several with one name only one can be open
    part.removeAttribute("name");
    part.open = true;
  });
});
document.querySelectorAll("details").forEach((part) => part.addEventListener("toggle", markScrollers));
