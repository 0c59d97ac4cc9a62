// Outcomes: how symptoms follow exposure, by group.
function outcomeSection() {
  const v = story.tables.outcome_visits;
  const told = story.outcome;
  if (!v || !told || !v.measure.length) return;
  const measures = told.measures;
  const place = make("div", {});
  const draw = (i) => {
    forget(place);
    place.replaceChildren();
    outcomeOf(place, measures[i]);
  };
  const o = told.options;
  const windows = { mean: "the mean since the visit before", midpoint: "half-way from the visit before", trough: "that of the day of the visit" };
  const words = [
    `${plural(told.patients, "patient")} with outcomes. Changes are from ${o.alignment.baseline === "last" ? "the last value at or before the first dose" : "the mean of the run-in"}; the exposure of a visit is ${windows[o.alignment.window]}.`,
    `Onset is to day ${digits(o.onset_days)}, offset from each patient's last dose. Intervals are of 95 %.`,
  ];
  section(
    "outcomes",
    "Outcomes",
    told.simulated ? make("p", { class: "simulated" }, "SIMULATED: these outcomes were measured in no patient.") : null,
    note(words.join(" ")),
    ...told.notes.map((n) => note(clean(n))),
    measures.length > 1 ? make("div", { class: "controls" }, choice("Measure", measures.map((m) => clean(m.name)), draw)) : null,
    place,
    story.tables.outcome_visits.responder.some((r) => r !== "all") ? note("Response is an outcome itself: a difference between responders and nonresponders is no effect of treatment.") : null,
    note("Correlation of means of visits says nothing of single patients, and neighbouring visits are not independent: its intervals are too narrow. Not medical advice."),
  );
  draw(0);
}

const groupName = (t, i) => [t.arm[i], t.responder[i]].filter((n) => n !== "all").map(clean).join(", ") || "All patients";

// Rows of a table by group, in their order; of one measure if the table has them.
function groupsOf(t, measure) {
  const found = new Map();
  (t ? t.arm : []).forEach((_, i) => {
    if (measure !== undefined && t.measure[i] !== measure) return;
    const name = groupName(t, i);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(i);
  });
  return found;
}

function outcomeOf(place, measure) {
  const v = story.tables.outcome_visits;
  const e = story.tables.outcome_exposure;
  const byGroup = groupsOf(v, measure.name);
  const days = groupsOf(e);
  // Those whom the physician told apart stand beside each other; all together only where there is nothing else.
  const names = byGroup.size > 1 ? [...byGroup.keys()].filter((n) => n !== "All patients") : [...byGroup.keys()];
  // A group without a visit has a row that says why.
  const rows = (name) => (byGroup.get(name) || []).filter((i) => isNumber(v.visit[i]));
  const daily = (name) => days.get(name) || [];
  const unit = measure.unit ? ` (${clean(measure.unit)})` : "";
  const xRange = extent([...names.flatMap((n) => rows(n).map((i) => v.visit[i])), ...names.flatMap((n) => daily(n).map((i) => e.day[i]))]);
  const x = { title: "Days after the first dose", range: xRange, room: 0.01, step: WEEKS };
  const changes = extent(names.flatMap((n) => rows(n).flatMap((i) => [v.change_low[i], v.change_high[i], v.change_mean[i], 0])));
  const courses = [
    { title: "Free IgE", column: "log_ige_free", unit: "ng/mL", map: Math.exp, log: true },
    { title: "Omalizumab", column: "omalizumab_total", unit: "µg/mL", map: (z) => z, log: false },
  ];
  const grid1 = make("div", { class: "charts" });
  const exposed = names.some((n) => daily(n).length);
  const target = story.outcome.options.hysteresis.target_ng_ml;
  if (exposed) {
    for (const c of courses) {
      const at = (part, i) => (isNumber(e[`${c.column}_${part}`][i]) ? c.map(e[`${c.column}_${part}`][i]) : NaN);
      const range = extent(names.flatMap((n) => daily(n).flatMap((i) => [at("mean", i), at("low", i), at("high", i)])).concat(c.log ? [target] : []));
      for (const name of names) {
        const host = figure(`${name}: ${c.title}`);
        grid1.append(host);
        const own = daily(name);
        chart(host, {
          label: `${c.title} of ${name} over time`,
          height: 210,
          x,
          y: { title: `${c.title} (${c.unit})`, range, log: c.log },
          steps: own.map((i) => e.day[i]),
          draw(p) {
            p.ribbon(own.map((i) => [e.day[i], at("low", i), at("high", i)]), alpha(p.colors.fit, 0.28));
            if (c.log) p.across(target, p.colors.target, [2, 3], `${target} ng/mL`);
            p.line(own.map((i) => [e.day[i], at("mean", i)]), p.colors.fit, 2);
          },
          hover(day) {
            const i = nearest(own, (k) => e.day[k], day);
            return i === undefined ? null : { x: e.day[i], y: NaN, text: [`Day ${digits(e.day[i], 4)}, n = ${e.n[i]}`, `${digits(at("mean", i))} (${digits(at("low", i))} to ${digits(at("high", i))}) ${c.unit}`] };
          },
        });
      }
    }
  }
  for (const name of names) {
    const host = figure(`${name}: ${clean(measure.name)}`);
    grid1.append(host);
    const own = rows(name);
    chart(host, {
      label: `Change of ${clean(measure.name)} of ${name} at ${own.length} visits`,
      height: 230,
      x,
      y: { title: `Change${unit}`, range: changes },
      steps: own.map((i) => v.visit[i]),
      draw(p) {
        p.ribbon(own.map((i) => [v.visit[i], v.change_low[i], v.change_high[i]]), alpha(p.colors.seen, 0.22));
        p.across(0, p.colors.muted);
        p.line(own.map((i) => [v.visit[i], v.change_mean[i]]), p.colors.seen, 2);
        p.dots(own.map((i) => [v.visit[i], v.change_mean[i]]), p.colors.seen, 2.6);
      },
      hover(day) {
        const i = nearest(own, (k) => v.visit[k], day);
        return i === undefined ? null : { x: v.visit[i], y: v.change_mean[i], text: [`Day ${digits(v.visit[i], 4)}, n = ${v.n[i]}`, `${digits(v.change_mean[i])} (${digits(v.change_low[i])} to ${digits(v.change_high[i])})`] };
      },
    });
  }
  place.append(legend(["line fit", "mean exposure (of free IgE the geometric mean)"], ["line seen", "mean change"], ["band", "95 % interval of the mean"]), grid1);
  if (exposed) place.append(make("h3", {}, "Loops"), loopCharts(names, rows, unit, changes), note("Each point is a visit: exposure across, change up. Arrows point forward in time, numbers are days. A bent link opens the loop without any delay; whether there is one is tested below."));
  place.append(...[eventTable(measure.name), conclusionTable(measure.name), armsTable(measure.name), correlationTable(measure.name), hysteresisTable(measure.name), modelTables(measure.name)].flat().filter(Boolean));
}

const nearest = (rows, of, at) => rows.reduce((best, i) => (best === undefined || Math.abs(of(i) - at) < Math.abs(of(best) - at) ? i : best), undefined);

function loopCharts(names, rows, unit, changes) {
  const v = story.tables.outcome_visits;
  const host = make("div", { class: "charts" });
  for (const [title, column, map, log] of [["Free IgE (ng/mL)", "log_ige_free_mean", Math.exp, true], ["Omalizumab (µg/mL)", "omalizumab_total_mean", (z) => z, false]]) {
    const at = (i) => (isNumber(v[column][i]) ? map(v[column][i]) : NaN);
    const range = extent(names.flatMap((n) => rows(n).map(at)).filter(isNumber));
    for (const name of names) {
      const own = rows(name).filter((i) => isNumber(at(i)) && isNumber(v.change_mean[i]));
      const place = figure(`${name}: ${title.split(" (")[0]}`);
      host.append(place);
      chart(place, {
        label: `Change against ${title} of ${name}, ${own.length} visits in the order of time`,
        height: 280,
        x: { title, range, log, room: 0.06 },
        y: { title: `Change${unit}`, range: changes },
        steps: own.map(at),
        draw(p) {
          p.across(0, p.colors.muted);
          p.trail(own.map((i) => [at(i), v.change_mean[i], own.indexOf(i) % 3 === 0 || i === own[own.length - 1] ? String(Math.round(v.visit[i])) : ""]), p.colors.seen);
        },
        hover(px, py, u) {
          const i = nearest(own, (k) => Math.hypot(u.valToPos(at(k), "x") - u.valToPos(px, "x"), isNumber(py) ? u.valToPos(v.change_mean[k], "y") - u.valToPos(py, "y") : 0), 0);
          return i === undefined ? null : { x: at(i), y: v.change_mean[i], text: [`Day ${digits(v.visit[i], 4)}`, `${title.split(" (")[0]} ${digits(at(i))}`, `change ${digits(v.change_mean[i])}`] };
        },
      });
    }
  }
  return host;
}

const EXPOSURES = { ige_free: "Free IgE", log_ige_free: "log free IgE", omalizumab_total: "Omalizumab", omalizumab_ige_ratio: "Omalizumab : IgE" };
const withEnds = (r, low, high, count = 2) => (isNumber(r) ? `${digits(r, count)} (${isNumber(low) ? digits(low, count) : "–"} to ${isNumber(high) ? digits(high, count) : "–"})` : "–");

function correlationTable(measure) {
  const t = story.tables.outcome_correlation;
  if (!t || !t.measure.includes(measure)) return null;
  const groups = groupsOf(t, measure);
  const names = [...groups.keys()];
  const words = { pearson: "Pearson, means of visits", spearman: "Spearman, means of visits", repeated_measures: "repeated measures, patients" };
  const lines = [];
  for (const phase of ["onset", "offset"]) {
    for (const exposure of Object.keys(EXPOSURES)) {
      for (const coefficient of Object.keys(words)) {
        const cells = names.map((n) => groups.get(n).find((i) => t.phase[i] === phase && t.exposure[i] === exposure && t.coefficient[i] === coefficient));
        if (cells.every((i) => i === undefined)) continue;
        lines.push([phase, EXPOSURES[exposure], make("code", {}, words[coefficient]), ...cells.map((i) => (i === undefined ? "–" : `${fixed(t.r[i], 2)} (${fixed(t.low[i], 2)} to ${fixed(t.high[i], 2)}), ${t.n[i]}`))]);
      }
    }
  }
  return grid([text("Phase"), text("Exposure"), text("Of"), ...names.map((n) => number(n))], lines, "Correlation of the change with exposure, and the number of points");
}

function hysteresisTable(measure) {
  const t = story.tables.outcome_hysteresis;
  if (!t || !t.measure.includes(measure)) return null;
  const groups = groupsOf(t, measure);
  const names = [...groups.keys()];
  const facts = [
    ["p_no_delay", "ige_free", "p of no delay behind free IgE"],
    ["mean_delay", "ige_free", "Mean delay behind free IgE, days"],
    ["area", "log_ige_free", "Area between the limbs with log free IgE"],
    ["area_share", "log_ige_free", "as a part of the rectangle around them"],
    ["p_no_delay", "omalizumab_total", "p of no delay behind omalizumab"],
    ["area", "omalizumab_total", "Area between the limbs with omalizumab"],
    ["lag_days", "log_ige_free", "Lag of highest correlation with log free IgE, days"],
    ["lag_correlation", "log_ige_free", "that correlation"],
    ["day_suppressed", "", "Day free IgE is first suppressed"],
    ["day_stabilised", "", "Day the change has reached 90 % of its plateau"],
    ["days_suppressed_to_stabilised", "", "From the one to the other, days"],
    ["days_last_dose_to_recrossing", "", "Days from the last dose until free IgE is back above the target"],
    ["days_last_dose_to_return", "", "Days from the last dose until half of the change is lost"],
    ["days_recrossing_to_return", "", "From the one to the other, days"],
  ];
  const lines = facts.map(([fact, exposure, words]) => {
    const cells = names.map((n) => groups.get(n).find((i) => t.fact[i] === fact && t.exposure[i] === exposure));
    const value = (i) => (t.fact[i] === "p_no_delay" ? (t.value[i] < 0.001 ? "< 0.001" : fixed(t.value[i], 3)) : withEnds(t.value[i], t.low[i], t.high[i], 3));
    const told = (i) => value(i) + (t.at_limit[i] ? " (at the limit)" : "") + (["p_no_delay", "area"].includes(t.fact[i]) && t.direction[i] ? `, ${t.direction[i]}` : "");
    const show = (i) => (i === undefined ? "–" : isNumber(t.value[i]) ? told(i) : clean(t.reason[i]) || "–");
    return [words, ...cells.map(show)];
  });
  return grid([text(""), ...names.map((n) => number(n))], lines, "Hysteresis: told where a model without a delay is refuted");
}

function modelTables(measure) {
  const t = story.tables.outcome_models;
  const q = story.tables.outcome_model_parameters;
  if (!t || !t.measure.includes(measure)) return [];
  const out = [];
  for (const [name, all] of groupsOf(t, measure)) {
    const own = all.slice().sort((a, b) => (t.bic_above_least[a] ?? Infinity) - (t.bic_above_least[b] ?? Infinity));
    const delay = (i) => (t.mean_delay_at_limit[i] ? `at the limit of ${digits(t.mean_delay_days[i])}` : isNumber(t.mean_delay_low[i]) ? withEnds(t.mean_delay_days[i], t.mean_delay_low[i], t.mean_delay_high[i], 3) : digits(t.mean_delay_days[i]));
    const word = (i) => (t.chosen[i] ? make("strong", { class: "mark" }, "chosen") : t.not_told_apart[i] ? "not told apart" : t.converged[i] ? "" : "did not converge");
    const lines = own.map((i) => [modelName(t.model[i]), t.estimated[i], digits(t.minus2ll[i], 6), digits(t.aic_above_least[i]), digits(t.bic_above_least[i]), percent(t.akaike_weight[i]), delay(i), word(i)]);
    const table = grid([text("Model"), number("Estimated"), number("−2LL"), number("AIC above the least"), number("BIC above the least"), number("Akaike weight"), number("Mean delay, days"), text("")], lines, `Models of ${name}, fitted to patients with random effects`);
    const chosen = own.find((i) => t.chosen[i]);
    const parts = chosen === undefined ? [] : groupsOf(q, measure).get(name).filter((i) => q.model[i] === t.model[chosen]);
    const sentence = parts.map((i) => `${q.parameter[i]} ${withEnds(q.estimate[i], q.low[i], q.high[i], 3)}${q.parameter_unit[i] && q.parameter_unit[i] !== "outcome" ? ` ${clean(q.parameter_unit[i])}` : ""}${q.at_limit[i] ? " (at the end of its range)" : ""}`).join("; ");
    const unsettled = own.filter((i) => t.unsettled[i]).map((i) => modelName(t.model[i]));
    out.push(
      make(
        "details",
        name !== "All patients" ? { open: "" } : {},
        make("summary", {}, name),
        table,
        sentence ? note(`${modelName(t.model[chosen])}: ${sentence}.`) : null,
        unsettled.length ? note(`No model is chosen: ${unsettled.join("; ")} did not converge and lies below those that did.`) : null,
      ),
    );
  }
  return out.length ? [make("h3", {}, "Models of the outcome"), ...out] : [];
}

const modelName = (model) => model.replaceAll("_", " ");

// First events by group.
function eventTable(measure) {
  const t = story.tables.outcome_events;
  if (!t || !t.measure.includes(measure)) return [];
  const own = t.measure.map((_, i) => i).filter((i) => t.measure[i] === measure);
  const lines = own.map((i) => [groupName(t, i), t.patients[i], t.events[i], digits(t.patient_years[i], 4), withEnds(t.rate[i], t.rate_low[i], t.rate_high[i], 3), withEnds(t.rate_ratio[i], t.rate_ratio_low[i], t.rate_ratio_high[i], 3)]);
  return [make("h3", {}, "First events"), grid([text(""), number("Patients"), number("Events"), number("Patient-years"), number("Events a year"), number("Ratio to the reference arm")], lines, "Exact intervals of 95 %")];
}

// The conclusions of the founding paper, each with its number, interval and test.
function conclusionTable(measure) {
  const t = story.tables.outcome_conclusions;
  if (!t || !t.measure.includes(measure)) return [];
  const groups = groupsOf(t, measure);
  const names = [...groups.keys()];
  const sentences = {
    settles_later: "1. Free IgE is suppressed first, and the outcome settles later: days between",
    goes_with_free_ige_onset: "2. The outcome goes with free IgE: correlation with log free IgE under treatment",
    goes_with_free_ige_offset: "and after the last dose",
    returns_later: "3. After the last dose free IgE returns first, and the outcome later: days between",
    delayed: "and the paths differ: mean delay, days",
  };
  const told = (i) => {
    const p = isNumber(t.p_value[i]) ? `, p ${t.p_value[i] < 0.001 ? "< 0.001" : `= ${fixed(t.p_value[i], 3)}`}` : "";
    const value = isNumber(t.value[i]) ? `${withEnds(t.value[i], t.low[i], t.high[i], 3)}${p}` : clean(t.reason[i]) || "–";
    return isNumber(t.value[i]) ? `${value}: ${t.holds[i] ? "borne out" : "not borne out"}` : value;
  };
  const lines = Object.entries(sentences).map(([conclusion, words]) => {
    const cells = names.map((name) => groups.get(name).find((i) => t.conclusion[i] === conclusion));
    return [words, ...cells.map((i) => (i === undefined ? "–" : told(i)))];
  });
  const w = story.tables.what_if_outcomes;
  for (const alternative of w ? new Set(w.alternative) : []) {
    const at = (name) => w.measure.findIndex((m, r) => m === measure && w.alternative[r] === alternative && groupName({ arm: ["all"], responder: [w.responder[r]] }, 0) === name);
    const cells = names.map((name) => at(name));
    if (cells.every((r) => r < 0)) continue;
    const cost = (r) => (r < 0 ? "–" : withEnds(w.difference[r], w.difference_low[r], w.difference_high[r], 3) + (w.reason[r] ? ` (${clean(w.reason[r])})` : ""));
    lines.push([`4. A lower dose costs: expected difference at the end of treatment, ${clean(alternative)}`, ...cells.map(cost)]);
  }
  return [
    make("h3", {}, "The conclusions of Slavin 2009"),
    grid([text(""), ...names.map((n) => number(n))], lines, "Numbers with intervals of 95 %: of days by the bootstrap of patients, of correlations by repeated measures, of the delay by its likelihood and a likelihood ratio test, of doses by the outcome's model"),
    w ? null : note("4. What a lower dose would cost is a what-if: omafit what-if."),
  ];
}

// Arms by visit: least-squares means and differences of a mixed model for repeated measures.
function armsTable(measure) {
  const t = story.tables.outcome_arms;
  if (!t || !t.measure.includes(measure)) return [];
  const own = t.measure.map((_, i) => i).filter((i) => t.measure[i] === measure);
  const failed = own.find((i) => t.reason[i]);
  if (failed !== undefined) return [note(`The arms are not compared: ${clean(t.reason[failed])}.`)];
  const p = (i) => (isNumber(t.p_value[i]) ? (t.p_value[i] < 0.001 ? "< 0.001" : fixed(t.p_value[i], 3)) : "");
  const difference = (i) => (isNumber(t.difference[i]) ? withEnds(t.difference[i], t.difference_low[i], t.difference_high[i], 3) : "reference");
  const lines = own.map((i) => [digits(t.visit[i], 4), clean(t.arm[i]), t.n[i], withEnds(t.mean[i], t.mean_low[i], t.mean_high[i], 3), difference(i), p(i)]);
  const heads = [number("Day"), text("Arm"), number("n"), number("Mean change"), number(`Less ${clean(t.reference[own[0]])}`), number("p")];
  return [make("h3", {}, "Arms"), grid(heads, lines, "Least-squares means and differences of a mixed model for repeated measures")];
}
