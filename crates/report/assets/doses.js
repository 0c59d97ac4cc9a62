// Other doses: what they do to all subjects, and to one.
const NO_ADVICE = "Not medical advice.";

// The course of free IgE of subject i under alternative k, unpacked; null if it has none.
function otherCourse(k, i) {
  const packed = story.what_if.alternatives[k].subjects[i];
  if (!packed || !packed.count) return null;
  const bytes = Uint8Array.from(atob(packed.numbers), (c) => c.charCodeAt(0));
  const read = (kind) => {
    const [low, high] = story.what_if.ranges[kind];
    return Array.from({ length: packed.count }, (_, n) => {
      const at = 2 * (kind * packed.count + n);
      const step = bytes[at] | (bytes[at + 1] << 8);
      return step === 65535 ? NaN : Math.exp(low + (step / 65534) * (high - low));
    });
  };
  const [value, factor] = [read(0), read(1)];
  return {
    time: value.map((_, n) => packed.start + n * packed.every),
    value,
    lower: value.map((v, n) => v / factor[n]),
    upper: value.map((v, n) => v * factor[n]),
  };
}

// A slider over the alternatives, the doses as given among them, that redraws a subject's free IgE.
function doseSlider(i, c) {
  if (!story.what_if || !c) return null;
  const factors = story.what_if.record.factors || [];
  const others = story.what_if.alternatives.map((a, k) => ({ name: a.name, course: otherCourse(k, i) })).filter((a) => a.course);
  if (!others.length) return null;
  const given = { name: "as given", course: { time: c.time, value: c.value[IGE_FREE], lower: c.lower[IGE_FREE], upper: c.upper[IGE_FREE] } };
  const stops = others.slice();
  stops.splice(factors.filter((f) => f < 1).length, 0, given);
  const state = { at: stops.indexOf(given) };
  const input = make("input", { type: "range", min: 0, max: stops.length - 1, step: 1, value: state.at, "aria-label": "Doses" });
  const words = make("output", {}, given.name);
  const host = figure("Free IgE under other doses (ng/mL)", "doses");
  const target = story.what_if.record.target_ng_ml;
  // The first fall may not squeeze the rest, and the axis stays where it is while the slider moves.
  const settled = stops.flatMap(({ course }) => course.value.filter((v, n) => v > 0 && course.time[n] >= course.time[0] + 1));
  const zip = ({ time, value }) => time.map((day, n) => [day, value[n]]);
  const entry = chart(host, {
    label: `Free IgE of subject ${ids[i]} under other doses`,
    height: 210,
    x: { title: "Time (days)", range: extent(c.time), room: 0.015, step: WEEKS },
    y: { title: "", range: extent(settled.concat([target])), log: true },
    steps: c.time,
    draw(p) {
      const { course } = stops[state.at];
      p.ribbon(course.time.map((day, n) => [day, course.lower[n], course.upper[n]]), alpha(p.colors.seen, 0.2));
      p.across(target, p.colors.target, [2, 3], `${target} ng/mL`);
      p.line(zip(given.course), p.colors.fit, 1.6);
      if (stops[state.at] !== given) p.line(zip(course), p.colors.seen, 2);
    },
    hover(day) {
      const { name, course } = stops[state.at];
      const n = Math.min(Math.max(Math.round((day - course.time[0]) / (course.time[1] - course.time[0] || 1)), 0), course.time.length - 1);
      return { x: course.time[n], y: NaN, text: [`day ${digits(course.time[n], 4)}`, `${name} ${digits(course.value[n])} (${digits(course.lower[n])} – ${digits(course.upper[n])}) ng/mL`] };
    },
  });
  input.addEventListener("input", () => {
    state.at = Number(input.value);
    words.textContent = stops[state.at].name;
    input.setAttribute("aria-valuetext", stops[state.at].name);
    entry.redraw();
  });
  host.append(make("p", { class: "slider" }, input, words), make("p", { class: "remark" }, `The band is that of this fit. ${NO_ADVICE}`));
  return host;
}

// The subjects over each target, side by side.
function targetTable() {
  const t = story.tables.what_if_targets;
  if (!t) return null;
  const targets = [...new Set(t.target_ng_ml)];
  const names = [...new Set(t.alternative)];
  const part = (n, of) => `${n} (${percent(n / of)})`;
  const lines = names.map((name) => {
    const at = (target) => t.alternative.findIndex((a, r) => a === name && t.target_ng_ml[r] === target);
    return [name, ...targets.flatMap((target) => {
      const r = at(target);
      return [part(t.over_given[r], t.patients[r]), part(t.over[r], t.patients[r]), fixed(t.expected_over[r], 1)];
    })];
  });
  return grid([text("Doses"), ...targets.flatMap((target) => [number(`Over ${target} ng/mL as given`), number("otherwise"), number("expected")])], lines, "Targets side by side; expected: the sum of the probabilities to be over");
}

// Expected changes of outcomes, with intervals, and as a curve where three factors or more were asked for.
function outcomeChanges() {
  const t = story.tables.what_if_outcomes;
  if (!t || !t.measure.length) return [];
  const ends = (name, r, count = 3) => withEnds(t[name][r], t[`${name}_low`][r], t[`${name}_high`][r], count);
  const days = (r) => {
    if (!isNumber(t.days_to_return[r])) return clean(t.reason[r]) || "not within the course";
    if (!isNumber(t.days_to_return_high[r]) && isNumber(t.days_to_return_low[r])) return `${digits(t.days_to_return[r])} (${digits(t.days_to_return_low[r])} or more)`;
    return ends("days_to_return", r);
  };
  const unit = (r) => (t.unit[r] ? ` (${clean(t.unit[r])})` : "");
  const lines = t.measure.map((_, r) => [t.alternative[r], `${clean(t.measure[r])}${unit(r)}`, clean(t.responder[r]), t.patients[r], ends("change_given", r), ends("change", r), ends("difference", r), days(r)]);
  const heads = [text("Doses"), text("Outcome"), text("Responder"), number("n"), number("Change as given"), number("Otherwise"), number("Difference"), number("Days to half of the effect")];
  const out = [make("h3", {}, "Outcomes under other doses"), grid(heads, lines, "Expected change at the end of treatment; days after the last dose that is the same")];
  const factors = story.what_if.record.factors || [];
  const names = story.what_if.alternatives.map((a) => a.name);
  if (new Set(factors).size < 3) return out;
  const host = make("div", { class: "charts" });
  for (const measure of new Set(t.measure)) {
    for (const responder of new Set(t.responder)) {
      const rows = factors.map((factor, k) => [factor, t.measure.findIndex((m, r) => m === measure && t.responder[r] === responder && t.alternative[r] === names[k])]).filter(([, r]) => r >= 0);
      if (rows.length < 3) continue;
      const place = figure(`${clean(measure)}, ${clean(responder)}: expected change against dose`);
      host.append(place);
      const y = extent(rows.flatMap(([, r]) => [t.change_low[r], t.change_high[r], t.change[r], 0].filter(isNumber)));
      chart(place, {
        label: `Expected change of ${clean(measure)} of ${clean(responder)} against dose`,
        height: 210,
        x: { title: "Dose (% of the given)", range: extent(rows.map(([factor]) => 100 * factor)), room: 0.03 },
        y: { title: `Change${unit(rows[0][1])}`, range: y },
        steps: rows.map(([factor]) => 100 * factor),
        draw(p) {
          p.ribbon(rows.filter(([, r]) => isNumber(t.change_low[r])).map(([factor, r]) => [100 * factor, t.change_low[r], t.change_high[r]]), alpha(p.colors.fit, 0.25));
          p.across(0, p.colors.muted);
          p.line(rows.map(([factor, r]) => [100 * factor, t.change[r]]), p.colors.fit, 2);
          p.dots(rows.map(([factor, r]) => [100 * factor, t.change[r]]), p.colors.fit, 2.6);
        },
        hover(x) {
          const near = nearest(rows, ([factor]) => 100 * factor, x);
          return near === undefined ? null : { x: 100 * near[0], y: t.change[near[1]], text: [`${digits(100 * near[0])} % of the dose`, ends("change", near[1])] };
        },
      });
    }
  }
  out.push(legend(["line fit", "expected change at the end of treatment"], ["band", "95 % interval"]), host);
  return out;
}

function doseSection() {
  const table = story.tables.what_if;
  if (!story.what_if || !table) return;
  const { record } = story.what_if;
  const middle = (values) => {
    const sorted = values.filter(isNumber).sort((a, b) => a - b);
    const half = (sorted.length - 1) / 2;
    return sorted.length ? (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2 : NaN;
  };
  const rows = story.what_if.alternatives.map(({ name }) => {
    const own = table.alternative.map((_, r) => r).filter((r) => table.alternative[r] === name && table.status[r] === "ok");
    const rise = own.filter((r) => table.rises[r] === 1);
    const part = (n) => `${n} (${percent(n / own.length)})`;
    return [
      name,
      String(own.length),
      digits(middle(own.map((r) => table.peak_given[r]))),
      digits(middle(own.map((r) => table.peak[r]))),
      part(own.filter((r) => table.days_over_given[r] > 0).length),
      part(own.filter((r) => table.days_over[r] > 0).length),
      part(rise.length),
      rise.length ? digits(middle(rise.map((r) => table.day_over[r])) / 7) : "",
      rise.length ? digits(middle(rise.map((r) => table.days_over[r]))) : "",
    ];
  });
  const target = `${record.target_ng_ml} ng/mL`;
  const changes = outcomeChanges();
  section(
    "doses",
    "Other doses",
    make("p", {}, `Each subject replayed with its own parameters under other doses, from the first dose that is other (or its second dose) to the end of its treatment. ${run.simulated ? "The data are simulated: nothing here was measured in a patient. " : ""}${NO_ADVICE}`),
    grid(
      [text("Doses"), number("Subjects"), number("Highest free IgE as given"), number("Otherwise"), number(`Over ${target} as given`), number("Otherwise"), number("Rise over it"), number("Week of the rise"), number("Days over it")],
      rows,
      "Medians over subjects; of the last two over those who rise",
    ),
    targetTable(),
    ...changes,
    note("Each subject under ", make("a", { href: "#patients" }, "Subjects"), " has a slider over these doses."),
  );
}
