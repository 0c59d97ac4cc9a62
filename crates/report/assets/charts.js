// Charts: uPlot places axes, scales, cursor and zoom; what is in a chart is drawn here.
const charts = [];
const theme = () => {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  return Object.fromEntries(
    ["fit", "seen", "target", "typical", "ink", "muted", "grid", "axis", "paper", "second"].map((name) => [name, get(name)]),
  );
};
const alpha = (color, part) => color + Math.round(255 * part).toString(16).padStart(2, "0");
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif';

// Room around a range, in the space of its axis.
function around(range, log, part = 0.04) {
  let [low, high] = range || [log ? 1 : 0, log ? 10 : 1];
  if (log) {
    if (high / low < 2) {
      low /= 1.5;
      high *= 1.5;
    }
    const room = (high / low) ** part;
    return [low / room, high * room];
  }
  if (high - low < 1e-9 * Math.max(1, Math.abs(high))) {
    low -= 0.5;
    high += 0.5;
  }
  const room = part * (high - low);
  return [low - room, high + room];
}

// Ticks of a log axis: decades, and 2 and 5 where decades are few.
function logTicks(low, high, most) {
  const decades = Math.log10(high / low);
  const ticks = [];
  const steps = decades < 2.2 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / most));
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e += 1) {
    for (const m of steps) {
      const v = Number(`${m}e${e}`);
      if (v >= low && v <= high && (m > 1 || e % stride === 0)) ticks.push(v);
    }
  }
  return ticks;
}
const tickLabel = (v) =>
  v === 0 ? "0" : Math.abs(v) >= 1e5 || Math.abs(v) < 1e-3 ? digits(v, 1) : String(Number(v.toPrecision(6))).replace("-", "−");

// A chart. `spec`: label (said to who cannot see it), x and y { title, range, log, step }, height, draw(painter),
// hover(event position, chart) -> { x, y, text } or null, click(hit), steps (x values for the arrow keys), sync.
function chart(host, spec) {
  const plot = make("div", { class: "plot", tabindex: "0", role: "img", "aria-label": spec.label });
  const tip = make("output", { class: "tip", hidden: "" });
  host.append(plot);
  plot.style.minHeight = `${spec.height}px`;
  const full = { x: around(spec.x.range, spec.x.log, spec.x.room ?? 0.02), y: around(spec.y.range, spec.y.log) };
  const own = { u: null, hit: null, at: -1 };
  const axis = (which) => {
    const colors = theme();
    const log = spec[which].log;
    return {
      scale: which,
      label: spec[which].title,
      labelFont: FONT,
      font: FONT,
      labelSize: 18,
      labelGap: which === "x" ? 0 : 2,
      gap: 4,
      size: which === "x" ? 34 : 52,
      stroke: colors.muted,
      grid: { stroke: colors.grid, width: 1 },
      ticks: { stroke: colors.axis, width: 1, size: 5 },
      ...(log ? { splits: (u, i, low, high) => logTicks(low, high, which === "x" ? 8 : 6), filter: (u, splits) => splits } : {}),
      ...(spec[which].step ? { incrs: spec[which].step } : {}),
      values: (u, splits) => splits.map((v) => (v === null ? "" : tickLabel(v))),
    };
  };
  const scale = (which) => ({
    time: false,
    auto: false,
    distr: spec[which].log ? 3 : 1,
    range: (u, low, high) => (isNumber(low) && isNumber(high) && low < high ? [low, high] : full[which]),
  });
  const reset = () => {
    own.u.batch(() => {
      own.u.setScale("x", { min: full.x[0], max: full.x[1] });
      own.u.setScale("y", { min: full.y[0], max: full.y[1] });
    });
  };
  const show = (hit) => {
    own.hit = hit;
    tip.hidden = !hit;
    plot.classList.toggle("hit", !!hit && !!spec.click);
    if (!hit) return;
    tip.replaceChildren(...[].concat(hit.text).map((line) => make("span", {}, line)));
    const left = own.u.valToPos(hit.x, "x");
    const top = isNumber(hit.y) ? own.u.valToPos(hit.y, "y") : 10;
    const width = own.u.over.clientWidth;
    tip.style.transform = `translate(${left > width / 2 ? "calc(-100% - 12px)" : "12px"}, -50%)`;
    tip.style.left = `${left}px`;
    tip.style.top = `${Math.min(Math.max(top, 24), own.u.over.clientHeight - 24)}px`;
  };
  const zoom = (part) => {
    const { min, max } = own.u.scales.x;
    const middle = own.hit ? own.hit.x : (min + max) / 2;
    own.u.setScale("x", { min: middle - (middle - min) * part, max: middle + (max - middle) * part });
  };
  const step = (by) => {
    if (!spec.steps || !spec.steps.length) return;
    own.at = Math.min(Math.max(own.at < 0 ? (by > 0 ? 0 : spec.steps.length - 1) : own.at + by, 0), spec.steps.length - 1);
    show(spec.hover(spec.steps[own.at], NaN, own.u));
  };
  const keys = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), "+": () => zoom(0.7), "-": () => zoom(1 / 0.7), 0: reset };
  plot.addEventListener("keydown", (event) => {
    if (own.u && keys[event.key] && !event.ctrlKey && !event.altKey && !event.metaKey) {
      keys[event.key]();
      event.preventDefault();
      event.stopPropagation();
    }
  });
  plot.addEventListener("blur", () => show(null));
  const build = (width) => {
    if (own.u) own.u.destroy();
    const colors = theme();
    const opts = {
      width,
      height: spec.height,
      pxAlign: 0,
      legend: { show: false },
      padding: [10, 10, 0, 0],
      scales: { x: scale("x"), y: scale("y") },
      axes: [axis("x"), axis("y")],
      series: [{}, { scale: "y", paths: () => null, points: { show: false } }],
      cursor: {
        points: { show: false },
        x: !!spec.sync,
        y: false,
        sync: spec.sync ? { key: spec.sync, setSeries: false, scales: ["x", null] } : undefined,
        drag: spec.sync ? { x: true, y: false } : { x: true, y: true, uni: 24 },
        bind: { dblclick: () => reset },
      },
      hooks: {
        draw: [
          (u) => {
            const ctx = u.ctx;
            const ratio = uPlot.pxRatio;
            const { left, top, width: across, height: down } = u.bbox;
            ctx.save();
            ctx.beginPath();
            ctx.rect(left, top, across, down);
            ctx.clip();
            spec.draw(painter(u, ctx, ratio, colors));
            ctx.restore();
          },
        ],
        setCursor: [
          (u) => {
            const { left, top } = u.cursor;
            if (!spec.hover || left < 0 || document.activeElement === plot && own.at >= 0 && top < 0) {
              show(null);
              return;
            }
            own.at = -1;
            show(spec.hover(u.posToVal(left, "x"), u.posToVal(top, "y"), u));
          },
        ],
      },
    };
    plot.replaceChildren();
    own.u = new uPlot(opts, [full.x, [null, null]], plot);
    own.u.over.append(tip);
    reset();
    if (spec.click) own.u.over.addEventListener("click", () => own.hit && spec.click(own.hit));
    plot.dataset.drawn = "yes";
  };
  const entry = {
    host,
    drawn: false,
    width: 0,
    draw(width = plot.clientWidth) {
      if (width < 80 || (entry.drawn && width === entry.width)) return;
      entry.drawn = true;
      entry.width = width;
      build(width);
    },
    redraw() {
      if (entry.drawn) build(entry.width);
    },
  };
  charts.push(entry);
  watcher.observe(plot);
  plot.chartEntry = entry;
  return entry;
}

// Charts are drawn when they come near the window, and again when their place changes its width.
const watcher = new IntersectionObserver(
  (seen) => {
    for (const { target, isIntersecting } of seen) {
      if (isIntersecting) target.chartEntry.draw();
    }
  },
  { rootMargin: "400px" },
);
let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => charts.forEach((c) => c.drawn && c.host.isConnected && c.draw()), 150);
});
const forget = (host) => {
  for (let i = charts.length - 1; i >= 0; i -= 1) {
    if (host.contains(charts[i].host)) charts.splice(i, 1);
  }
};

// What draws in the chart's own values.
function painter(u, ctx, ratio, colors) {
  const X = (v) => u.valToPos(v, "x", true);
  const Y = (v) => u.valToPos(v, "y", true);
  const place = (x, y) => isNumber(x) && isNumber(y) && (u.scales.y.distr !== 3 || y > 0) && (u.scales.x.distr !== 3 || x > 0);
  const { left, top, width, height } = u.bbox;
  return {
    colors,
    line(points, color, size = 1.8, dash = []) {
      ctx.beginPath();
      let open = false;
      for (const [x, y] of points) {
        if (place(x, y)) {
          if (open) ctx.lineTo(X(x), Y(y));
          else ctx.moveTo(X(x), Y(y));
          open = true;
        } else open = false;
      }
      ctx.strokeStyle = color;
      ctx.lineWidth = size * ratio;
      ctx.lineJoin = "round";
      ctx.setLineDash(dash.map((d) => d * ratio));
      ctx.stroke();
      ctx.setLineDash([]);
    },
    // A path in the order of its points, an arrow in the middle of each way, and what a point says.
    trail(points, color) {
      this.line(points, color, 1.8);
      this.dots(points, color, 2.6);
      ctx.fillStyle = color;
      for (let i = 1; i < points.length; i += 1) {
        const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]].map(([x, y]) => [X(x), Y(y)]);
        const length = Math.hypot(x1 - x0, y1 - y0);
        const long = 9 * ratio;
        if (!(length > 1.5 * long)) continue;
        const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
        const [x, y] = [(x0 + x1) / 2 + (long / 2) * ux, (y0 + y1) / 2 + (long / 2) * uy];
        ctx.beginPath();
        ctx.moveTo(x, y);
        ctx.lineTo(x - long * ux - 0.4 * long * uy, y - long * uy + 0.4 * long * ux);
        ctx.lineTo(x - long * ux + 0.4 * long * uy, y - long * uy - 0.4 * long * ux);
        ctx.fill();
      }
      ctx.font = FONT.replace("12px", `${11 * ratio}px`);
      ctx.fillStyle = colors.ink;
      ctx.textAlign = "left";
      ctx.textBaseline = "bottom";
      for (const [x, y, words] of points) if (words && place(x, y)) ctx.fillText(words, X(x) + 5 * ratio, Y(y) - 3 * ratio);
    },
    // The area between two curves, broken where one is missing.
    ribbon(points, color) {
      ctx.fillStyle = color;
      let part = [];
      const close = () => {
        if (part.length > 1) {
          ctx.beginPath();
          part.forEach(([x, low], i) => (i ? ctx.lineTo(X(x), Y(low)) : ctx.moveTo(X(x), Y(low))));
          part.reverse().forEach(([x, , high]) => ctx.lineTo(X(x), Y(high)));
          ctx.fill();
        }
        part = [];
      };
      for (const point of points) {
        if (place(point[0], point[1]) && place(point[0], point[2])) part.push(point);
        else close();
      }
      close();
    },
    dots(points, color, radius, rim) {
      ctx.beginPath();
      for (const [x, y] of points) {
        if (!place(x, y)) continue;
        const [px, py] = [X(x), Y(y)];
        ctx.moveTo(px + radius * ratio, py);
        ctx.arc(px, py, radius * ratio, 0, 2 * Math.PI);
      }
      ctx.fillStyle = color;
      ctx.fill();
      if (rim) {
        ctx.strokeStyle = rim;
        ctx.lineWidth = ratio;
        ctx.stroke();
      }
    },
    // Censored observations: a hollow triangle at the limit that points to where the value lies.
    arrows(points, color) {
      ctx.strokeStyle = color;
      ctx.lineWidth = 1.4 * ratio;
      const r = 4.5 * ratio;
      for (const [x, y, side] of points) {
        if (!place(x, y)) continue;
        const [px, py] = [X(x), Y(y)];
        ctx.beginPath();
        ctx.moveTo(px - r, py);
        ctx.lineTo(px + r, py);
        ctx.lineTo(px, py - side * 1.7 * r);
        ctx.closePath();
        ctx.stroke();
      }
    },
    across(y, color, dash = [], label = "") {
      if (!place(u.scales.x.min, y) && u.scales.y.distr === 3 && !(y > 0)) return;
      this.line([[u.scales.x.min, y], [u.scales.x.max, y]], color, 1.3, dash);
      if (label) {
        ctx.font = FONT.replace("12px", `${11 * ratio}px`);
        ctx.fillStyle = color;
        ctx.textAlign = "right";
        ctx.textBaseline = "bottom";
        ctx.fillText(label, left + width - 4 * ratio, Y(y) - 2 * ratio);
      }
    },
    field(from, to, color) {
      ctx.fillStyle = color;
      ctx.fillRect(X(from), top, X(to) - X(from), height);
    },
    // Small triangles along the top: doses.
    doses(times, color) {
      ctx.fillStyle = color;
      for (const time of times) {
        const x = X(time);
        ctx.beginPath();
        ctx.moveTo(x - 4 * ratio, top + ratio);
        ctx.lineTo(x + 4 * ratio, top + ratio);
        ctx.lineTo(x, top + 8 * ratio);
        ctx.fill();
      }
    },
    // Ranges along the floor, told apart by their ends: bins.
    rug(ranges, color) {
      ctx.strokeStyle = color;
      ctx.lineWidth = 1.4 * ratio;
      ctx.beginPath();
      for (const [from, to] of ranges) {
        const y = top + height - 4 * ratio;
        for (const x of [X(from), X(to)]) {
          ctx.moveTo(x, y - 4 * ratio);
          ctx.lineTo(x, y + 4 * ratio);
        }
        ctx.moveTo(X(from), y);
        ctx.lineTo(X(to), y);
      }
      ctx.stroke();
    },
    bars(edges, heights, color, rim) {
      ctx.fillStyle = color;
      ctx.strokeStyle = rim;
      ctx.lineWidth = ratio;
      heights.forEach((h, i) => {
        const x = X(edges[i]);
        ctx.fillRect(x, Y(h), X(edges[i + 1]) - x, Y(0) - Y(h));
        ctx.strokeRect(x, Y(h), X(edges[i + 1]) - x, Y(0) - Y(h));
      });
    },
  };
}

// A cloud of points that can be asked and followed. `points`: x, y and the row each comes from.
function cloud(host, { label, x, y, rows, xTitle, xStep, yTitle, xLog, yLog, same, lines = [], identity, median, text, open, height = 300 }) {
  const fits = (v, log) => isNumber(v) && (!log || v > 0);
  const kept = [...x.keys()].filter((i) => fits(x[i], xLog) && fits(y[i], yLog));
  const points = kept.map((i) => [x[i], y[i]]);
  let xRange = extent(kept.map((i) => x[i]));
  let yRange = extent(kept.map((i) => y[i]).concat(yLog ? [] : lines));
  if (same && xRange) xRange = yRange = extent([...xRange, ...yRange]);
  const radius = points.length > 4000 ? 1.6 : points.length > 600 ? 2.2 : 3;
  const part = points.length > 4000 ? 0.3 : points.length > 600 ? 0.45 : 0.7;
  const along = median ? guide(kept.map((i) => x[i]), kept.map((i) => y[i])) : [];
  chart(host, {
    label: `${label}: ${plural(points.length, "point")}`,
    height,
    x: { title: xTitle, range: xRange, log: xLog, step: xStep },
    y: { title: yTitle, range: yRange, log: yLog },
    draw(p) {
      p.dots(points, alpha(p.colors.seen, part), radius);
      for (const y of lines) p.across(y, p.colors.muted, y ? [5, 4] : []);
      if (identity && xRange) p.line([[xRange[0], xRange[0]], [xRange[1], xRange[1]]], p.colors.ink, 1.2, [6, 4]);
      if (along.length) p.line(along, p.colors.fit, 2.2);
    },
    hover(px, py, u) {
      const [cx, cy] = [u.valToPos(px, "x"), u.valToPos(py, "y")];
      let best = null;
      let least = 14 ** 2;
      points.forEach(([a, b], i) => {
        const d = (u.valToPos(a, "x") - cx) ** 2 + (u.valToPos(b, "y") - cy) ** 2;
        if (d < least) {
          least = d;
          best = i;
        }
      });
      return best === null ? null : { x: points[best][0], y: points[best][1], text: text(rows[kept[best]]), row: rows[kept[best]] };
    },
    click: open ? (hit) => open(hit.row) : null,
  });
  const left = x.length - kept.length;
  if (left) host.append(make("p", { class: "remark" }, `${plural(left, "point")} without a place on these axes`));
}
