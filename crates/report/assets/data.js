// The story, and what is computed from it. Nothing here touches the page.
const story = JSON.parse(document.getElementById("story").textContent);
const run = story.run;
const TURNING = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;
// Text from the data: what turns text around or has no shape shows as the replacement character.
const clean = (text) => String(text).replace(TURNING, "\ufffd");
// The analytes that the model predicts, with the names and units that it gives them.
const ANALYTES = story.model.analytes.map((a) => ({ ...a, title: clean(a.title), in_sentence: clean(a.in_sentence) }));
const IGE_FREE = ANALYTES.findIndex((a) => a.is_free_target);
const hasFreeIge = IGE_FREE >= 0;

// A column of a table, or null.
const column = (table, name) => (story.tables[table] && story.tables[table][name]) || null;
const rowsOf = (table) => {
  const columns = story.tables[table];
  const first = columns && Object.values(columns)[0];
  return first ? first.length : 0;
};
const isNumber = (v) => typeof v === "number" && Number.isFinite(v);
// A column as numbers: missing ones are NaN.
const numbers = (table, name) => {
  const values = column(table, name);
  return values ? values.map((v) => (isNumber(v) ? v : NaN)) : null;
};
const hasNumbers = (values) => !!values && values.some(isNumber);

// A number of so many significant digits.
function digits(value, count = 3) {
  if (!isNumber(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) {
    const [mantissa, exponent] = value.toExponential(count - 1).split("e");
    return `${mantissa.replace("-", "−")}×10${raised(Number(exponent))}`;
  }
  const places = Math.max(0, count - 1 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(places, 8)).replace("-", "−");
}
const raised = (n) => String(n).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]));
// What is rounded to nothing has no sign.
const fixed = (value, places) => (isNumber(value) ? value.toFixed(places).replace(/^-(?=[0.]*$)/, "").replace("-", "−") : "–");
const percent = (part, places = 1) => (isNumber(part) ? `${fixed(100 * part, places)} %` : "–");
const pValue = (p) => (!isNumber(p) ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3));
const plural = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

function quantile(values, p) {
  const sorted = values.filter(isNumber).sort((a, b) => a - b);
  if (!sorted.length) return NaN;
  const at = p * (sorted.length - 1);
  const low = sorted[Math.floor(at)];
  return low + (at % 1) * (sorted[Math.min(Math.floor(at) + 1, sorted.length - 1)] - low);
}
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values) => {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - centre) ** 2, 0) / (values.length - 1));
};
const extent = (values) => {
  let low = Infinity;
  let high = -Infinity;
  for (const v of values) {
    if (isNumber(v)) {
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  return low <= high ? [low, high] : null;
};

// The standard normal quantile: Wichura 1988 is more exact; Acklam's 1e-9 is finer than a pixel.
function normalQuantile(p) {
  const a = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239];
  const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572];
  const c = [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783];
  const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) / ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
  }
  const q = p - 0.5;
  const r = q * q;
  return ((((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q) / (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

// A running median of y over x in some thirty groups: the eye's guide in a cloud.
function guide(x, y) {
  const order = [...x.keys()].filter((i) => isNumber(x[i]) && isNumber(y[i])).sort((a, b) => x[a] - x[b]);
  const size = Math.max(20, Math.ceil(order.length / 30));
  const points = [];
  for (let from = 0, to; from + size / 2 < order.length; from = to) {
    // Equal x, as of a visit, stay together.
    to = Math.min(from + size, order.length);
    while (to < order.length && x[order[to]] === x[order[to - 1]]) to += 1;
    const own = order.slice(from, to);
    points.push([quantile(own.map((i) => x[i]), 0.5), quantile(own.map((i) => y[i]), 0.5)]);
  }
  return points.length > 2 ? points : [];
}

const individuals = story.tables.individuals || {};
const ids = (individuals.ID || []).map(clean);
const count = ids.length;
const observations = story.tables.observations || {};
const subjectOf = observations.subject || [];
// Rows of each subject.
const rowsOfSubject = ids.map(() => []);
subjectOf.forEach((s, row) => {
  if (isNumber(s) && rowsOfSubject[s]) rowsOfSubject[s].push(row);
});
const observed = Object.fromEntries(
  ["TIME", "DVID", "DV", "CENS", "PRED", "IPRED", "IWRES", "WRES", "CWRES", "NPDE", "TAD"].map((name) => [name, numbers("observations", name)]),
);
const rowsOfAnalyte = ANALYTES.map((a) => subjectOf.map((_, i) => i).filter((i) => observed.DVID && observed.DVID[i] === a.dvid));
const present = ANALYTES.map((_, a) => a).filter((a) => rowsOfAnalyte[a].length);
const covariates = ["WT", "IGE"]
  .concat(Object.keys(individuals).filter((name) => run.data.read.covariates.includes(name)))
  .filter((name, i, all) => all.indexOf(name) === i && hasNumbers(numbers("individuals", name)));
const UNITS = { WT: "kg", IGE: "ng/mL" };
const MEANINGS = { WT: "body weight", IGE: "baseline total IgE" };
const withUnit = (name) => (UNITS[name] ? `${name} (${UNITS[name]})` : name);
const estimated = story.model.parameters.filter((p) => p.estimated && individuals[`ETA_${p.name}`]);

// The course of subject i, unpacked; null if it has none.
function course(i) {
  const packed = story.courses.subjects[i];
  if (!packed || !packed.count) return null;
  const bytes = Uint8Array.from(atob(packed.numbers), (c) => c.charCodeAt(0));
  const n = packed.count;
  const read = (kind, analyte) => {
    const [low, high] = story.courses.ranges[kind][analyte];
    return Array.from({ length: n }, (_, k) => {
      const at = 2 * ((3 * analyte + kind) * n + k);
      const step = bytes[at] | (bytes[at + 1] << 8);
      return step === 65535 ? NaN : Math.exp(low + (step / 65534) * (high - low));
    });
  };
  const value = ANALYTES.map((_, a) => read(0, a));
  const factor = ANALYTES.map((_, a) => read(1, a));
  return {
    time: value[0].map((_, k) => packed.start + k * packed.every),
    value,
    lower: value.map((v, a) => v.map((x, k) => x / factor[a][k])),
    upper: value.map((v, a) => v.map((x, k) => x * factor[a][k])),
    typical: ANALYTES.map((_, a) => read(2, a)),
    doses: packed.doses,
  };
}
