//! The data to which delay models are fitted.

use super::chain::Filtered;
use super::driver::{DriverKnots, Knot};
use super::row::{EventTime, LANES, MOST_CATEGORIES, OutcomeRow};
use super::shape::{DelayModel, Parameter};
use crate::exposure::{Exposure, ExposureCourse};
use crate::measure::{Measurement, OutcomeType};
use crate::patient::{Group, Patient};
use crate::visits::{Aligned, Visit};
use omafit_model::{Dual, Real, Simd, is_wide};

/// Number of patients whose courses are computed at once.
const ABREAST: usize = 4;

/// The patients of a group, with their courses of one exposure and their values of one outcome.
pub struct DelayData {
    /// The type of the outcome.
    pub(crate) kind: OutcomeType,
    /// The categories of an ordered outcome, ascending.
    pub(crate) categories: Vec<f64>,
    /// The patients of the group.
    pub(crate) members: Vec<Member>,
    /// The knots of successive patients side by side, each with its own days; after a patient's last knot it is
    /// repeated without a step.
    courses: Vec<Vec<Knot<Simd<ABREAST>>>>,
}

/// A patient's exposure and outcome.
pub(crate) struct Member {
    /// The knots of the exposure, readable on the days of the rows.
    knots: DriverKnots,
    /// The patient's rows, in ascending time; for a time to event the whole days at risk.
    pub rows: Vec<OutcomeRow>,
    /// The end of the time at risk; `None` for other outcomes.
    pub event: Option<EventTime>,
}

impl DelayData {
    /// Collects the data of a group. For a continuous outcome: each value before the first dose, and after it the mean
    /// of each visit, for patients with a baseline; for a time to event: the time at risk from the first dose on; for
    /// other outcomes: each value. Patients without exposure and values beyond the end of a course are excluded;
    /// undosed patients with exposure are included.
    pub fn new(patients: &[Patient], aligned: &Aligned, group: &Group, exposure: Exposure) -> Self {
        let mut own: Vec<(usize, Vec<OutcomeRow>, Option<EventTime>)> = Vec::new();
        let is_member = |at: &usize| group.members.binary_search(at).is_ok();
        let end = |at: usize| patients[at].exposure.as_ref().map(ExposureCourse::end);
        let all = |at: usize| &patients[at].outcomes[aligned.measure];
        let each = |m: &Measurement| row_of(m, aligned.kind);
        match aligned.kind {
            OutcomeType::Continuous => {
                for visits in aligned.visits.chunk_by(|a, b| a.patient == b.patient) {
                    let at = visits[0].patient;
                    let Some(end) = end(at).filter(|_| is_member(&at)) else { continue };
                    let before = all(at).iter().filter(|m| m.day <= 0.0).map(each);
                    let after = visits.iter().filter(|v| v.visit > 0.0 && v.day <= end);
                    let mean = |v: &Visit| OutcomeRow {
                        day: v.day,
                        value: v.value,
                        values: v.values as f64,
                        days: 1.0,
                    };
                    own.push((at, before.chain(after.map(mean)).collect(), None));
                }
            }
            OutcomeType::Event => {
                for &at in &group.members {
                    let Some(time) = end(at).and_then(|end| time_at_risk(all(at), end)) else { continue };
                    let day = |day| OutcomeRow { day, value: 0.0, values: 1.0, days: 1.0 };
                    own.push((at, time.days().map(day).collect(), Some(time)));
                }
            }
            _ => {
                for &at in &group.members {
                    let Some(end) = end(at) else { continue };
                    let rows: Vec<OutcomeRow> = all(at).iter().filter(|m| m.day <= end).map(each).collect();
                    if !rows.is_empty() {
                        own.push((at, rows, None));
                    }
                }
            }
        }
        let mut categories = Vec::new();
        if aligned.kind == OutcomeType::Ordered {
            categories = distinct(own.iter().flat_map(|own| own.1.iter().map(|row| row.value)));
            if categories.len() > MOST_CATEGORIES {
                own.clear();
            }
            for row in own.iter_mut().flat_map(|own| &mut own.1) {
                row.value = categories.partition_point(|c| *c < row.value) as f64;
            }
        }
        let member = |(at, rows, event): (usize, Vec<OutcomeRow>, Option<EventTime>)| {
            let course = patients[at].exposure.as_ref()?;
            let days: Vec<f64> = rows.iter().map(|row| row.day.min(course.end())).collect();
            Some(Member { knots: DriverKnots::new(course, exposure, &days), rows, event })
        };
        let members = own.into_iter().filter_map(member).collect();
        Self::of_members(members, aligned.kind, categories)
    }

    pub(super) fn of_members(members: Vec<Member>, kind: OutcomeType, categories: Vec<f64>) -> Self {
        let courses = members.chunks(ABREAST).map(abreast).collect();
        Self { kind, categories, members, courses }
    }

    /// The values of w at each member's rows with their derivatives with respect to the unknowns; the rate k is
    /// multiplied by the member's factor.
    pub(crate) fn slopes(
        &self,
        model: DelayModel,
        unknowns: &[f64],
        factors: &[f64],
    ) -> Vec<Vec<Dual<f64, LANES>>> {
        // Unused derivative lanes cost as much as others.
        match unknowns.len() {
            0 | 1 => self.slopes_of::<1>(model, unknowns, factors),
            2 => self.slopes_of::<2>(model, unknowns, factors),
            3 => self.slopes_of::<3>(model, unknowns, factors),
            _ => self.slopes_of::<LANES>(model, unknowns, factors),
        }
    }

    /// The values of w at each member's rows without derivatives.
    pub(crate) fn shapes(
        &self,
        model: DelayModel,
        unknowns: &[f64],
        factors: &[f64],
    ) -> Vec<Vec<Dual<f64, LANES>>> {
        self.slopes_of::<0>(model, unknowns, factors)
    }

    fn slopes_of<const N: usize>(
        &self,
        model: DelayModel,
        unknowns: &[f64],
        factors: &[f64],
    ) -> Vec<Vec<Dual<f64, LANES>>> {
        if is_wide() {
            // SAFETY: the processor has the one feature the function needs.
            unsafe { slopes_wide::<N>(self, model, unknowns, factors) }
        } else {
            slopes_of::<N>(self, model, unknowns, factors)
        }
    }

    /// Number of patients.
    pub fn patients(&self) -> usize {
        self.members.len()
    }

    /// Number of values; for a time to event the number of events, which determines the information on a hazard
    /// (Volinsky & Raftery 2000, doi 10.1111/j.0006-341X.2000.00256.x).
    pub fn values(&self) -> usize {
        let of = |m: &Member| m.event.map_or(m.rows.len(), |event| usize::from(event.happened));
        self.members.iter().map(of).sum()
    }
}

impl Member {
    /// The values of w at the member's rows.
    pub fn shape(&self, model: DelayModel, values: &[f64]) -> Vec<f64> {
        let shape = model.shape(values, self.knots.driver());
        (0..self.rows.len()).map(|k| self.knots.read(&shape, k)).collect()
    }
}

/// Converts a measurement to a row.
fn row_of(m: &Measurement, kind: OutcomeType) -> OutcomeRow {
    if kind.is_count() {
        return OutcomeRow { day: m.day - 0.5 * m.days, value: m.count(), values: 1.0, days: m.days };
    }
    OutcomeRow { day: m.day, value: m.value, values: 1.0, days: 1.0 }
}

/// The time at risk from the first dose to the first event, the last day of measurement or the end of the course;
/// `None` for a patient who was not at risk after the first dose.
pub(crate) fn time_at_risk(outcomes: &[Measurement], end: f64) -> Option<EventTime> {
    let mut after = outcomes.iter().filter(|m| m.day > 0.0);
    let event = after.clone().find(|m| m.value == 1.0);
    let happened = event.is_some_and(|event| event.day <= end);
    let day = event.or_else(|| after.next_back())?.day.min(end);
    (day > 0.0).then_some(EventTime { day, happened })
}

/// The distinct values, ascending.
fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// The knots of several patients side by side.
fn abreast(members: &[Member]) -> Vec<Knot<Simd<ABREAST>>> {
    let nothing =
        Knot { step: 0.0, per_step: 0.0, is_step: 0.0, value: 1.0, log: 0.0, parts: 1.0, most_parts: 1 };
    let lanes: Vec<Vec<Knot<f64>>> = members.iter().map(|m| m.knots.driver().knots()).collect();
    let of_lane = |lane: usize, at: usize| {
        let own = lanes.get(lane).filter(|own| !own.is_empty());
        own.map_or(nothing, |own| own.get(at).copied().unwrap_or_else(|| own[own.len() - 1].still()))
    };
    let most = lanes.iter().map(Vec::len).max().unwrap_or(0);
    let at = |at: usize| {
        let all: [Knot<f64>; ABREAST] = std::array::from_fn(|lane| of_lane(lane, at));
        Knot::from_patients(&all, Simd)
    };
    (0..most).map(at).collect()
}

#[inline(always)]
fn slopes_of<const N: usize>(
    data: &DelayData,
    model: DelayModel,
    unknowns: &[f64],
    factors: &[f64],
) -> Vec<Vec<Dual<f64, LANES>>> {
    let lifted = model.parameters().into_iter().zip(unknowns).enumerate();
    let value = |(k, (p, x)): (usize, (Parameter, &f64))| -> Dual<Simd<ABREAST>, N> {
        p.value(if N == 0 { Dual::fixed(Simd::all(*x)) } else { Dual::variable(Simd::all(*x), k) })
    };
    let typical: Vec<Dual<Simd<ABREAST>, N>> = lifted.map(value).collect();
    let rate = model.parameters().iter().position(|p| *p == Parameter::Rate);
    let mut out = Vec::with_capacity(data.members.len());
    let chunks = data.members.chunks(ABREAST).zip(factors.chunks(ABREAST));
    for ((members, factors), course) in chunks.zip(&data.courses) {
        let mut values = typical.clone();
        if let Some(rate) = rate {
            let of_lane = |lane: usize| factors.get(lane).copied().unwrap_or(1.0);
            values[rate] = values[rate].scaled(Simd(std::array::from_fn(of_lane)));
        }
        let shape = model.shape_over(&values, course);
        for (lane, member) in members.iter().enumerate() {
            let own = |k: usize| {
                let w: Dual<Simd<ABREAST>, N> = member.knots.read(&shape, k);
                let mut eps = [0.0; LANES];
                eps.iter_mut().zip(&w.eps).for_each(|(own, e)| *own = e.0[lane]);
                Dual { re: w.re.0[lane], eps }
            };
            out.push((0..member.rows.len()).map(own).collect());
        }
    }
    out
}

/// The function [`slopes_of`] compiled for AVX2, with wider lanes, the same operations and the same bits.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn slopes_wide<const N: usize>(
    data: &DelayData,
    model: DelayModel,
    unknowns: &[f64],
    factors: &[f64],
) -> Vec<Vec<Dual<f64, LANES>>> {
    slopes_of::<N>(data, model, unknowns, factors)
}

/// The values of a model's parameters at given unknowns.
pub(crate) fn values(model: DelayModel, unknowns: &[f64]) -> Vec<f64> {
    model.parameters().iter().zip(unknowns).map(|(p, x)| p.value(*x).value()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::{CourseColumns, ExposureCourse};

    /// A course with `knots` knots, with a step length specific to the patient and a jump.
    fn course(i: usize, knots: usize) -> ExposureCourse {
        let step = 0.6 + 0.2 * i as f64;
        let day: Vec<f64> = (0..knots).map(|k| step * (k - usize::from(k > 5)) as f64).collect();
        let on = |k: usize| 200.0 / (1.0 + i as f64) * (1.2 + (0.1 * (k + i) as f64).cos());
        let ige_free: Vec<f64> = (0..knots).map(on).collect();
        let (omalizumab_total, ige_total) = (&vec![0.0; knots][..], &vec![500.0; knots][..]);
        ExposureCourse::new(&CourseColumns { day: &day, ige_free: &ige_free, omalizumab_total, ige_total })
            .unwrap()
    }

    #[test]
    fn courses_side_by_side_are_to_the_bit_those_alone() {
        let member = |(i, (knots, rows)): (usize, &(usize, usize))| {
            let course = course(i, *knots);
            let days: Vec<f64> =
                (0..*rows).map(|k| (k as f64 * course.end() / *rows as f64 - 0.3).max(-1.0)).collect();
            let rows =
                days.iter().map(|day| OutcomeRow { day: *day, value: 0.0, values: 1.0, days: 1.0 }).collect();
            Member { knots: DriverKnots::new(&course, Exposure::IgeFree, &days), rows, event: None }
        };
        let sizes = [(2, 1), (90, 12), (311, 40), (9, 0), (41, 5), (200, 9)];
        let members: Vec<Member> = sizes.iter().enumerate().map(member).collect();
        let data = DelayData::of_members(members, OutcomeType::Continuous, Vec::new());
        for model in DelayModel::all() {
            let parameters = model.parameters();
            let unknowns = &[-0.4, 0.3, -0.2, 0.7][..parameters.len()];
            let lifted = parameters.iter().zip(unknowns).enumerate();
            let values: Vec<Dual<f64, LANES>> =
                lifted.map(|(k, (p, x))| p.value(Dual::variable(*x, k))).collect();
            for (member, found) in data.members.iter().zip(data.slopes(model, unknowns, &[1.0; 6])) {
                let shape = model.shape(&values, member.knots.driver());
                let alone: Vec<Dual<f64, LANES>> =
                    (0..member.rows.len()).map(|k| member.knots.read(&shape, k)).collect();
                assert_eq!(found, alone, "{}", model.name());
            }
        }
    }
}
