// Parts of the page. Text becomes text nodes, never markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(9).filter((c) => c !== null && c !== undefined && c !== false).map((c) => (c instanceof Node ? c : String(c))));
  return element;
}
const nav = document.getElementById("nav");
const main = document.getElementById("main");

function section(id, title, ...children) {
  const heading = make("h2", { id: `${id}-title` }, title);
  const element = make("section", { id, "aria-labelledby": `${id}-title` }, heading, ...children);
  main.append(element);
  nav.lastElementChild.append(make("li", {}, make("a", { href: `#${id}` }, title)));
  return element;
}
const note = (...text) => make("p", { class: "note" }, ...text);

// A table: columns { title, numeric }, rows of texts or nodes.
function grid(columns, rows, caption) {
  const cell = (value, i) => make("td", { class: columns[i].numeric ? "number" : null }, value);
  return make(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption || "Table" },
    make(
      "table",
      {},
      caption ? make("caption", {}, caption) : null,
      make("thead", {}, make("tr", {}, columns.map((c) => make("th", { scope: "col", class: c.numeric ? "number" : null }, c.title)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map(cell)))),
    ),
  );
}
const text = (title) => ({ title });
const number = (title) => ({ title, numeric: true });

// A choice among a few: buttons of which one is pressed.
function choice(label, names, onChange) {
  const buttons = names.map((name, i) => make("button", { type: "button", "aria-pressed": String(i === 0) }, name));
  buttons.forEach((button, i) =>
    button.addEventListener("click", () => {
      buttons.forEach((b, j) => b.setAttribute("aria-pressed", String(i === j)));
      onChange(i);
    }),
  );
  return make("div", { class: "choice", role: "group", "aria-label": label }, buttons);
}

const figure = (title, className = "") => make("figure", { class: className }, make("figcaption", {}, title));
// What stands for what in a chart: [class of the sample, words].
const legend = (...entries) =>
  make("ul", { class: "legend" }, entries.map(([sample, words]) => make("li", {}, make("span", { class: `sample ${sample}`, "aria-hidden": "true" }), words)));

const facts = (pairs) =>
  make("dl", { class: "facts" }, pairs.filter((p) => p).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));

function warnings() {
  const statuses = (individuals.status || []).filter((s) => s !== "ok").length;
  const all = (run.warnings || []).map(clean);
  const lines = story.missing.concat(all);
  const found = [];
  const vague = numbers("shrinkage", "shrinkage_sd_pct");
  if (vague) {
    const names = column("shrinkage", "parameter").filter((_, i) => vague[i] > 30);
    if (names.length) found.push(`Shrinkage above 30 %: ${names.join(", ")}. Plots of their η against covariates, and their distributions, mislead.`);
  }
  const worst = (name, limit, says) => {
    const p = numbers("diagnostics", name);
    if (!p) return;
    const kinds = column("diagnostics", "residual");
    const of = column("diagnostics", "analyte");
    p.forEach((v, i) => {
      if ((kinds[i] === "CWRES" || kinds[i] === "NPDE") && of[i] !== "all" && isNumber(v) && v < limit) found.push(says(kinds[i], of[i], i));
    });
  };
  const sd = numbers("diagnostics", "sd");
  const average = numbers("diagnostics", "mean");
  worst("mean_p", 1e-4, (kind, of, i) => `${kind} of ${nameOf(of)} has mean ${fixed(average[i], 2)}, not 0.`);
  worst("variance_p", 1e-4, (kind, of, i) => `${kind} of ${nameOf(of)} has standard deviation ${fixed(sd[i], 2)}, not 1.`);
  const body = [];
  const items = found.concat(lines);
  if (items.length) body.push(make("ul", { class: "warnings" }, items.slice(0, 40).map((line) => make("li", {}, line))));
  else body.push(make("p", {}, "None."));
  if (items.length > 40) body.push(note(`… and ${items.length - 40} more, in run.json and individuals.csv.`));
  const element = section("warnings", "Warnings", ...body);
  if (statuses) element.classList.add("serious");
}
const nameOf = (key) => {
  const found = ANALYTES.find((a) => a.key === key);
  return found ? found.in_sentence : key;
};

// The method by which the population was estimated, if it was.
const populationMethod = run.population ? String(run.population.method).toUpperCase() : "";

// The likelihood of the population, as models are compared by it; nothing where there is none.
const APPROXIMATIONS = { linear: "linearisation (FOCE)", laplace: "Laplace’s method", is: "importance sampling" };
function likelihoodBlock() {
  const found = run.likelihood;
  if (!found) return [];
  const shown = (value) => fixed(value, 3);
  const error = isNumber(found.monte_carlo_se) ? ` ± ${digits(found.monte_carlo_se, 2)}` : "";
  const rows = [
    ["OFV", shown(found.ofv) + error],
    ["−2LL", shown(found.minus2ll) + error],
    ["Estimated numbers", isNumber(found.estimated) ? found.estimated : "none: the population was given"],
    ...["aic", "bic", "bicc"].filter((key) => isNumber(found[key])).map((key) => [{ aic: "AIC", bic: "BIC", bicc: "BICc" }[key], shown(found[key])]),
  ];
  return [
    grid([text("Likelihood of the population"), number(`by ${APPROXIMATIONS[found.method] || clean(found.method)}`)], rows, "Likelihood of the population"),
    note(
      `Of ${plural(found.subjects, "subject")} and ${plural(found.observations, "observation")}, with the η integrated out. OFV leaves out the constants that NONMEM leaves out; −2LL has all, of the data as given. BIC: every number by ln(subjects); BICc: numbers of random effects by ln(subjects), the others by ln(observations) (Delattre et al. 2014).${error ? " ±: Monte-Carlo standard error." : ""}`,
    ),
  ];
}

// The number of records of all analytes together.
const ofAllAnalytes = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);

function summary() {
  const estimated = run.population && `${populationMethod}: first the population, then each subject's data with it as prior`;
  const method = estimated || { map: "MAP, each subject's data with the population as prior", nls: "nonlinear least squares, each subject's data alone" }[run.method] || run.method;
  const quantified = ofAllAnalytes(run.data.records.observations);
  const censored = ofAllAnalytes(run.data.records.below) + ofAllAnalytes(run.data.records.above);
  const { ok, not_determined: open, failed } = run.counts;
  const sentences = [
    `${plural(count, "subject")} with ${plural(run.data.records.doses, "dose")} and ${plural(quantified, "observation")}${censored ? `, of which ${censored.toLocaleString("en")} beyond a limit of quantification,` : ""} ${count === 1 ? "was" : "were"} fitted with the model ${clean(run.model)} by ${method}.`,
    failed || open
      ? `${ok} ${ok === 1 ? "fit is" : "fits are"} complete, ${open} ${open === 1 ? "leaves" : "leave"} a parameter open, ${failed} failed.`
      : "Every fit is complete.",
  ];
  if (run.population) sentences.splice(1, 0, run.population.converged ? `The estimation converged${run.likelihood ? ` at OFV ${fixed(run.likelihood.ofv, 2)} (−2LL ${fixed(run.likelihood.minus2ll, 2)}, AIC ${fixed(run.likelihood.aic, 2)}, by ${APPROXIMATIONS[run.likelihood.method]})` : ""}.` : `The estimation of the population did not converge: ${clean(run.population.stop_reason)}.`);
  const fit = run.goodness_of_fit;
  const parts = ANALYTES.filter((a) => fit[a.key] && fit[a.key].n).map((a) => `${nameOf(a.key)} ${percent(fit[a.key].rmse_log, 0)}`);
  if (!parts.length && quantified && quantified === censored) sentences.push("No observation was quantified: all are beyond a limit of quantification, and goodness of fit cannot be said.");
  if (parts.length) sentences.push(`Observations scatter about the individual fits by ${parts.join(", ")} (root mean square on the logarithm).`);
  const reached = numbers("individuals", "days_to_target");
  if (hasNumbers(reached)) {
    const back = numbers("individuals", "days_to_return").filter(isNumber);
    const dosed = numbers("individuals", "days_below_target").filter(isNumber).length;
    sentences.push(
      `Free IgE fell below ${run.options.target_ng_ml} ng/mL in ${reached.filter(isNumber).length} of ${plural(dosed, "subject")}, after a median of ${digits(quantile(reached, 0.5), 2)} days` +
        (back.length ? `; in ${back.length} it was seen to rise above it again, a median of ${digits(quantile(back, 0.5), 2)} days after the last dose.` : "."),
    );
  }
  section("summary", "Summary", make("p", { class: "lead" }, sentences.join(" ")));
}

function dataSection() {
  const records = run.data.records;
  const summary = run.data.summary || { analytes: [], doses: {} };
  const summaryOf = Object.fromEntries(summary.analytes.map((a) => [a.analyte, a]));
  const rows = present.map((a) => {
    const own = rowsOfAnalyte[a];
    const subjects = new Set(own.map((i) => subjectOf[i])).size;
    const of = (counts) => counts[ANALYTES[a].key] || 0;
    const share = (n) => (n ? `${n.toLocaleString("en")} (${percent(n / of(records.observations))})` : "0");
    const values = own.filter((i) => observed.CENS[i] === 0).map((i) => observed.DV[i]);
    const read = summaryOf[ANALYTES[a].key] || {};
    return [ANALYTES[a].title, read.unit_read || "", ANALYTES[a].unit, subjects, of(records.observations).toLocaleString("en"), share(of(records.below)), share(of(records.above)), ...[0, 0.5, 1].map((p) => digits(quantile(values, p))), read.days ? digits(read.days.min) : "–", read.days ? digits(read.days.max) : "–"];
  });
  const body = [
    facts([
      ["Data set", clean(run.data.path)],
      ["SHA-256", make("code", {}, run.data.sha256)],
      ["Rows", run.data.rows.toLocaleString("en")],
      ["Subjects", records.subjects.toLocaleString("en")],
      ["Doses", records.doses.toLocaleString("en")],
      ["Excluded observations", records.excluded.toLocaleString("en")],
    ]),
    grid([text("Analyte"), text("Read in"), text("Unit"), number("Subjects"), number("Observations"), number("Below LLOQ"), number("Above ULOQ"), number("Minimum"), number("Median"), number("Maximum"), number("First day"), number("Last day")], rows, "Observations"),
    note("Days since the first dose. Minimum, median and maximum are of quantified values."),
  ];
  const suspicious = run.data.warnings || [];
  if (suspicious.length) body.splice(1, 0, grid([text("Check"), text("Probably a mistake")], suspicious.map((w) => [make("code", {}, clean(w.check)), clean(w.text)]), "Warnings"));
  if (covariates.length) {
    const stats = covariates.map((name) => {
      const values = numbers("individuals", name).filter(isNumber);
      return [withUnit(name), MEANINGS[name] || "", values.length, digits(mean(values)), digits(deviation(values)), ...[0, 0.5, 1].map((p) => digits(quantile(values, p)))];
    });
    body.push(grid([text("Covariate"), text(""), number("Known"), number("Mean"), number("SD"), number("Minimum"), number("Median"), number("Maximum")], stats, "Covariates"));
  }
  const doses = summary.doses;
  if (doses.amounts_mg) {
    const each = (pairs, unit) => pairs.map(([value, n]) => `${value} ${unit} (${n.toLocaleString("en")})`).join(", ");
    const lines = [
      ["Amounts", `${digits(doses.amounts_mg.min)} to ${digits(doses.amounts_mg.max)} mg; most frequent: ${each(doses.frequent_mg, "mg")}`],
    ];
    if (doses.intervals_days) lines.push(["Intervals", `${digits(doses.intervals_days.min)} to ${digits(doses.intervals_days.max)} days; most frequent: ${each(doses.frequent_days, "d")}`]);
    const dosing = run.data.dosing;
    if (dosing) {
      const unverified = dosing.unverified ? ` (${dosing.unverified.toLocaleString("en")} of them by cells that are not verified)` : "";
      lines.push(["Dosing table", `${dosing.agreeing.toLocaleString("en")} of ${plural(dosing.subjects, "subject")} dosed as the table ${clean(dosing.table)} says${unverified}`]);
      const rate = dosing.mg_per_kg_iu;
      if (rate) lines.push(["In four weeks", `${digits(rate.min)} to ${digits(rate.max)} mg/kg per IU/mL, median ${digits(rate.median)}; ${dosing.below_rule.toLocaleString("en")} of ${dosing.subjects.toLocaleString("en")} below 0.016`]);
    }
    if (summary.undosed) lines.push(["Without a dose", plural(summary.undosed, "subject")]);
    if (summary.unobserved) lines.push(["Without an observation", plural(summary.unobserved, "subject")]);
    if (summary.follow_up_days) lines.push(["Observed after the last dose", `${digits(summary.follow_up_days.min)} to ${digits(summary.follow_up_days.max)} days, median ${digits(summary.follow_up_days.median)}`]);
    body.push(facts(lines));
  }
  const ignored = run.data.ignored || [];
  if (ignored.length) body.push(grid([number("Rows not read"), text("Reason"), text("First rows")], ignored.map((i) => [i.rows.toLocaleString("en"), clean(i.reason), i.first_rows.join(", ")]), "Rows not read"));
  const excluded = run.data.excluded || [];
  if (excluded.length) {
    body.push(grid([number("Row"), text("ID"), text("Reason")], excluded.slice(0, 200).map((e) => [e.row, clean(e.id), clean(e.reason)]), "Excluded observations"));
    if (excluded.length > 200) body.push(note(`… and ${excluded.length - 200} more, in run.json.`));
  } else body.push(note(records.excluded ? "Excluded: observations whose MDV is 1." : "No observation was excluded."));
  if (run.options.censored === "m1") body.push(note("Censored observations were left out of the fit (M1), which biases it."));
  else if (ofAllAnalytes(records.below) + ofAllAnalytes(records.above)) body.push(note("Censored observations enter the fit by their likelihood (M3)."));
  if (records.ige_from_total) body.push(note(`The baseline IgE of ${plural(records.ige_from_total, "subject")} was taken from the total IgE before the first dose.`));
  section("data", "Data", ...body);
}

function modelSection() {
  const model = story.model;
  const rows = model.parameters.map((p) => [make("code", {}, p.name), p.meaning, p.typical_words, p.variability || "–", p.effects || "–", p.estimated ? "estimated" : "held"]);
  section(
    "model",
    "Model",
    make("p", {}, make("strong", {}, clean(model.name)), ": ", clean(model.title), ". Source: ", clean(model.source)),
    make("pre", { class: "equations", tabindex: "0", "aria-label": "Equations" }, model.equations.join("\n")),
    note("D, X, E in nmol, volumes in L, time in days."),
    grid([text("Parameter"), text("Meaning"), text("Typical value"), text("Between subjects"), text("Covariate effects"), text("In a subject's fit")], rows, "Parameters of the model"),
    make("ul", {}, model.remarks.map((r) => make("li", {}, clean(r)))),
    note("Individual parameters are P = typical · effects · exp η (unless a transform says otherwise), η ~ N(0, Ω)."),
  );
}

function parameterSection() {
  const body = [];
  const population = story.tables.parameters;
  if (population) {
    const shown = (key, i, write) => (isNumber(population[key][i]) ? write(population[key][i]) : "–");
    const four = (value) => digits(value, 4);
    const tenth = (value) => fixed(value, 1);
    const rows = population.name.map((name, i) => [
      make("code", {}, clean(name)),
      population.unit[i] === "1" ? "" : clean(population.unit[i]),
      shown("estimate", i, four),
      population.fixed[i] ? "fixed" : shown("se", i, four),
      shown("rse_pct", i, tenth),
      isNumber(population.ci_low[i]) ? `${four(population.ci_low[i])} to ${four(population.ci_high[i])}` : "–",
      shown("bsv_cv_pct", i, (cv) => `${tenth(cv)}${isNumber(population.bsv_cv_rse_pct[i]) ? ` (${tenth(population.bsv_cv_rse_pct[i])})` : ""}`),
      shown("shrinkage_sd_pct", i, tenth),
      shown("shrinkage_var_pct", i, tenth),
    ]);
    const heads = ["Estimate", "SE", "RSE %", "95 % CI", "BSV CV % (RSE %)", "Shrinkage SD %", "Shrinkage variance %"];
    body.push(grid([text("Parameter"), text("Unit"), ...heads.map(number)], rows, "Population parameters, estimated"));
    body.push(note("SE from the second derivatives of the objective; meanings of parameters are under Model. omega2: variance of η; corr: correlation of two η; sigma: residual error; NAME_COVARIATE: coefficient of an effect. BSV CV: 100·√(exp ω² − 1)."));
  } else if (run.method === "nls") body.push(make("p", {}, "No population was estimated, and none was used: each subject was fitted by its own data. Below, the subjects' own estimates."));
  else body.push(make("p", {}, "No population was estimated: it was given, and its values are under Model. Below, the subjects' own estimates."));
  body.push(...likelihoodBlock());
  const shrink = story.tables.shrinkage || {};
  const at = (name) => (shrink.parameter || []).indexOf(name);
  const rows = estimated.map((p) => {
    const values = numbers("individuals", p.name);
    const se = numbers("individuals", `SE_${p.name}`);
    const rse = se.map((s, i) => s / values[i]);
    const i = at(p.name);
    const known = se.filter(isNumber).length;
    const of = (key) => (i < 0 ? null : shrink[key][i]);
    return [make("code", {}, p.name), p.unit === "1" ? "" : p.unit, digits(p.typical), ...[0.5, 0.05, 0.95].map((q) => digits(quantile(values, q))), percent(quantile(rse, 0.5)), `${known} of ${count}`, fixed(p.omega_sd, 3), fixed(of("eta_mean"), 3), fixed(of("eta_sd"), 3), pValue(of("eta_mean_p")), fixed(of("shrinkage_sd_pct"), 1), fixed(of("shrinkage_var_pct"), 1)];
  });
  body.push(grid([text("Parameter"), text("Unit"), number("Typical"), number("Median"), number("5 %"), number("95 %"), number("Median RSE"), number("Determined"), number("ω"), number("Mean η̂"), number("SD η̂"), number("p (mean 0)"), number("Shrinkage SD %"), number("Shrinkage variance %")], rows, "Individual parameters"));
  body.push(note("Typical: at the covariates where every effect is one. Shrinkage: 1 − SD(η̂)/ω and 1 − var(η̂)/ω²."));
  for (const [name, title, said] of [
    ["bootstrap", "Bootstrap", "Of replicates that converged; those that did not are in bootstrap_replicates."],
    ["sir", "Sampling importance resampling", "Of the samples of all rounds, by their weights."],
  ]) {
    const draws = story.tables[name];
    if (!draws) continue;
    const found = draws.name.map((_, i) => [make("code", {}, clean(draws.name[i])), draws.unit[i] === "1" ? "" : clean(draws.unit[i]), ...["estimate", "mean", "median", "se"].map((key) => digits(draws[key][i])), fixed(draws.rse_pct[i], 1), `${digits(draws.ci_low[i])} to ${digits(draws.ci_high[i])}`]);
    body.push(make("h3", {}, title));
    body.push(grid([text("Parameter"), text("Unit"), ...["Estimate", "Mean", "Median", "SE", "RSE %", "Percentiles"].map(number)], found, `${title} of the population's estimates`));
    body.push(note(`${Math.max(...draws.n)} draws. ${said}`));
  }
  const intervals = story.tables.uncertainty;
  const methods = [["asymptotic", "Curvature (R⁻¹)"], ["sandwich", "Sandwich"], ["sir", "SIR"], ["bootstrap", "Bootstrap"], ["profile", "Profile"]].filter(([key]) => intervals && intervals[`${key}_low`]);
  if (methods.length) {
    const ends = (key, i) => ["low", "high"].map((end) => intervals[`${key}_${end}`][i]);
    const interval = (key, i) => (ends(key, i).some(isNumber) ? ends(key, i).map((end) => (isNumber(end) ? digits(end) : "–")).join(" to ") : "–");
    const found = intervals.name.map((name, i) => [make("code", {}, clean(name)), intervals.unit[i] === "1" ? "" : clean(intervals.unit[i]), digits(intervals.estimate[i]), ...methods.map(([key]) => interval(key, i))]);
    body.push(make("h3", {}, "95 % intervals by method"));
    body.push(grid([text("Parameter"), text("Unit"), ...["Estimate", ...methods.map(([, title]) => title)].map(number)], found, "95 % intervals of the population's estimates by method"));
    body.push(note("SIR, bootstrap and profile stand here after omafit sir, bootstrap and profile; where methods disagree, the curvature is not to be trusted."));
  }
  const influence = story.tables.influence;
  if (influence) {
    const most = influence.distance.map((d, i) => [d, i]).filter(([d]) => isNumber(d)).sort((a, b) => b[0] - a[0]).slice(0, 10);
    const told = most.map(([d, i]) => [clean(influence.ID[i]), fixed(d, 2), fixed(influence.covariance_ratio[i], 2), make("code", {}, clean(influence.most_moved[i])), fixed(influence.most_moved_se[i], 2)]);
    const how = influence.method[0] === "exact" ? "a fit of all others" : "one step of Newton's method";
    body.push(make("h3", {}, "Influence of single subjects"));
    body.push(grid([text("Without subject"), number("All estimates, SE"), number("Covariance ratio"), text("Moves most"), number("by, SE")], told, "Influence of single subjects"));
    body.push(note(`How far the population's estimates go without a subject, in standard errors, by ${how}; the ten that matter most.`));
  }
  section("parameters", "Parameters", ...body);
}
