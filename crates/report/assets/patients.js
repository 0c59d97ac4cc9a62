// The browser of subjects: find one, see its courses, its parameters and how it compares.
const patients = { open() {} };

function patientSection() {
  if (!count) return;
  const fit = numbers("individuals", "rmse_log") || ids.map(() => NaN);
  const status = individuals.status || ids.map(() => "ok");
  const etaSize = ids.map((_, i) => Math.max(...estimated.map((p) => Math.abs((numbersCache(`ETA_${p.name}`)[i] ?? NaN) / (p.omega_sd || NaN))).filter(isNumber), 0));
  const rank = (values, down) => (i, j) => {
    const [a, b] = [values[i], values[j]];
    if (!isNumber(a) || !isNumber(b)) return isNumber(b) - isNumber(a) || i - j;
    return (down ? b - a : a - b) || i - j;
  };
  const problems = status.map((s) => (s === "failed" ? 2 : s === "ok" ? 0 : 1));
  const orders = [
    ["Worst fit first", (i, j) => problems[j] - problems[i] || rank(fit, true)(i, j)],
    ["As in the data", (i, j) => i - j],
    ["Best fit first", rank(fit, false)],
    ["Most unusual parameters first", rank(etaSize, true)],
    ...(hasFreeIge ? [["Fewest days below target first", rank(numbersCache("days_below_target"), false)]] : []),
    ...covariates.flatMap((name) => [[`${name}, highest first`, rank(numbersCache(name), true)], [`${name}, lowest first`, rank(numbersCache(name), false)]]),
  ];
  const search = make("input", { type: "search", placeholder: "ID", "aria-label": "Find a subject by ID", autocomplete: "off", spellcheck: "false" });
  const sort = make("select", { "aria-label": "Order of subjects" }, orders.map(([name], i) => make("option", { value: i }, name)));
  const list = make("ul", { class: "list", role: "listbox", tabindex: "0", "aria-label": "Subjects" });
  const found = make("p", { class: "remark", role: "status" });
  const back = make("button", { type: "button" }, "← Previous");
  const next = make("button", { type: "button" }, "Next →");
  const title = make("h3", { id: "subject", tabindex: "-1" });
  const detail = make("div", { class: "subject" });
  const state = { shown: [], current: -1 };
  const items = ids.map((id, i) =>
    make("li", { role: "option", id: `subject-${i}`, "aria-selected": "false" }, make("bdi", {}, id), make("span", {}, problems[i] ? status[i].replace("_", " ") : isNumber(fit[i]) ? percent(fit[i], 0) : "")),
  );
  items.forEach((item, i) => item.addEventListener("click", () => select(i)));
  const refresh = () => {
    const wanted = search.value.trim().toLowerCase();
    state.shown = ids.map((_, i) => i).filter((i) => ids[i].toLowerCase().includes(wanted));
    state.shown.sort(orders[Number(sort.value)][1]);
    list.replaceChildren(...state.shown.map((i) => items[i]));
    found.textContent = wanted ? `${state.shown.length} of ${plural(count, "subject")}` : plural(count, "subject");
    if (state.shown.length && !state.shown.includes(state.current)) select(state.shown[0]);
    else mark();
  };
  const mark = () => {
    const at = state.shown.indexOf(state.current);
    back.disabled = at <= 0;
    next.disabled = at < 0 || at >= state.shown.length - 1;
  };
  const select = (i) => {
    if (items[state.current]) items[state.current].setAttribute("aria-selected", "false");
    state.current = i;
    items[i].setAttribute("aria-selected", "true");
    list.setAttribute("aria-activedescendant", items[i].id);
    if (items[i].isConnected) {
      // Within the list only: the page stays where it is.
      const { offsetTop: top, offsetHeight: height } = items[i];
      if (top < list.scrollTop) list.scrollTop = top;
      else if (top + height > list.scrollTop + list.clientHeight) list.scrollTop = top + height - list.clientHeight;
    }
    mark();
    showSubject(i, title, detail);
  };
  const move = (by) => {
    const at = state.shown.indexOf(state.current) + by;
    if (at >= 0 && at < state.shown.length) select(state.shown[at]);
  };
  back.addEventListener("click", () => move(-1));
  next.addEventListener("click", () => move(1));
  search.addEventListener("input", refresh);
  sort.addEventListener("change", refresh);
  const keys = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    const at = state.shown.indexOf(state.current);
    const to = Math.min(Math.max(at + by, 0), state.shown.length - 1);
    if (state.shown.length) select(state.shown[to]);
    event.preventDefault();
  };
  list.addEventListener("keydown", keys);
  search.addEventListener("keydown", (event) => event.key.startsWith("Arrow") && event.key !== "ArrowLeft" && event.key !== "ArrowRight" && keys(event));
  patients.open = (i, scroll) => {
    if (!state.shown.includes(i)) {
      search.value = "";
      refresh();
    }
    select(i);
    if (scroll) {
      document.getElementById("patients").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      title.focus({ preventScroll: true });
    }
  };
  section(
    "patients",
    "Subjects",
    make(
      "div",
      { class: "browser" },
      make("div", { class: "finder" }, search, sort, list, found),
      make("div", { class: "shown" }, make("div", { class: "head" }, title, make("div", { class: "controls" }, back, next)), detail),
    ),
  );
  refresh();
}

const cached = {};
const numbersCache = (name) => (cached[name] = cached[name] || numbers("individuals", name) || ids.map(() => NaN));

function showSubject(i, title, detail) {
  forget(detail);
  title.replaceChildren("Subject ", make("bdi", {}, ids[i]));
  const of = (name) => numbersCache(name)[i];
  const status = individuals.status[i];
  const head = [];
  if (status !== "ok") head.push(make("p", { class: "reservation" }, `${status.replace("_", " ")}: ${clean(individuals.reason[i])}`));
  const c = course(i);
  const panels = make("div", { class: "panels" });
  const level = percent(run.options.level, 0);
  const hasTypical = c && c.typical.some(hasNumbers);
  const hasBand = c && c.upper.some(hasNumbers);
  if (c)
    head.push(
      legend(["dot", "observed"], ["line fit", "individual fit"], ...(hasBand ? [["band", `${level} band of the fit`]] : []), ...(hasTypical ? [["line typical", "typical subject, same covariates and doses"]] : []), ...(hasFreeIge ? [["line target", "target"]] : []), ["dose", "dose"]),
    );
  else head.push(make("p", {}, "There is no time course."));
  detail.replaceChildren(...head, make("div", { class: "beside" }, panels, make("div", { class: "facts-column" }, ...subjectFacts(i, of))));
  const target = run.options.target_ng_ml;
  const rows = rowsOfSubject[i];
  const days = c ? extent(c.time.concat(rows.map((r) => observed.TIME[r]))) : extent(rows.map((r) => observed.TIME[r]));
  ANALYTES.forEach((analyte, a) => {
    const own = rows.filter((r) => observed.DVID[r] === analyte.dvid);
    if (!own.length && !(c && hasNumbers(c.value[a]) && Math.max(...c.value[a].filter(isNumber)) > 0)) return;
    const host = figure(`${analyte.title} (${analyte.unit})`);
    panels.append(host);
    const seen = own.filter((r) => observed.CENS[r] === 0).map((r) => [observed.TIME[r], observed.DV[r]]);
    const beyond = own.filter((r) => observed.CENS[r] !== 0).map((r) => [observed.TIME[r], observed.DV[r], -observed.CENS[r]]);
    const shownValues = seen.concat(beyond).map((p) => p[1]).concat(a === IGE_FREE ? [target] : []);
    let range = extent(shownValues.filter((v) => v > 0));
    if (c) {
      // The band and the first rise of the drug may not squeeze the rest.
      const core = c.value[a].filter((v, k) => v > 0 && c.time[k] >= c.time[0] + 1);
      const fitted = extent(core.length ? core : c.value[a].filter((v) => v > 0));
      range = extent([...(range || []), ...(fitted || [])]);
      const wide = extent([...c.lower[a], ...c.upper[a], ...c.typical[a]].filter((v, k) => v > 0 && c.time[k % c.time.length] >= c.time[0] + 1));
      if (range && wide) range = [Math.max(wide[0], range[0] / 3) < range[0] ? Math.max(wide[0], range[0] / 3) : range[0], Math.max(range[1], Math.min(wide[1], range[1] * 3))];
    }
    const zip = (values) => c.time.map((time, k) => [time, values[k]]);
    chart(host, {
      label: `${analyte.title} of subject ${ids[i]}: ${plural(own.length, "observation")}`,
      height: 210,
      sync: `subject-${i}`,
      x: { title: "Time (days)", range: days, room: 0.015, step: WEEKS },
      y: { title: "", range, log: true },
      steps: c ? c.time : seen.map((p) => p[0]),
      draw(p) {
        if (c) {
          p.ribbon(c.time.map((time, k) => [time, c.lower[a][k], c.upper[a][k]]), alpha(p.colors.fit, 0.2));
          p.doses(c.doses.map((d) => d[0]), p.colors.muted);
        }
        if (a === IGE_FREE) p.across(target, p.colors.target, [2, 3], `${target} ng/mL`);
        if (c) {
          p.line(zip(c.typical[a]), p.colors.typical, 1.4, [6, 4]);
          p.line(zip(c.value[a]), p.colors.fit, 2);
        }
        p.dots(seen, p.colors.seen, 3.6, p.colors.paper);
        p.arrows(beyond, p.colors.seen);
      },
      hover(time) {
        const lines = [];
        let x = time;
        if (c) {
          const k = Math.min(Math.max(Math.round((time - c.time[0]) / (c.time[1] - c.time[0] || 1)), 0), c.time.length - 1);
          x = c.time[k];
          const band = isNumber(c.lower[a][k]) ? ` (${digits(c.lower[a][k])} – ${digits(c.upper[a][k])})` : "";
          lines.push(`day ${digits(x, 4)}`, `fit ${digits(c.value[a][k])}${band} ${analyte.unit}`);
          if (isNumber(c.typical[a][k])) lines.push(`typical ${digits(c.typical[a][k])}`);
          const dose = c.doses.find((d) => Math.abs(d[0] - x) < 0.5);
          if (dose) lines.push(`dose ${Number(dose[1].toPrecision(4))} mg`);
        }
        const span = days ? (days[1] - days[0]) / 60 : 1;
        const near = own.filter((r) => Math.abs(observed.TIME[r] - x) <= span).sort((r, q) => Math.abs(observed.TIME[r] - x) - Math.abs(observed.TIME[q] - x))[0];
        if (near !== undefined) lines.push(`observed ${observed.CENS[near] > 0 ? "< " : observed.CENS[near] < 0 ? "> " : ""}${digits(observed.DV[near])} on day ${digits(observed.TIME[near], 4)}`);
        return lines.length ? { x, y: NaN, text: lines } : null;
      },
    });
  });
  const slider = doseSlider(i, c);
  if (slider) panels.append(slider);
}

function subjectFacts(i, of) {
  const rows = story.model.parameters
    .filter((p) => isNumber(of(p.name)) || p.estimated)
    .map((p) => {
      const value = of(p.name);
      const se = numbersCache(`SE_${p.name}`)[i];
      const interval = isNumber(of(`CI_LOW_${p.name}`)) ? `${digits(of(`CI_LOW_${p.name}`))} – ${digits(of(`CI_HIGH_${p.name}`))}` : p.estimated ? "not determined" : "held";
      const eta = of(`ETA_${p.name}`);
      return [[make("code", { title: p.meaning }, p.name), make("small", {}, p.unit === "1" ? "" : ` ${p.unit}`)], digits(value), isNumber(se) ? percent(se / value, 0) : "", interval, isNumber(eta) ? fixed(eta, 2) : ""];
    });
  const target = run.options.target_ng_ml;
  const day = (name) => (isNumber(of(name)) ? `${digits(of(name))} d` : null);
  const pair = (name, value) => (value === null || value === "–" ? null : [name, value]);
  return [
    facts([
      ...covariates.map((name) => pair(name, `${digits(of(name))} ${UNITS[name] || ""}`)),
      pair("Doses", story.courses.subjects[i] ? doseWords(story.courses.subjects[i].doses) : null),
      pair("Observations", rowsOfSubject[i].length),
      pair("RMSE (log)", percent(of("rmse_log"))),
      pair("Objective", digits(of("ofv"), 4)),
      pair(`Below ${target} ng/mL after`, day("days_to_target")),
      pair("Days below", isNumber(of("days_below_target")) ? digits(of("days_below_target")) : null),
      pair("Trough", isNumber(of("ige_free_trough")) ? `${digits(of("ige_free_trough"))} ng/mL` : null),
      pair("Above again after", day("days_to_return")),
    ]),
    grid([text(""), number("Estimate"), number("RSE"), number("95 % interval"), number("η")], rows, "Parameters of the subject"),
    individuals.weak_directions && individuals.weak_directions[i] ? note("The data alone leave weak: ", clean(individuals.weak_directions[i]), ".") : null,
  ].filter((part) => part);
}

function doseWords(doses) {
  if (!doses.length) return "none";
  const amounts = [...new Set(doses.map((d) => d[1]))].map((mg) => String(Number(mg.toPrecision(4))));
  return `${doses.length} × ${amounts.length > 3 ? `${amounts.slice(0, 3).join(", ")} …` : amounts.join(", ")} mg`;
}
