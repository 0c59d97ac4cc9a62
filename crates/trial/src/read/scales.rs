//! Checks for values in a unit other than that of the other values of their analyte: single values, the values of a
//! subject, and the values of a study or site.
//!
//! The evidence is a ratio equal to the factor of a unit where physiology gives another ratio: 1000 (ng/mL and µg/mL,
//! or µg/L), and for total IgE before the first dose, which `IGE` repeats, 2.42 (IU/mL and ng/mL).

use omafit_model::units::NG_PER_IU;
use omafit_model::{Analyte, Censoring, Covariates, Observation, Substance};
use std::collections::{BTreeMap, BTreeSet};

use super::checks::Check;
use super::examine::Course;
use super::findings::Findings;
use super::problem::Shown;
use super::raw::{Heading, RawRow};
use super::robust::{Robust, middle};
use crate::present::count;
use crate::trial::Warning;

/// The factor between units that differ by a prefix.
const THOUSAND: f64 = 1000.0;
/// Tolerance of a ratio around 1000, as a factor, for single values, subjects and groups.
const NEAR_THOUSAND: f64 = 3.0;
/// Tolerance of a ratio of total IgE to `IGE` around 2.42, as a factor: for a subject if most subjects agree within
/// [`EQUAL`], and for the medians of groups.
const NEAR_IU: f64 = 1.01;
const NEAR_IU_OF_GROUPS: f64 = 1.1;
const EQUAL: f64 = 1.02;
/// Proportion of the subjects, or of a group, that must agree.
const MOST: f64 = 0.8;
/// Tolerance of the ratios of a group around their median, as a factor: for ratios to a dose or to `IGE` during
/// treatment, and for ratios of total IgE before treatment.
const CLOSE: f64 = 10.0;
const CLOSE_BEFORE: f64 = 1.3;
/// Minimum number of subjects to compare with, and minimum number of subjects in a group.
const FEWEST: usize = 10;
const FEWEST_OF_GROUP: usize = 5;
/// Minimum number of values of a subject that define its level.
const VALUES: usize = 3;
/// Number of robust standard deviations from the median of all subjects beyond which a subject's level must lie, and
/// minimum of that standard deviation.
const FAR: f64 = 6.0;
const LEAST_DEVIATION: f64 = 0.1;
/// Days within which neither omalizumab nor IgE rises and falls by a factor of 1000.
const NEIGHBOUR_DAYS: f64 = 60.0;
/// Factor by which a value must differ from the median of its analyte.
const UNUSUAL: f64 = 100.0;

/// Value that is far from the values before and after it.
struct Jump {
    analyte: Analyte,
    value: f64,
    row: u64,
    id: String,
}

/// Levels of an analyte in a subject, as logarithms; NaN if unknown.
#[derive(Clone, Copy)]
struct Levels {
    /// Geometric mean of the values.
    mean: f64,
    /// Median of the values relative to the largest dose, or to `IGE`.
    relative: f64,
}

/// Subject with its levels and groups.
struct One {
    row: u64,
    id: String,
    levels: BTreeMap<Analyte, Levels>,
    /// Ratio of total IgE before the first dose to an `IGE` given in the file, as a logarithm.
    before: f64,
    /// Group of the subject in each column of groups.
    groups: Vec<usize>,
}

/// Column that divides the subjects into groups.
struct GroupColumn {
    at: usize,
    title: String,
    names: Vec<String>,
    current: usize,
}

/// Values of all subjects.
pub(super) struct Scales {
    subjects: Vec<One>,
    jumps: Vec<Jump>,
    groups: Vec<GroupColumn>,
}

impl Scales {
    /// Starts with no subjects, and with the columns that divide them into groups.
    pub(super) fn new(heading: &Heading, groups: Vec<usize>) -> Self {
        let new =
            |at: usize| GroupColumn { at, title: heading.header[at].clone(), names: Vec::new(), current: 0 };
        Self { subjects: Vec::new(), jumps: Vec::new(), groups: groups.into_iter().map(new).collect() }
    }

    /// Begins a subject, in the groups of its first row.
    pub(super) fn begin(&mut self, row: &RawRow) {
        for column in &mut self.groups {
            let cell = row.cells.get(column.at).unwrap_or("").trim();
            column.current = column.names.iter().position(|name| name == cell).unwrap_or_else(|| {
                column.names.push(cell.to_owned());
                column.names.len() - 1
            });
        }
    }

    /// Ends the subject; `has_ige` tells whether its `IGE` is given in the file rather than taken from total IgE.
    pub(super) fn end(&mut self, course: &Course<'_>, covariates: &Covariates, has_ige: bool) {
        let dose = course.doses.iter().map(|dose| dose.amount_mg).fold(0.0, f64::max);
        let ige = covariates.ige_ng_ml().filter(|_| has_ige).unwrap_or(f64::NAN);
        let analytes: BTreeSet<Analyte> = course.observations.iter().map(|o| o.analyte).collect();
        let mut levels = BTreeMap::new();
        for analyte in analytes {
            let is_value = |o: &&Observation| {
                o.analyte == analyte && o.censoring == Censoring::Quantified && o.value > 0.0
            };
            let values: Vec<&Observation> = course.observations.iter().filter(is_value).collect();
            self.jumps.extend(jumps(&values, course.id));
            let usual = middle(values.iter().map(|o| o.value).collect()).unwrap_or(f64::NAN);
            let sum: f64 = values.iter().map(|o| o.value.ln()).sum();
            let mean = if values.is_empty() { f64::NAN } else { sum / values.len() as f64 };
            let over = if analyte.substance() == Substance::Drug { dose } else { ige };
            let is_level = values.len() >= VALUES && over > 0.0;
            let relative = if is_level { (usual / over).ln() } else { f64::NAN };
            levels.insert(analyte, Levels { mean, relative });
        }
        let is_before = |o: &&Observation| {
            o.analyte == Analyte::IGE_TOTAL
                && o.censoring == Censoring::Quantified
                && course.first_dose.is_some_and(|first| o.doses_before <= first)
        };
        let total = course.observations.iter().rfind(is_before).map_or(f64::NAN, |o| o.value);
        let before = (total / ige).ln();
        let before = if before.is_finite() { before } else { f64::NAN };
        let groups = self.groups.iter().map(|column| column.current).collect();
        self.subjects.push(One { row: course.row, id: course.id.to_owned(), levels, before, groups });
    }

    /// Adds findings for single values and subjects; returns warnings for groups.
    pub(super) fn finish(&self, findings: &mut Findings) -> Vec<Warning> {
        self.single(findings);
        let mut warnings = Vec::new();
        for analyte in self.analytes() {
            let level = |one: &One| one.levels.get(&analyte).map_or(f64::NAN, |levels| levels.relative);
            let thousand = |ratio: f64| near(ratio, THOUSAND, NEAR_THOUSAND);
            let over = if analyte.substance() == Substance::Drug { "its dose" } else { "IGE" };
            let what = format!("the median of {} over {over}", analyte.name());
            match self.group(&level, CLOSE, &thousand, &what) {
                Some(warning) => warnings.push(warning),
                None => self.by_thousand(analyte, &level, findings),
            }
        }
        let is_iu = |ratio: f64| near(ratio, NG_PER_IU, NEAR_IU_OF_GROUPS);
        let what = "ige_total before the first dose over IGE";
        match self.group(&|one| one.before, CLOSE_BEFORE, &is_iu, what) {
            Some(warning) => warnings.push(warning),
            None => self.by_iu(findings),
        }
        warnings
    }

    /// The analytes that were observed.
    fn analytes(&self) -> BTreeSet<Analyte> {
        self.subjects.iter().flat_map(|one| one.levels.keys()).copied().collect()
    }

    fn single(&self, findings: &mut Findings) {
        let usual = |analyte: Analyte| {
            let levels = self.subjects.iter().filter_map(|one| one.levels.get(&analyte));
            let means = levels.map(|levels| levels.mean).filter(|mean| !mean.is_nan());
            middle(means.collect()).unwrap_or(f64::NAN)
        };
        let usual: BTreeMap<Analyte, f64> = self.analytes().into_iter().map(|a| (a, usual(a))).collect();
        let is_unusual = |jump: &&Jump| {
            usual.get(&jump.analyte).is_some_and(|usual| (jump.value.ln() - usual).abs() > UNUSUAL.ln())
        };
        for Jump { analyte, value, row, id } in self.jumps.iter().filter(is_unusual) {
            let seen = || format!("{value} {}", analyte.unit());
            findings.add_seen(Check::ValueInOtherUnit, analyte.name(), (*row, id), seen);
        }
    }

    fn by_thousand(&self, analyte: Analyte, level: &dyn Fn(&One) -> f64, findings: &mut Findings) {
        let levels: Vec<f64> = self.subjects.iter().map(level).filter(|level| !level.is_nan()).collect();
        if levels.len() < FEWEST {
            return;
        }
        let Some(robust) = Robust::of(levels) else { return };
        let deviation = robust.deviation.max(LEAST_DEVIATION);
        for one in &self.subjects {
            let above = level(one) - robust.median;
            if near(above.exp(), THOUSAND, NEAR_THOUSAND) && above.abs() > FAR * deviation {
                let seen = || format!("{} times the others'", shown(above.exp()));
                findings.add_seen(Check::SubjectInOtherUnit, analyte.name(), (one.row, &one.id), seen);
            }
        }
    }

    fn by_iu(&self, findings: &mut Findings) {
        let ratios = self.subjects.iter().map(|one| one.before.exp()).filter(|ratio| !ratio.is_nan());
        let (mut all, mut equal) = (0_usize, 0_usize);
        for ratio in ratios {
            all += 1;
            equal += usize::from(ratio.max(1.0 / ratio) < EQUAL);
        }
        if all < FEWEST || (equal as f64) < MOST * all as f64 {
            return;
        }
        for one in self.subjects.iter().filter(|one| near(one.before.exp(), NG_PER_IU, NEAR_IU)) {
            let seen = || format!("before the first dose {} times IGE", shown(one.before.exp()));
            findings.add_seen(Check::SubjectInOtherUnit, Analyte::IGE_TOTAL.name(), (one.row, &one.id), seen);
        }
    }

    /// Warning of the first group whose subjects' levels differ from the levels of all others by the factor of a unit.
    fn group(
        &self,
        level: &dyn Fn(&One) -> f64,
        close: f64,
        is_factor: &dyn Fn(f64) -> bool,
        what: &str,
    ) -> Option<Warning> {
        let known: Vec<(&One, f64)> =
            self.subjects.iter().map(|one| (one, level(one))).filter(|(_, level)| !level.is_nan()).collect();
        let middle_of = |some: &[(&One, f64)]| middle(some.iter().map(|(_, level)| *level).collect());
        let overall = middle_of(&known)?;
        for (position, column) in self.groups.iter().enumerate() {
            let mut by_group: Vec<Vec<(&One, f64)>> = vec![Vec::new(); column.names.len()];
            known.iter().for_each(|one| by_group[one.0.groups[position]].push(*one));
            for (group, own) in by_group.iter().enumerate() {
                // The smaller part is reported. A group that is near the median of all needs no closer look.
                let is_far = |median: f64| (median - overall).abs() > LEAST_DEVIATION;
                let Some(own_median) = agreed(own, close).filter(|median| is_far(*median)) else { continue };
                let others: Vec<_> =
                    known.iter().copied().filter(|(one, _)| one.groups[position] != group).collect();
                let Some(median) = agreed(&others, close).filter(|_| own.len() <= others.len()) else {
                    continue;
                };
                let ratio = (own_median - median).exp();
                if !is_factor(ratio) {
                    continue;
                }
                let name = &column.names[group];
                let (title, name) = (Shown(&column.title), Shown(name));
                let first = own[0].0;
                let text = format!(
                    "{title} {name}: {what} is in the median of {} {} times that of all others, as in another unit (row {} of ID {}); \
                     one unit in the file mends it",
                    count(own.len(), "subject"),
                    shown(ratio),
                    first.row,
                    Shown(&first.id)
                );
                return Some(Warning { check: "group_in_other_unit".to_owned(), text });
            }
        }
        None
    }
}

/// Values that are about 1000 times, or a thousandth of, the values before and after them.
fn jumps(values: &[&Observation], id: &str) -> Vec<Jump> {
    let is_jump = |three: &&[&Observation]| {
        let [a, b, c] = [three[0], three[1], three[2]];
        let (up, down) = (b.value / a.value, b.value / c.value);
        let is_near = |ratio: f64| near(ratio, THOUSAND, NEAR_THOUSAND);
        is_near(up)
            && is_near(down)
            && (up > 1.0) == (down > 1.0)
            && b.time - a.time <= NEIGHBOUR_DAYS
            && c.time - b.time <= NEIGHBOUR_DAYS
    };
    let jump = |three: &[&Observation]| Jump {
        analyte: three[1].analyte,
        value: three[1].value,
        row: three[1].row,
        id: id.to_owned(),
    };
    values.windows(3).filter(is_jump).map(jump).collect()
}

/// Text of a ratio, with enough digits to show which factor it is near.
fn shown(ratio: f64) -> String {
    if (0.1..10.0).contains(&ratio) { format!("{ratio:.4}") } else { format!("{ratio:.2e}") }
}

/// Whether a ratio is near a factor, or near its inverse.
fn near(ratio: f64, factor: f64, times: f64) -> bool {
    let above = ratio.max(1.0 / ratio);
    (above / factor).max(factor / above) < times
}

/// Median of a group's levels, if the group is large enough and most levels are close to the median.
fn agreed(group: &[(&One, f64)], close: f64) -> Option<f64> {
    if group.len() < FEWEST_OF_GROUP {
        return None;
    }
    let median = middle(group.iter().map(|(_, level)| *level).collect())?;
    let near = group.iter().filter(|(_, level)| (level - median).abs() < close.ln()).count();
    (near as f64 >= MOST * group.len() as f64).then_some(median)
}
