// Goodness of fit: clouds of residuals and predictions, the η, and tests.
const WEEKS = [0.1, 0.25, 0.5, 1, 2, 4, 7, 14, 28, 56, 84, 112, 168, 364];

function describeRow(row, extra) {
  const s = subjectOf[row];
  const a = ANALYTES.findIndex((one) => one.dvid === observed.DVID[row]);
  return [`Subject ${ids[s]}`, `day ${digits(observed.TIME[row], 4)}: ${digits(observed.DV[row])} ${ANALYTES[a].unit}`, extra];
}

function goodnessSection() {
  if (!present.length) return;
  const place = make("div", { class: "charts" });
  const whose = make("h3");
  const state = { analyte: present[0], log: true };
  const pick = (rows, name) => rows.map((i) => (observed[name] ? observed[name][i] : NaN));
  const draw = () => {
    forget(place);
    place.replaceChildren();
    const a = ANALYTES[state.analyte];
    whose.textContent = a.title;
    const all = rowsOfAnalyte[state.analyte];
    const rows = all.filter((i) => observed.CENS[i] === 0);
    const add = (title, name, options) => {
      if (options.y.some(isNumber)) {
        const host = figure(title);
        place.append(host);
        cloud(host, { label: `${title}, ${a.title}`, open: (row) => patients.open(subjectOf[row], true), median: true, ...options });
      }
    };
    const concentrations = { rows, xLog: state.log, yLog: state.log, same: true, identity: true, yTitle: `Observed (${a.unit})` };
    for (const [name, title] of [["PRED", "Observed against population prediction"], ["IPRED", "Observed against individual prediction"]]) {
      const x = pick(rows, name);
      add(title, name, { ...concentrations, x, y: pick(rows, "DV"), xTitle: `${name} (${a.unit})`, text: (r) => describeRow(r, `${name} ${digits(observed[name][r])}`) });
    }
    const kind = hasNumbers(pick(all, "CWRES")) ? "CWRES" : "WRES";
    const residual = (name, against, title, xTitle, xLog) =>
      add(title, name, {
        rows: all,
        x: pick(all, against),
        y: pick(all, name),
        xTitle,
        xStep: against === "TIME" ? WEEKS : null,
        yTitle: name,
        xLog,
        lines: [-1.96, 0, 1.96],
        text: (r) => describeRow(r, `${name} ${fixed(observed[name][r], 2)}`),
      });
    residual(kind, "TIME", `${kind} against time`, "Time (days)", false);
    residual(kind, "PRED", `${kind} against population prediction`, `PRED (${a.unit})`, true);
    const iwres = pick(all, "IWRES");
    add("Absolute IWRES against individual prediction", "IWRES", {
      rows: all,
      x: pick(all, "IPRED"),
      y: iwres.map(Math.abs),
      xTitle: `IPRED (${a.unit})`,
      yTitle: "|IWRES|",
      xLog: true,
      lines: [0],
      text: (r) => describeRow(r, `IWRES ${fixed(observed.IWRES[r], 2)}`),
    });
    if (hasNumbers(pick(all, "NPDE"))) {
      residual("NPDE", "TIME", "NPDE against time", "Time (days)", false);
      residual("NPDE", "PRED", "NPDE against population prediction", `PRED (${a.unit})`, true);
    }
    const quantiles = hasNumbers(pick(all, "NPDE")) ? ["NPDE", kind] : [kind];
    for (const name of quantiles) {
      const order = all.filter((i) => isNumber(observed[name][i])).sort((i, j) => observed[name][i] - observed[name][j]);
      const n = order.length;
      if (n < 3) continue;
      add(`${name} against normal quantiles`, name, {
        rows: order,
        x: order.map((_, i) => normalQuantile((i + 0.5) / n)),
        y: order.map((i) => observed[name][i]),
        xTitle: "Normal quantile",
        yTitle: name,
        same: true,
        identity: true,
        median: false,
        text: (r) => describeRow(r, `${name} ${fixed(observed[name][r], 2)}`),
      });
    }
  };
  const controls = make(
    "div",
    { class: "controls" },
    choice("Analyte", present.map((a) => ANALYTES[a].title), (i) => {
      state.analyte = present[i];
      draw();
    }),
    choice("Scale of concentrations", ["Logarithmic", "Linear"], (i) => {
      state.log = i === 0;
      draw();
    }),
  );
  const element = section("goodness", "Goodness of fit", controls, whose, legend(["dot", "observation"], ["line fit", "running median"], ["line dash", "line of identity, ±1.96"]), place);
  element.append(
    note("Click a point to see its subject. Drag to zoom, double-click for all; with the keyboard + − and 0. Censored observations have no residual but NPDE."),
    ...tests(),
  );
  draw();
  etaSection();
}

function tests() {
  const t = story.tables.diagnostics;
  if (!t) return [];
  const rows = t.residual.map((kind, i) => [kind, t.analyte[i] === "all" ? "all" : nameOf(t.analyte[i]), t.n[i].toLocaleString("en"), fixed(t.mean[i], 3), pValue(t.mean_p[i]), fixed(t.sd[i], 3), pValue(t.variance_p[i]), percent(t.outside_196[i]), pValue(t.normality_p[i]), pValue(t.time_p[i]), pValue(t.pred_p[i])]);
  return [
    grid([text("Residual"), text("Analyte"), number("n"), number("Mean"), number("p (0)"), number("SD"), number("p (1)"), number("Beyond ±1.96"), number("p (normal)"), number("p (no trend, time)"), number("p (no trend, PRED)")], rows, "Tests of residuals"),
    note("Two-sided, taking residuals as independent, not corrected for their number: with thousands of observations good models are rejected too. IWRES has a standard deviation below one because the fit follows its own data."),
  ];
}

function etaSection() {
  if (!estimated.length || count < 3) return;
  const grids = [];
  const histograms = make("div", { class: "charts small" });
  for (const p of estimated) {
    const eta = numbers("individuals", `ETA_${p.name}`);
    const known = eta.filter(isNumber);
    if (known.length < 3) continue;
    const host = figure(p.name);
    histograms.append(host);
    const sd = isNumber(p.omega_sd) ? p.omega_sd : deviation(known);
    const bins = Math.min(40, Math.max(6, Math.ceil(Math.sqrt(known.length)) + 3));
    const [low, high] = around(extent(known.concat([-2.6 * sd, 2.6 * sd])), false, 0);
    const edges = Array.from({ length: bins + 1 }, (_, i) => low + ((high - low) * i) / bins);
    const heights = Array(bins).fill(0);
    known.forEach((v) => {
      heights[Math.min(bins - 1, Math.floor(((v - low) / (high - low)) * bins))] += bins / (high - low) / known.length;
    });
    const bell = Array.from({ length: 121 }, (_, i) => {
      const x = low + ((high - low) * i) / 120;
      return [x, Math.exp(-0.5 * (x / sd) ** 2) / sd / Math.sqrt(2 * Math.PI)];
    });
    chart(host, {
      label: `Distribution of η of ${p.name} over ${known.length} subjects: mean ${fixed(mean(known), 2)}, standard deviation ${fixed(deviation(known), 2)}, population ${fixed(p.omega_sd, 2)}`,
      height: 190,
      x: { title: `η of ${p.name}`, range: [low, high], room: 0 },
      y: { title: "Density", range: [0, Math.max(...heights, ...bell.map((b) => b[1]))] },
      draw(c) {
        c.bars(edges, heights, alpha(c.colors.fit, 0.35), alpha(c.colors.fit, 0.8));
        if (isNumber(p.omega_sd)) c.line(bell, c.colors.second, 2);
      },
    });
  }
  grids.push(make("h3", {}, "Distribution of η"), legend(["bar", "subjects' η̂"], ["line second", "population N(0, ω²)"]), histograms);
  if (covariates.length) {
    const place = make("div", { class: "charts small" });
    const draw = (k) => {
      forget(place);
      place.replaceChildren();
      const name = covariates[k];
      const x = numbers("individuals", name);
      const [low, high] = extent(x) || [1, 1];
      for (const p of estimated) {
        const host = figure(p.name);
        place.append(host);
        cloud(host, {
          label: `η of ${p.name} against ${name}`,
          rows: ids.map((_, i) => i),
          x,
          y: numbers("individuals", `ETA_${p.name}`),
          xTitle: withUnit(name),
          yTitle: `η of ${p.name}`,
          xLog: low > 0 && high / low > 5,
          lines: [0],
          median: count >= 60,
          height: 200,
          text: (i) => [`Subject ${ids[i]}`, `${name} ${digits(x[i])}`],
          open: (i) => patients.open(i, true),
        });
      }
    };
    grids.push(make("h3", {}, "η against covariates"), make("div", { class: "controls" }, choice("Covariate", covariates.map(withUnit), draw)), place);
    draw(0);
  }
  if (estimated.length > 1 && count > 5) {
    const etas = estimated.map((p) => numbers("individuals", `ETA_${p.name}`));
    const r = (a, b) => {
      const both = a.map((v, i) => [v, b[i]]).filter(([v, w]) => isNumber(v) && isNumber(w));
      const [ma, mb] = [mean(both.map((v) => v[0])), mean(both.map((v) => v[1]))];
      const sum = (f) => both.reduce((s, v) => s + f(v), 0);
      return sum(([v, w]) => (v - ma) * (w - mb)) / Math.sqrt(sum(([v]) => (v - ma) ** 2) * sum(([, w]) => (w - mb) ** 2));
    };
    const rows = estimated.map((p, i) => [
      make("code", {}, p.name),
      ...etas.map((other, j) => {
        if (j >= i) return "";
        const value = r(etas[i], other);
        const cell = make("span", { class: "cell" }, fixed(value, 2));
        cell.style.background = `color-mix(in srgb, var(--${value < 0 ? "seen" : "fit"}) ${Math.round(60 * Math.abs(value))}%, transparent)`;
        return cell;
      }),
    ]);
    grids.push(make("h3", {}, "Correlations of η̂"), grid([text(""), ...estimated.map((p) => number(p.name))], rows, "Correlations of the subjects' η"));
  }
  section("eta", "Random effects", ...grids);
}
