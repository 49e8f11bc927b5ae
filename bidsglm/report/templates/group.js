// marks of the strip plots: who it is, the same participant everywhere, arrow keys within a strip
const tip = document.createElement("div");
tip.className = "tip";
tip.setAttribute("role", "status");
tip.hidden = true;
document.body.append(tip);

// the browser's own label would come late and over ours
function wordsOf(mark) {
  const title = mark.querySelector("title");
  if (title) {
    mark.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  return mark.getAttribute("aria-label");
}

const whose = new Map();
function participantOf(mark) {
  return (mark.getAttribute("aria-label") ?? mark.textContent).split(": ")[0];
}
function marksOf(participant) {
  if (!whose.size) {
    document.querySelectorAll(".marks a").forEach((mark) => {
      const name = participantOf(mark);
      if (!whose.has(name)) whose.set(name, []);
      whose.get(name).push(mark);
    });
  }
  return whose.get(participant) ?? [];
}

function tell(mark) {
  forget();
  tip.textContent = wordsOf(mark);
  tip.hidden = false;
  const box = mark.getBoundingClientRect();
  const left = Math.min(Math.max(box.left + box.width / 2 - tip.offsetWidth / 2, 4), document.documentElement.clientWidth - tip.offsetWidth - 4);
  const above = box.top - tip.offsetHeight - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 0 ? above : box.bottom + 8}px`;
  marksOf(participantOf(mark)).forEach((other) => other.classList.add("same"));
}

function forget() {
  tip.hidden = true;
  document.querySelectorAll(".marks a.same").forEach((mark) => mark.classList.remove("same"));
}

function markOf(event) {
  return event.target.closest?.(".marks a");
}

document.querySelectorAll(".plots").forEach((figure) => {
  figure.addEventListener("pointerover", (event) => { if (markOf(event)) tell(markOf(event)); });
  figure.addEventListener("pointerout", (event) => { if (markOf(event)) forget(); });
  figure.addEventListener("focusin", (event) => { if (markOf(event)) tell(markOf(event)); });
  figure.addEventListener("focusout", forget);
  figure.addEventListener("keydown", (event) => {
    const mark = markOf(event);
    if (event.key === "Escape") forget();
    if (!mark) return;
    const marks = Array.from(mark.parentElement.querySelectorAll("a"));
    const at = marks.indexOf(mark);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: marks.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = marks[Math.max(0, Math.min(marks.length - 1, to))];
    mark.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
});
// one stop of the tab key for each strip
document.querySelectorAll(".marks").forEach((strip) => {
  strip.querySelectorAll("a").forEach((mark, i) => mark.setAttribute("tabindex", i ? "-1" : "0"));
});

// tables whose rows are many: sorted, filtered and shown a page at a time
const PER_PAGE = 50;
class Rows {
  constructor(table) {
    this.table = table;
    this.all = JSON.parse(document.getElementById(table.dataset.rows).textContent);
    this.finder = table.parentElement.previousElementSibling;
    this.pager = table.closest("section").querySelector(`#${table.dataset.rows} ~ .pager`);
    this.numbers = Array.from(table.tHead.rows[0].cells, (cell) => cell.classList.contains("number"));
    this.chosen = this.all;
    this.start = 0;
    table.sortRows = (column, direction) => this.sort(column, direction);
    table.copied = () => [this.titles(), ...this.chosen.map((row) => row.slice(1, 1 + this.numbers.length))];
    this.listen();
    this.show();
  }

  titles() {
    return Array.from(this.table.tHead.rows[0].cells, (cell) => cell.textContent.trim());
  }

  listen() {
    this.finder.hidden = false;
    this.finder.addEventListener("input", () => this.filter());
    this.button("earlier").addEventListener("click", () => this.turn(-PER_PAGE));
    this.button("later").addEventListener("click", () => this.turn(PER_PAGE));
  }

  button(name) {
    return this.pager.querySelector(`.${name}`);
  }

  turn(by) {
    this.start += by;
    this.show();
  }

  filter() {
    const who = this.finder.querySelector(".who").value.trim().toLowerCase();
    const wanted = Array.from(this.finder.querySelectorAll("select"), (select) => [Number(select.dataset.column), select.value]).filter(([, value]) => value);
    const far = this.finder.querySelector(".far")?.checked;
    this.chosen = this.all.filter((row) =>
      row[1].toLowerCase().includes(who) && wanted.every(([column, value]) => row[column] === value) && (!far || row[row.length - 1]));
    this.start = 0;
    this.show();
  }

  sort(column, direction) {
    const keys = new Map(this.all.map((row) => [row, cellKey(row[column + 1])]));
    const order = (a, b) => direction * compareCells(keys.get(a), keys.get(b));
    this.all.sort(order);
    this.chosen.sort(order);
    this.start = 0;
    this.show();
  }

  show() {
    const rows = this.chosen.slice(this.start, this.start + PER_PAGE);
    this.table.tBodies[0].replaceChildren(...rows.map((row) => this.line(row)));
    const last = this.start + rows.length;
    const all = this.chosen.length;
    this.pager.querySelector(".range").textContent = all ? `Rows ${this.start + 1} to ${last} of ${all.toLocaleString("en")}` : "No row fits";
    for (const [name, possible] of [["earlier", this.start > 0], ["later", last < all]]) {
      this.button(name).hidden = all <= PER_PAGE;
      this.button(name).disabled = !possible;
    }
  }

  line([link, name, ...cells]) {
    const line = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    const anchor = link ? Object.assign(document.createElement("a"), { href: link }) : head;
    anchor.textContent = name;
    if (link) head.append(anchor);
    line.append(head);
    cells.slice(0, this.numbers.length - 1).forEach((text, i) => {
      const cell = line.insertCell();
      cell.textContent = text;
      if (this.numbers[i + 1]) cell.className = "number";
    });
    return line;
  }
}
document.querySelectorAll("table[data-rows]").forEach((table) => new Rows(table));
