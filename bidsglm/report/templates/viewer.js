const NOTHING = -32768;
const ALONE = -32767;
const STOPS = ["b8f3ff", "3fb4f5", "1f5fd0", "1b2a6b", "6b1b1b", "d9381e", "f9a11b", "fff3a6"];
const PIXELS = 380;
// plane -> axes that run across and up in its picture
const ACROSS = [1, 0, 0];
const UP = [2, 2, 1];
const SIDES = [["P", "A"], ["L", "R"], ["L", "R"]];

// red, green, blue, opacity at 256 places; opaque from half the range on, so that small values fade out
function colourTable() {
  const table = new Uint8ClampedArray(256 * 4);
  for (let i = 0; i < 256; i += 1) {
    const place = (i / 255) * (STOPS.length - 1);
    const stop = Math.min(Math.floor(place), STOPS.length - 2);
    for (let c = 0; c < 3; c += 1) {
      const [a, b] = [stop, stop + 1].map((s) => parseInt(STOPS[s].slice(2 * c, 2 * c + 2), 16));
      table[4 * i + c] = a + (b - a) * (place - stop);
    }
    table[4 * i + 3] = 255 * Math.min(1, Math.abs((4 * i) / 255 - 2));
  }
  return table;
}
const COLOURS = colourTable();

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function codes(text) {
  const bytes = await inflated(text);
  const n = bytes.length / 2;
  const values = new Int16Array(n);
  for (let i = 0; i < n; i += 1) values[i] = bytes[i] | (bytes[n + i] << 8);
  return values;
}

const scenes = new Map();
function sceneOf(id) {
  if (!scenes.has(id)) {
    const record = JSON.parse(document.getElementById(id).textContent);
    const sizes = [0, 1, 2].map((axis) => Math.hypot(...[0, 1, 2].map((row) => record.affine[row][axis])));
    scenes.set(id, { record: { ...record, sizes }, unpacked: null });
  }
  return scenes.get(id);
}

async function unpackedScene(record) {
  const [bits, background, regions] = await Promise.all(
    [inflated(record.mask), inflated(record.background), record.regions ? codes(record.regions) : null],
  );
  const [nx, ny, nz] = record.shape;
  const index = new Int32Array(nx * ny * nz).fill(-1);
  let n = 0;
  for (let i = 0; i < index.length; i += 1) {
    if ((bits[i >> 3] >> (i & 7)) & 1) {
      index[i] = n;
      n += 1;
    }
  }
  return { ...record, background, regions, index, strides: [1, nx, nx * ny] };
}

async function whole(packed) {
  return Float32Array.from(await codes(packed.codes), (code) => (code === NOTHING ? NaN : code * packed.step));
}

// values of every package; those of others than the reference are packed as differences, which keep their digits
async function unpackedMap(map) {
  const base = await whole(map.backends[map.base]);
  const packages = await Promise.all(map.backends.map(async (packed, i) => {
    if (i === map.base) return { values: base };
    if (packed.whole) return { values: await whole(packed) };
    const [coded, alone] = await Promise.all([codes(packed.codes), codes(packed.alone)]);
    const values = base.slice();
    const difference = new Float32Array(base.length).fill(NaN);
    let n = 0;
    coded.forEach((code, place) => {
      if (code === NOTHING) values[place] = NaN;
      else if (code === ALONE) {
        values[place] = alone[n] * map.backends[map.base].step;
        n += 1;
      } else {
        difference[place] = code * packed.step;
        values[place] += difference[place];
      }
    });
    return { values, difference };
  }));
  return packages;
}

// values of each panel: the packages of a pair, and behind them their difference
function panelValues(packages, places, base) {
  if (!places) return [packages[0].values];
  const [one, two] = places.map((place) => packages[place]);
  const kept = places[1] === base ? one.difference : places[0] === base ? two.difference : null;
  const sign = places[1] === base ? 1 : -1;
  const difference = kept ? kept.map((value) => sign * value) : one.values.map((value, i) => value - two.values[i]);
  return [one.values, two.values, difference];
}

function shown(value, step) {
  if (Number.isNaN(value)) return "not analysed";
  const digits = Math.max(0, Math.min(6, -Math.round(Math.log10(step))));
  return value.toFixed(digits).replace("-", "−");
}

class Viewer {
  constructor(figure) {
    this.figure = figure;
    this.record = JSON.parse(figure.querySelector(".volumes").textContent);
    this.canvases = Array.from(figure.querySelectorAll(".panel"), (panel) => Array.from(panel.querySelectorAll("canvas")));
    this.unpacked = [];
    this.thresholds = [0];
    this.passing = null;
    this.which = 0;
    this.pair = 0;
    this.found = sceneOf(figure.dataset.scene);
    // its place is kept from the start, so that nothing moves when the slices come
    this.scene = this.found.record;
    figure.querySelector(".fallback").hidden = true;
    for (const name of [".controls", ".stage", ".place"]) figure.querySelector(name).hidden = false;
    this.canvases.flat().forEach((canvas) => this.size(canvas));
  }

  async start() {
    this.found.unpacked ??= unpackedScene(this.found.record);
    this.scene = await this.found.unpacked;
    this.voxel = this.record.maps[0].peaks[this.places[0]].slice();
    await this.choose(0);
    this.listen();
    this.draw();
    this.figure.dataset.ready = "";
  }

  get map() {
    return this.record.maps[this.which];
  }

  // places of the packages that are shown, in the lists of all of them
  get places() {
    return this.record.pairs.length ? this.record.pairs[this.pair].places : [0];
  }

  async choose(which, pair = this.pair) {
    for (const each of new Set([0, which])) {
      if (!this.unpacked[each]) this.unpacked[each] = await unpackedMap(this.record.maps[each]);
    }
    this.which = which;
    this.pair = pair;
    const places = this.record.pairs.length ? this.places : null;
    this.values = panelValues(this.unpacked[which], places, this.map.base);
    const slider = this.figure.querySelector(".threshold");
    slider.value = 0;
    this.cut();
    this.canvases.forEach((_, panel) => this.label(panel));
  }

  limit(panel) {
    return panel === 2 ? this.map.differences[this.pair].limit : this.map.limits[this.places[panel]];
  }

  target(name) {
    if (name === "farthest") return this.map.differences[this.pair].farthest;
    return this.map.peaks[this.places[name === "second" ? 1 : 0]];
  }

  name() {
    const titles = this.names();
    this.figure.querySelectorAll(".panel-title").forEach((title, panel) => {
      title.dataset.name = titles[panel];
      title.textContent = titles[panel];
    });
    this.canvases.forEach((planes, panel) => planes.forEach((canvas) => {
      canvas.setAttribute("aria-label", `${titles[panel]}, ${["sagittal", "coronal", "axial"][canvas.dataset.plane]} slice`);
    }));
    this.figure.querySelectorAll("[data-to]").forEach((button) => {
      if (button.dataset.to !== "farthest") button.textContent = `${titles[button.dataset.to === "second" ? 1 : 0]}'s peak`;
    });
  }

  names() {
    const titles = this.places.map((place) => this.record.titles[place]);
    return this.record.pairs.length ? [...titles, this.record.pairs[this.pair].title] : titles;
  }

  signed(panel) {
    return panel === 2 || this.map.signed;
  }

  label(panel) {
    const scale = this.figure.querySelectorAll(".scale")[panel];
    const limit = Number(this.limit(panel).toPrecision(2));
    const first = this.signed(panel) ? 0 : 128;
    const stops = [];
    for (let i = first; i < 256; i += 8) stops.push(`rgb(${COLOURS.slice(4 * i, 4 * i + 3).join(" ")})`);
    scale.querySelector("i").style.background = `linear-gradient(to right, ${stops.join(",")})`;
    scale.querySelector(".low").textContent = this.signed(panel) ? `−${limit}` : "0";
    scale.querySelector(".high").textContent = `${limit}`;
  }

  cut() {
    const share = Number(this.figure.querySelector(".threshold").value) / 100;
    this.thresholds = this.places.map((_, panel) => share * this.limit(panel));
    const letter = this.map.signed ? `|${this.map.name}|` : this.map.name;
    const words = Array.from(new Set(this.thresholds), (value) => value.toPrecision(2)).join(" and ");
    this.figure.querySelector(".cut").textContent = `${letter} = ${words}`;
  }

  size(canvas) {
    const plane = Number(canvas.dataset.plane);
    const [width, height] = [ACROSS[plane], UP[plane]].map((axis) => this.scene.shape[axis] * this.scene.sizes[axis]);
    const scale = PIXELS / Math.max(width, height);
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }

  listen() {
    const find = (name) => this.figure.querySelector(name);
    const stage = find(".stage");
    this.canvases.flat().forEach((canvas) => {
      const follow = (event) => this.point(canvas, event);
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        stage.focus({ preventScroll: true });
        follow(event);
      });
      canvas.addEventListener("pointermove", (event) => {
        if (event.buttons & 1) follow(event);
      });
    });
    stage.addEventListener("keydown", (event) => this.key(event));
    find(".threshold").addEventListener("input", () => {
      this.level("");
      this.cut();
      this.draw();
    });
    find(".level")?.addEventListener("change", (event) => {
      find(".threshold").value = 0;
      this.cut();
      this.level(event.target.value);
      this.draw();
    });
    find(".which")?.addEventListener("change", async (event) => {
      await this.choose(Number(event.target.value));
      this.draw();
    });
    find(".pair")?.addEventListener("change", async (event) => {
      await this.choose(this.which, Number(event.target.value));
      this.level("");
      this.name();
      this.draw();
    });
    this.figure.querySelectorAll("[data-to]").forEach((button) =>
      button.addEventListener("click", () => {
        this.voxel = this.target(button.dataset.to).slice();
        this.draw();
      }),
    );
  }

  point(canvas, event) {
    const plane = Number(canvas.dataset.plane);
    const box = canvas.getBoundingClientRect();
    const shares = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    [ACROSS[plane], UP[plane]].forEach((axis, i) => this.move(axis, Math.floor(shares[i] * this.scene.shape[axis])));
    this.draw();
  }

  key(event) {
    const moves = {
      ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1], PageDown: [2, -1], PageUp: [2, 1],
    };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [axis, direction] = moves[event.key];
    this.move(axis, this.voxel[axis] + direction * (event.shiftKey ? 5 : 1));
    this.draw();
  }

  move(axis, to) {
    this.voxel[axis] = Math.max(0, Math.min(this.scene.shape[axis] - 1, to));
  }

  draw() {
    this.canvases.forEach((planes, panel) => planes.forEach((canvas) => this.slice(canvas, panel)));
    this.tell();
  }

  slice(canvas, panel) {
    const plane = Number(canvas.dataset.plane);
    const [across, up] = [ACROSS[plane], UP[plane]];
    const [width, height] = [this.scene.shape[across], this.scene.shape[up]];
    const small = new OffscreenCanvas(width, height);
    const image = new ImageData(width, height);
    const start = this.voxel[plane] * this.scene.strides[plane];
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const voxel = start + row * this.scene.strides[up] + column * this.scene.strides[across];
        this.pixel(image.data, 4 * ((height - 1 - row) * width + column), voxel, panel);
      }
    }
    small.getContext("2d").putImageData(image, 0, 0);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    this.cross(context, canvas, plane);
  }

  pixel(data, at, voxel, panel) {
    const grey = (this.scene.background[voxel] / this.scene.greys) * 255;
    const place = this.scene.index[voxel];
    const value = place < 0 ? NaN : this.values[panel][place];
    let [colour, opacity] = [0, 0];
    if (!Number.isNaN(value) && this.passes(place, panel)) {
      const share = Math.max(-1, Math.min(1, value / this.limit(panel)));
      colour = 4 * Math.round(((share + 1) / 2) * 255);
      opacity = COLOURS[colour + 3] / 255;
    }
    for (let c = 0; c < 3; c += 1) data[at + c] = grey + (COLOURS[colour + c] - grey) * opacity;
    data[at + 3] = 255;
  }

  // voxels of the statistic, which is the first map, above each package's own height
  level(which) {
    const choice = this.figure.querySelector(".level");
    if (choice) choice.value = which;
    // of signed maps both tails; the statistic is the first map
    const heights = which === "" ? [] : this.places.map((place) => this.record.thresholds[which].heights[place]);
    const { name, signed, backends, base } = this.record.maps[0];
    // FDR's height is the smallest value that passes, which here is rounded to a step
    const reached = which !== "" && this.record.thresholds[which].title.startsWith("FDR");
    const sign = reached ? "≥" : ">";
    this.passing = which === "" ? null : heights.map((height, panel) => {
      const { step, whole: own } = backends[this.places[panel]];
      const slack = reached ? (own ? step : step + backends[base].step) / 2 : 0;
      const { values } = this.unpacked[0][this.places[panel]];
      return Uint8Array.from(values, (value) => height !== null && (signed ? Math.abs(value) : value) > height - slack);
    });
    this.figure.querySelectorAll(".panel-title").forEach((title, panel) => {
      title.dataset.name ??= title.textContent;
      const height = heights[panel];
      const words = height === undefined ? "" : height === null ? ": nothing passes"
        : `: ${signed ? `|${name}|` : name} ${sign} ${height.toFixed(2)}`;
      title.textContent = title.dataset.name + words;
    });
  }

  // the difference is shown where either package passes
  passes(place, panel) {
    if (this.passing) return panel < 2 ? this.passing[panel][place] : this.passing.some((passed) => passed[place]);
    if (!this.thresholds.some((threshold) => threshold > 0)) return true;
    return this.thresholds.some((threshold, i) => {
      const value = this.values[i][place];
      return (this.map.signed ? Math.abs(value) : value) >= threshold;
    });
  }

  // to how many digits a panel's values are known
  step(panel) {
    const { backends, base } = this.map;
    const own = this.places.map((place) => (backends[place].whole ? backends[place].step : backends[base].step));
    if (panel < 2) return own[panel];
    const beside = this.places.find((place) => !backends[place].whole);
    return this.places.includes(base) && beside !== undefined ? backends[beside].step : Math.max(...own);
  }

  cross(context, canvas, plane) {
    const [across, up] = [ACROSS[plane], UP[plane]];
    const x = ((this.voxel[across] + 0.5) / this.scene.shape[across]) * canvas.width;
    const y = (1 - (this.voxel[up] + 0.5) / this.scene.shape[up]) * canvas.height;
    context.strokeStyle = "#5be38a";
    context.lineWidth = 1.5;
    context.beginPath();
    for (const [a, b, c, d] of [[x, 0, x, y - 8], [x, y + 8, x, canvas.height], [0, y, x - 8, y], [x + 8, y, canvas.width, y]]) {
      context.moveTo(a, b);
      context.lineTo(c, d);
    }
    context.stroke();
    context.fillStyle = "#ffffff";
    context.font = "16px sans-serif";
    context.fillText(SIDES[plane][0], 4, canvas.height - 6);
    context.fillText(SIDES[plane][1], canvas.width - 16, canvas.height - 6);
  }

  region(voxel) {
    if (!this.scene.regions) return "";
    const number = this.scene.regions[voxel];
    return `. Region: ${number ? this.scene.region_names[number - 1] : "none"}`;
  }

  tell() {
    const mm = [0, 1, 2].map((row) => {
      const [a, b, c, d] = this.scene.affine[row];
      return (a * this.voxel[0] + b * this.voxel[1] + c * this.voxel[2] + d).toFixed(1).replace(/\.0$/, "").replace(/^-0$/, "0").replace("-", "−");
    });
    const [i, j, k] = this.voxel;
    const voxel = i + this.scene.strides[1] * j + this.scene.strides[2] * k;
    const place = this.scene.index[voxel];
    const titles = [...this.names().slice(0, 2), "difference"].slice(0, this.values.length === 1 ? 1 : 3);
    const words = this.values.map((values, panel) => {
      const step = this.step(panel);
      return `${titles[panel]} ${place < 0 ? "not analysed" : shown(values[place], step)}`;
    });
    this.figure.querySelector(".place").textContent = `x ${mm[0]}, y ${mm[1]}, z ${mm[2]} mm: ${this.map.name} ${words.join(", ")}${this.region(voxel)}`;
  }
}

// unpacked when they come near, so that a page of many contrasts opens at once
const viewers = new Map();
const waiting = new IntersectionObserver(
  (entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      waiting.unobserve(entry.target);
      viewers.get(entry.target).start();
    });
  },
  { rootMargin: "800px" },
);
if ("DecompressionStream" in window && "OffscreenCanvas" in window) {
  document.querySelectorAll(".viewer").forEach((figure) => {
    viewers.set(figure, new Viewer(figure));
    waiting.observe(figure);
  });
}
