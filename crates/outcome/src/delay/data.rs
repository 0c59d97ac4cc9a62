//! What a delay model is fitted to.

use super::shape::{DelayModel, Driver, read_at};
use crate::exposure::Exposure;
use crate::patient::{Group, Patient};
use crate::visits::Aligned;
use omafit_model::{Dual, Pack, Real, is_wide};

/// As many unknowns as w depends on at most.
pub(crate) const LANES: usize = 4;
/// Patients whose courses are followed at once.
const ABREAST: usize = 4;

/// The patients of a group, with their courses of one exposure and what was measured of one outcome.
pub struct DelayData<'a> {
    /// Patient by patient.
    pub(crate) members: Vec<Member<'a>>,
    /// The exposure and its logarithm, day by day, of so many patients in turn; beyond the end of a course its last.
    courses: Vec<Vec<[Pack<ABREAST>; 2]>>,
}

/// A patient.
pub(crate) struct Member<'a> {
    driver: Driver<'a>,
    /// Its rows, ascending in time.
    pub rows: Vec<OutcomeRow>,
}

/// A value of a patient, or the mean of some.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OutcomeRow {
    /// Day after the first dose.
    pub day: f64,
    /// The value, or the mean.
    pub value: f64,
    /// Of how many values it is the mean.
    pub values: f64,
}

impl<'a> DelayData<'a> {
    /// Of a group: each value before the first dose, and each visit after it as the mean of its values. Patients without an
    /// exposure, and what was measured beyond the end of a course, are not in it; patients without a dose are, with their
    /// exposure.
    pub fn new(patients: &'a [Patient], aligned: &Aligned, group: &Group, exposure: Exposure) -> Self {
        let mut members = Vec::new();
        for own in aligned.visits.chunk_by(|a, b| a.patient == b.patient) {
            let at = own[0].patient;
            let patient = &patients[at];
            let Some(course) = &patient.exposure else { continue };
            if group.members.binary_search(&at).is_err() {
                continue;
            }
            let end = course.daily(exposure).len() as f64 - 1.0;
            let before = patient.outcomes[aligned.measure].iter().filter(|o| o.0 <= 0.0);
            let before = before.map(|&(day, value)| OutcomeRow { day, value, values: 1.0 });
            let after = own.iter().filter(|v| v.visit > 0.0 && v.day <= end);
            let after = after.map(|v| OutcomeRow { day: v.day, value: v.value, values: v.values as f64 });
            let rows: Vec<OutcomeRow> = before.chain(after).collect();
            let until = rows.last().map_or(0, |r| r.day.max(0.0).ceil() as usize + 1);
            let [value, log] = course.driver(exposure);
            members.push(Member { driver: Driver { value: &value[..until], log: &log[..until] }, rows });
        }
        let courses = members.chunks(ABREAST).map(abreast).collect();
        Self { members, courses }
    }

    /// w at each member's rows with its derivatives by the unknowns.
    pub(crate) fn slopes(&self, model: DelayModel, unknowns: &[f64]) -> Vec<Vec<Dual<f64, LANES>>> {
        // Lanes that nothing depends on cost as much as others.
        match unknowns.len() {
            0 | 1 => self.slopes_of::<1>(model, unknowns),
            2 => self.slopes_of::<2>(model, unknowns),
            3 => self.slopes_of::<3>(model, unknowns),
            _ => self.slopes_of::<LANES>(model, unknowns),
        }
    }

    fn slopes_of<const N: usize>(&self, model: DelayModel, unknowns: &[f64]) -> Vec<Vec<Dual<f64, LANES>>> {
        if is_wide() {
            // SAFETY: the processor has the one feature the function needs.
            unsafe { slopes_wide::<N>(self, model, unknowns) }
        } else {
            slopes_of::<N>(self, model, unknowns)
        }
    }

    /// How many patients.
    pub fn patients(&self) -> usize {
        self.members.len()
    }

    /// How many values.
    pub fn values(&self) -> usize {
        self.members.iter().map(|m| m.rows.len()).sum()
    }
}

impl Member<'_> {
    /// w at the member's rows.
    pub fn shape(&self, model: DelayModel, values: &[f64]) -> Vec<f64> {
        let daily = model.shape(values, self.driver);
        self.rows.iter().map(|r| read_at(|day| daily.get(day).copied(), r.day)).collect()
    }
}

/// The courses of some patients side by side.
fn abreast(members: &[Member<'_>]) -> Vec<[Pack<ABREAST>; 2]> {
    let longest = members.iter().map(|m| m.driver.value.len()).max().unwrap_or(0);
    let on = |day: usize| {
        let mut both = [Pack::all(1.0), Pack::all(0.0)];
        for (lane, Driver { value, log }) in members.iter().map(|m| m.driver).enumerate() {
            if let Some(last) = value.len().checked_sub(1) {
                both[0].0[lane] = value[day.min(last)];
                both[1].0[lane] = log[day.min(last)];
            }
        }
        both
    };
    (0..longest).map(on).collect()
}

#[inline(always)]
fn slopes_of<const N: usize>(
    data: &DelayData<'_>,
    model: DelayModel,
    unknowns: &[f64],
) -> Vec<Vec<Dual<f64, LANES>>> {
    let lifted = model.parameters().into_iter().zip(unknowns).enumerate();
    let values: Vec<Dual<Pack<ABREAST>, N>> =
        lifted.map(|(k, (p, x))| p.value(Dual::variable(Pack::all(*x), k))).collect();
    let mut out = Vec::with_capacity(data.members.len());
    for (members, course) in data.members.chunks(ABREAST).zip(&data.courses) {
        let days = course.iter().map(|[c, log]| (Dual::fixed(*c), Dual::fixed(*log)));
        let daily = model.shape_over(&values, days);
        for (lane, member) in members.iter().enumerate() {
            let own = |day: usize| {
                let w: &Dual<Pack<ABREAST>, N> = daily.get(day)?;
                let mut eps = [0.0; LANES];
                eps.iter_mut().zip(&w.eps).for_each(|(own, e)| *own = e.0[lane]);
                Some(Dual { re: w.re.0[lane], eps })
            };
            out.push(member.rows.iter().map(|r| read_at(own, r.day)).collect());
        }
    }
    out
}

/// [`slopes_of`], compiled for AVX2: wider lanes, the same operations, the same bits.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn slopes_wide<const N: usize>(
    data: &DelayData<'_>,
    model: DelayModel,
    unknowns: &[f64],
) -> Vec<Vec<Dual<f64, LANES>>> {
    slopes_of::<N>(data, model, unknowns)
}

/// The values of a model's parameters at these unknowns.
pub(crate) fn values(model: DelayModel, unknowns: &[f64]) -> Vec<f64> {
    model.parameters().iter().zip(unknowns).map(|(p, x)| p.value(*x).value()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courses_side_by_side_are_to_the_bit_those_alone() {
        let lengths = [1, 90, 311, 0, 41, 200];
        let course = |i: usize, n: usize| {
            let on = |day: usize| 200.0 / (1.0 + i as f64) * (1.2 + (0.1 * (day + i) as f64).cos());
            (0..n).map(on).collect::<Vec<f64>>()
        };
        let courses: Vec<Vec<f64>> = lengths.iter().enumerate().map(|(i, n)| course(i, *n)).collect();
        let logs: Vec<Vec<f64>> = courses.iter().map(|c| c.iter().map(|c| c.ln()).collect()).collect();
        let member = |(value, log): (&'static [f64], &'static [f64])| {
            let days = (0..value.len()).step_by(7).map(|day| day as f64);
            let rows =
                days.map(|day| OutcomeRow { day: (day - 0.3).max(-1.0), value: 0.0, values: 1.0 }).collect();
            Member { driver: Driver { value, log }, rows }
        };
        let kept = |of: Vec<Vec<f64>>| of.into_iter().map(|c| &*c.leak()).collect::<Vec<&'static [f64]>>();
        let members: Vec<Member<'_>> = kept(courses).into_iter().zip(kept(logs)).map(member).collect();
        let courses = members.chunks(ABREAST).map(abreast).collect();
        let data = DelayData { members, courses };
        for model in DelayModel::all() {
            let parameters = model.parameters();
            let unknowns = &[-0.4, 0.3, -0.2, 0.7][..parameters.len()];
            let lifted = parameters.iter().zip(unknowns).enumerate();
            let values: Vec<Dual<f64, LANES>> =
                lifted.map(|(k, (p, x))| p.value(Dual::variable(*x, k))).collect();
            for (member, found) in data.members.iter().zip(data.slopes(model, unknowns)) {
                let daily = model.shape(&values, member.driver);
                let alone: Vec<Dual<f64, LANES>> =
                    member.rows.iter().map(|r| read_at(|day| daily.get(day).copied(), r.day)).collect();
                assert_eq!(found, alone, "{}", model.name());
            }
        }
    }
}
