// Predictive checks by simulation, and how free IgE was held down.
function predictiveSection() {
  const t = story.tables.vpc;
  if (!t) return;
  const strata = [...new Set(t.stratum)];
  const forms = [...new Set(t.corrected)].sort();
  const state = { stratum: strata[0], corrected: forms[0] };
  const place = make("div", { class: "charts three" });
  const draw = () => {
    forget(place);
    place.replaceChildren();
    for (const a of present) {
      const rows = t.analyte.map((_, i) => i).filter((i) => t.analyte[i] === ANALYTES[a].key && t.stratum[i] === state.stratum && t.corrected[i] === state.corrected);
      if (rows.length) check(place, a, rows, state.corrected === 1);
    }
  };
  const check1 = story.check || {};
  const band = percent(check1.level ?? 0.9, 0);
  const statistics = [...new Set(t.statistic)].filter((s) => s.startsWith("p")).map((s) => Number(s.slice(1)));
  const controls = make(
    "div",
    { class: "controls" },
    forms.length > 1 ? choice("Form", ["As observed", "Prediction-corrected"], (i) => ((state.corrected = forms[i]), draw())) : null,
    strata.length > 1 ? choice("Stratum", strata.map(clean), (i) => ((state.stratum = strata[i]), draw())) : null,
  );
  const words = [`${check1.replicates ? check1.replicates.toLocaleString("en") : "Many"} simulations of the trial (seed ${check1.seed ?? "unknown"}).`];
  words.push(`In each bin, marked along the axis, the percentiles ${statistics.join(", ")} of the observations stand beside the ${band} bands of the same percentiles of the simulated trials.`);
  const element = section("vpc", "Predictive checks", controls, legend(["dot", "observation"], ["line seen", "percentile observed"], ["band", `${band} band simulated`], ["line fitdash", "median simulated"]), place, note(words.join(" ")));
  const n = story.tables.npc;
  if (n) {
    const side = (name, i) => [percent(n[name][i]), `${fixed(100 * n[`${name}_low`][i], 1)} – ${fixed(100 * n[`${name}_high`][i], 1)} %`];
    const outside = (name, i) => n[name][i] < n[`${name}_low`][i] || n[name][i] > n[`${name}_high`][i];
    const rows = n.analyte.map((key, i) => [nameOf(key), percent(n.interval[i], 0), n.n[i].toLocaleString("en"), percent(n.expected[i]), ...side("below", i), ...side("above", i), outside("below", i) || outside("above", i) ? make("strong", { class: "mark" }, "outside") : ""]);
    element.append(grid([text("Analyte"), number("Interval"), number("n"), number("Expected each side"), number("Below"), number("band"), number("Above"), number("band"), text("")], rows, "Numerical predictive check: observations outside their prediction interval"));
  }
  draw();
}

function check(place, a, rows, corrected) {
  const t = story.tables.vpc;
  const analyte = ANALYTES[a];
  const by = (statistic) => rows.filter((i) => t.statistic[i] === statistic).sort((i, j) => t.bin[i] - t.bin[j]);
  const names = [...new Set(rows.map((i) => t.statistic[i]))];
  const percentiles = names.filter((s) => s.startsWith("p"));
  const host = figure(`${analyte.title}${corrected ? ", prediction-corrected" : ""}${t.stratum[rows[0]] === "all" ? "" : `, ${clean(t.stratum[rows[0]])}`}`);
  place.append(host);
  const values = rows.filter((i) => t.statistic[i].startsWith("p"));
  const range = extent(values.flatMap((i) => [t.observed[i], t.simulated_low[i], t.simulated_high[i]]).filter((v) => v > 0));
  const bins = by(percentiles[0]);
  const x = { title: "Days after the first dose", range: extent(bins.flatMap((i) => [t.time_from[i], t.time_to[i]])), room: 0.03, step: WEEKS };
  // Single bins have no width to draw a band across.
  const along = (own) => (own.length > 1 ? own.map((i) => [t.time_median[i], i]) : own.flatMap((i) => [[x.range[0] - 1, i], [x.range[0] + 1, i]]));
  const dots = corrected || rows.some((i) => t.stratum[i] !== "all") ? [] : rowsOfAnalyte[a].filter((i) => observed.CENS[i] === 0).map((i) => [afterFirstDose(i), observed.DV[i]]);
  const near = (time) => bins.reduce((best, i) => (Math.abs(t.time_median[i] - time) < Math.abs(t.time_median[best] - time) ? i : best), bins[0]);
  chart(host, {
    label: `Visual predictive check of ${analyte.title} in ${bins.length} bins`,
    height: 320,
    x,
    y: { title: `${analyte.title} (${analyte.unit})`, range: extent([...(range || []), ...dots.map((d) => d[1]).filter((v) => v > 0)]), log: true },
    steps: bins.map((i) => t.time_median[i]),
    draw(c) {
      c.rug(bins.map((i) => [t.time_from[i], t.time_to[i]]), c.colors.axis);
      percentiles.forEach((s) => {
        const middle = Math.abs(Number(s.slice(1)) - 50) < 1;
        c.ribbon(along(by(s)).map(([time, i]) => [time, t.simulated_low[i], t.simulated_high[i]]), alpha(middle ? c.colors.second : c.colors.fit, 0.28));
      });
      c.dots(dots, alpha(c.colors.muted, dots.length > 3000 ? 0.18 : 0.35), 1.6);
      percentiles.forEach((s) => {
        const own = by(s);
        c.line(along(own).map(([time, i]) => [time, t.simulated_median[i]]), c.colors.fit, 1, [4, 3]);
        c.line(own.map((i) => [t.time_median[i], t.observed[i]]), c.colors.seen, 1.8);
        c.dots(own.map((i) => [t.time_median[i], t.observed[i]]), c.colors.seen, 2.6);
      });
    },
    hover(time) {
      const bin = t.bin[near(time)];
      const own = percentiles.map((s) => by(s).find((i) => t.bin[i] === bin)).filter((i) => i !== undefined);
      const i = own[0];
      const span = t.time_from[i] === t.time_to[i] ? `day ${digits(t.time_from[i])}` : `days ${digits(t.time_from[i])} to ${digits(t.time_to[i])}`;
      return {
        x: t.time_median[i],
        y: NaN,
        text: [`Bin ${bin}: ${span}, n = ${t.n[i]}`, ...own.map((j) => `${Number(t.statistic[j].slice(1))} %: ${digits(t.observed[j])}; simulated ${digits(t.simulated_low[j])} – ${digits(t.simulated_high[j])}`)],
      };
    },
  });
  for (const s of names.filter((name) => !name.startsWith("p"))) {
    const own = by(s);
    const part = figure(`${analyte.title}: part ${s === "below" ? "below the LLOQ" : "above the ULOQ"}`);
    place.append(part);
    chart(part, {
      label: `Part of ${analyte.title} ${s} the limit of quantification`,
      height: 220,
      x,
      y: { title: "Part of observations", range: [0, Math.max(...own.map((i) => Math.max(t.observed[i], t.simulated_high[i])), 0.05)] },
      draw(c) {
        c.ribbon(along(own).map(([time, i]) => [time, t.simulated_low[i], t.simulated_high[i]]), alpha(c.colors.fit, 0.28));
        c.line(along(own).map(([time, i]) => [time, t.simulated_median[i]]), c.colors.fit, 1, [4, 3]);
        c.line(own.map((i) => [t.time_median[i], t.observed[i]]), c.colors.seen, 1.8);
        c.dots(own.map((i) => [t.time_median[i], t.observed[i]]), c.colors.seen, 2.6);
      },
    });
  }
}

// Days from the subject's first dose to an observation, as the checks count them.
function afterFirstDose(row) {
  const packed = story.courses.subjects[subjectOf[row]];
  const first = packed && packed.doses.length ? packed.doses[0][0] : packed ? packed.start : 0;
  return observed.TIME[row] - first;
}

function suppressionSection() {
  const held = numbers("individuals", "days_below_target");
  const s = story.suppression;
  if (!hasNumbers(held)) return;
  const target = run.options.target_ng_ml;
  const body = [];
  if (s.time.length > 1 && count >= 20) {
    const host = figure(`Free IgE of ${plural(count, "subject")}`, "full");
    body.push(legend(["line fit", "median"], ["band dark", "25–75 % of subjects"], ["band", "5–95 % of subjects"], ["line target", `target ${target} ng/mL`]), make("div", { class: "charts one" }, host));
    const treated = Math.max(...story.courses.subjects.flatMap((c) => (c.doses.length ? [c.doses[c.doses.length - 1][0] - c.start] : [])));
    chart(host, {
      label: `Percentiles of free IgE over time: median ${digits(s.values[2][0])} ng/mL at the start`,
      height: 340,
      x: { title: "Days since the first record", range: extent(s.time), room: 0.01, step: WEEKS },
      y: { title: "Free IgE (ng/mL)", range: extent([...s.values[0], ...s.values[4], target]), log: true },
      steps: s.time,
      draw(c) {
        if (isNumber(treated)) c.field(0, treated, alpha(c.colors.muted, 0.09));
        const between = (low, high) => s.time.map((time, k) => [time, s.values[low][k], s.values[high][k]]);
        c.ribbon(between(0, 4), alpha(c.colors.fit, 0.18));
        c.ribbon(between(1, 3), alpha(c.colors.fit, 0.28));
        c.across(target, c.colors.target, [2, 3], `${target} ng/mL`);
        c.line(s.time.map((time, k) => [time, s.values[2][k]]), c.colors.fit, 2.2);
      },
      hover(time) {
        const k = s.time.reduce((best, t, i) => (Math.abs(t - time) < Math.abs(s.time[best] - time) ? i : best), 0);
        return { x: s.time[k], y: NaN, text: [`Day ${digits(s.time[k], 4)}, n = ${s.n[k]}`, `median ${digits(s.values[2][k])}`, `25–75 %: ${digits(s.values[1][k])} – ${digits(s.values[3][k])}`, `5–95 %: ${digits(s.values[0][k])} – ${digits(s.values[4][k])}`] };
      },
    });
    body.push(note("Reconstructed individual courses; shaded until the last dose of the subject treated longest."));
  }
  const names = [
    ["days_to_target", `Days from the first dose until below ${target} ng/mL`],
    ["days_below_target", "Days below it"],
    ["ige_free_lowest", "Lowest free IgE, ng/mL"],
    ["ige_free_trough", "Free IgE just before the last dose, ng/mL"],
    ["days_to_return", "Days from the last dose until above it again"],
  ];
  const rows = names
    .map(([name, words]) => [words, numbers("individuals", name)])
    .filter(([, v]) => v)
    .map(([words, v]) => [words, v.filter(isNumber).length, ...[0.05, 0.25, 0.5, 0.75, 0.95].map((p) => digits(quantile(v, p)))]);
  body.push(grid([text(""), number("Subjects"), number("5 %"), number("25 %"), number("Median"), number("75 %"), number("95 %")], rows, "How free IgE was held down"));
  section("suppression", "Suppression of free IgE", ...body);
}
