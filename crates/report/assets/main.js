// The page from top to bottom.
function heading() {
  const method = populationMethod || String(run.method).toUpperCase();
  const name = clean(String(run.data.path).split(/[\\/]/).pop());
  const called = run.title ? clean(run.title) : name;
  document.title = `omafit: ${called}, ${clean(run.model)}`;
  const look = choice("Look", ["Auto", "Light", "Dark"], (i) => {
    const chosen = ["", "light", "dark"][i];
    if (chosen) document.documentElement.dataset.look = chosen;
    else delete document.documentElement.dataset.look;
    charts.forEach((c) => c.redraw());
  });
  const print = make("button", { type: "button" }, "Print");
  print.addEventListener("click", () => window.print());
  main.append(
    make(
      "header",
      {},
      make("div", { class: "title" }, make("h1", {}, called), run.simulated ? make("span", { class: "badge" }, "Simulated data") : null),
      make("p", { class: "subtitle" }, `${run.title ? `${name} · ` : ""}${clean(run.model)} · ${method} · ${plural(count, "subject")} · omafit ${run.version}`),
      ...(run.notes || []).map((words) => make("p", { class: "note" }, clean(words))),
      run.simulated ? make("p", { class: "simulated" }, "Nothing in this report was measured in a patient.") : null,
      make("p", { class: "advice" }, "omafit is a research tool. Nothing here is medical advice."),
      make("div", { class: "controls" }, look, print),
    ),
  );
  nav.append(make("p", { class: "brand" }, "omafit report"), make("ol"));
}

function runSection() {
  const o = run.options;
  const population = run.population;
  const seconds = Object.entries(run.seconds || {}).map(([stage, s]) => `${stage} ${digits(s, 2)} s`).join(", ");
  const quoted = run.command.map((word) => (/^[\w./=:,+-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`));
  section(
    "run",
    "Run and how to reproduce it",
    make("pre", { tabindex: "0", "aria-label": "Command" }, clean(["omafit", ...quoted].join(" "))),
    note("The same command on the same data gives the same numbers, to the digit, on any number of threads. The model as it was used is model.toml in the run's folder."),
    facts([
      ["omafit", `${run.version}, commit ${clean(run.commit)}`],
      ["Started", clean(run.started)],
      ["Machine", `${clean(run.host.os)}, ${clean(run.host.arch)}, ${plural(run.host.cpus, "processor")}`],
      ["Method", populationMethod ? `${populationMethod}, then MAP of each subject` : String(run.method).toUpperCase()],
      population ? ["Population", `${clean(population.stop_reason)}; ${plural(population.iterations, "iteration")}`] : null,
      run.likelihood ? ["OFV, −2LL", `${fixed(run.likelihood.ofv, 3)}, ${fixed(run.likelihood.minus2ll, 3)} by ${APPROXIMATIONS[run.likelihood.method]}`] : null,
      run.likelihood && isNumber(run.likelihood.aic) ? ["AIC, BIC, BICc", ["aic", "bic", "bicc"].map((key) => fixed(run.likelihood[key], 3)).join(", ")] : null,
      population && isNumber(population.condition_number) ? ["Condition number", digits(population.condition_number, 3)] : null,
      population && population.flattest_direction ? ["Least known direction", clean(population.flattest_direction)] : null,
      ["Estimated", o.estimate.join(", ")],
      ["Censored observations", o.censored === "m3" ? "by their likelihood (M3)" : "left out (M1)"],
      ["Relative tolerance of the solver", String(o.relative_tolerance)],
      ["Most iterations, further starts", `${o.max_iterations}, ${o.further_starts}`],
      ["Grid and band", `${o.every_days} d, ${percent(o.level, 0)}`],
      run.seed === null || run.seed === undefined ? null : ["Seed", String(run.seed)],
      o.replicates ? ["Simulations, seed", `${o.replicates.replicates}, ${o.replicates.seed}`] : null,
      ...(run.conditional && !run.population
        ? [
            ["Conditional objective", digits(run.conditional.ofv, 8)],
            ["Conditional −2 log-likelihood", digits(run.conditional.minus2ll, 8)],
            ["Conditional AIC", `${digits(run.conditional.aic, 8)} (at the individual estimates, parameters in effect)`],
          ]
        : []),
      ["Ended", clean(run.stop_reason)],
      ["Time", `${seconds}; ${plural(run.threads, "thread")}`],
      ["Model", `${clean(run.model_file.given)}${run.fitted_model ? `; its estimates are ${clean(run.fitted_model)}` : ""}`],
      ["Model, SHA-256", make("code", {}, run.model_file.sha256)],
      run.model_file.based_on ? ["Model, based on", clean(run.model_file.based_on)] : null,
      ["Data, SHA-256", make("code", {}, run.data.sha256)],
    ]),
  );
}

// The items that FDA's guidance for industry on population pharmacokinetics (2022) and EMA's guideline
// CHMP/EWP/185990/06 ask for, in their order.
function checklist() {
  const has = (id) => document.getElementById(id);
  const link = (id, words) => (has(id) ? make("a", { href: `#${id}` }, words) : null);
  const population = !!story.tables.parameters;
  const items = [
    ["Summary", link("summary", "Summary")],
    ["Data: source, counts, handling of values beyond limits, exclusions with reasons", link("data", "Data")],
    ["Covariates: distribution, missing and assumed values", link("data", "Data")],
    ["Structural model, equations, meaning and units of parameters, sources", link("model", "Model")],
    ["Variability and residual error models", link("model", "Model")],
    ["Estimation method, options, tolerances, convergence", link("run", "Run")],
    ["Parameter estimates with uncertainty", link("parameters", population ? "Parameters" : "Parameters (of the subjects; the population was given)")],
    ["Uncertainty by a second method (bootstrap, SIR)", null, "not part of this run"],
    ["Shrinkage of η", estimated.length ? link("parameters", "Parameters") : null, "no random effect was estimated"],
    ["Condition number", run.population && isNumber(run.population.condition_number) ? link("run", "Run") : null, "of each subject in individuals.csv"],
    ["Goodness of fit: DV–PRED, DV–IPRED, CWRES–time, CWRES–PRED, |IWRES|–IPRED, QQ", link("goodness", "Goodness of fit")],
    ["Individual fits", link("patients", "Subjects")],
    ["Distribution of η, η against covariates", link("eta", "Random effects"), "too few subjects"],
    ["Visual predictive check, numerical check", link("vpc", "Predictive checks"), "not made; omafit vpc RUN makes them"],
    ["NPDE", hasNumbers(observed.NPDE) ? link("goodness", "Goodness of fit") : null, "not made; omafit vpc RUN makes them"],
    ["Covariate model building, forest plot of effects", null, "not part of this run: the model was given"],
    ["Influence of single subjects", story.tables.influence ? link("parameters", "Parameters") : null, "of a population that is estimated (--method foce)"],
    ["Exposure and what it achieves", link("suppression", "Suppression of free IgE"), hasFreeIge ? "no dose, or nothing fitted" : "the model has no free IgE"],
    ["Exposure and response", link("outcomes", "Outcomes"), "not made; omafit outcome RUN OUTCOMES makes it"],
    ["Versions, command, seed, checksums of model and data", link("run", "Run")],
  ];
  const rows = items.map(([item, where, why]) => [item, where || make("span", { class: "absent" }, why || "not in this run")]);
  section("checklist", "Regulatory checklist", grid([text("What FDA (2022) and EMA (CHMP/EWP/185990/06) ask for"), text("Where")], rows, "Checklist"));
}

// Paper is light and narrow: charts are drawn for it before printing, and again for the screen after.
function printing() {
  let before = "";
  const widths = new Map();
  window.addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.look || "";
    document.documentElement.dataset.look = "light";
    for (const c of charts) {
      if (!c.host.isConnected) continue;
      widths.set(c, c.width);
      const wide = c.host.closest(".one") ? 680 : c.host.closest(".panels") ? 400 : c.host.closest(".small") ? 220 : 335;
      c.width = 0;
      c.draw(wide);
    }
  });
  window.addEventListener("afterprint", () => {
    if (before) document.documentElement.dataset.look = before;
    else delete document.documentElement.dataset.look;
    for (const c of charts) {
      c.width = 0;
      if (c.host.isConnected) c.draw();
    }
  });
}

main.replaceChildren();
heading();
warnings();
summary();
dataSection();
modelSection();
parameterSection();
goodnessSection();
predictiveSection();
patientSection();
suppressionSection();
doseSection();
outcomeSection();
runSection();
checklist();
main.append(make("footer", {}, `Written by omafit ${run.version}. Charts by uPlot (MIT licence, Leon Sorokin). This file needs no network. Not medical advice.`));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((c) => c.redraw()));
printing();
document.documentElement.dataset.ready = "yes";
