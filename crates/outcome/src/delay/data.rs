//! What a delay model is fitted to.

use super::shape::{DelayModel, Driver, read_at};
use crate::exposure::Exposure;
use crate::patient::{Group, Patient};
use crate::summary::Summary;
use crate::visits::Aligned;
use omafit_model::{Dual, Pack, Real, is_wide};

/// As many unknowns as w depends on at most.
pub(crate) const LANES: usize = 4;
/// Patients whose courses are followed at once.
const ABREAST: usize = 4;

/// The patients of a group, with their courses and what was measured of one outcome.
pub struct DelayData<'a> {
    /// Patient by patient.
    pub(crate) members: Vec<Member<'a>>,
    /// Free IgE and its logarithm, day by day, of so many patients in turn; beyond the end of a course its last.
    courses: Vec<Vec<[Pack<ABREAST>; 2]>>,
    /// The values of each visit.
    pub(crate) visits: Vec<Summary>,
}

/// A patient.
pub(crate) struct Member<'a> {
    driver: Driver<'a>,
    /// Visit, day, value: ascending.
    pub rows: Vec<(usize, f64, f64)>,
}

impl<'a> DelayData<'a> {
    /// Of a group. Patients without a dose or an exposure, and what was measured beyond the end of a course, are not in it.
    pub fn new(patients: &'a [Patient], aligned: &Aligned, group: &Group) -> Self {
        let mut days: Vec<f64> = aligned.visits.iter().map(|v| v.visit).collect();
        days.sort_by(f64::total_cmp);
        days.dedup();
        let mut members = Vec::new();
        for own in aligned.visits.chunk_by(|a, b| a.patient == b.patient) {
            let at = own[0].patient;
            let patient = &patients[at];
            let (Some(exposure), Some(_)) = (&patient.exposure, patient.last_dose) else { continue };
            if group.members.binary_search(&at).is_err() {
                continue;
            }
            let seen = exposure.daily(Exposure::IgeFree).len() as f64 - 1.0;
            let rows: Vec<(usize, f64, f64)> = own
                .iter()
                .filter(|v| v.day <= seen)
                .map(|v| (days.partition_point(|d| *d < v.visit), v.day, v.value))
                .collect();
            let until = rows.last().map_or(0, |r| r.1.ceil() as usize + 1);
            let driver = Driver {
                ige_free: &exposure.daily(Exposure::IgeFree)[..until],
                log_ige_free: &exposure.daily(Exposure::LogIgeFree)[..until],
            };
            members.push(Member { driver, rows });
        }
        let of = |k: usize| {
            let rows = members.iter().flat_map(|m: &Member<'_>| &m.rows);
            Summary::of(rows.filter(move |r| r.0 == k).map(|r| r.2))
        };
        let visits = (0..days.len()).map(of).collect();
        let courses = members.chunks(ABREAST).map(abreast).collect();
        Self { members, courses, visits }
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
        self.rows.iter().map(|r| read_at(|day| daily.get(day).copied(), r.1)).collect()
    }
}

/// The courses of some patients side by side.
fn abreast(members: &[Member<'_>]) -> Vec<[Pack<ABREAST>; 2]> {
    let longest = members.iter().map(|m| m.driver.ige_free.len()).max().unwrap_or(0);
    let on = |day: usize| {
        let mut both = [Pack::all(1.0), Pack::all(0.0)];
        for (lane, Driver { ige_free, log_ige_free }) in members.iter().map(|m| m.driver).enumerate() {
            if let Some(last) = ige_free.len().checked_sub(1) {
                both[0].0[lane] = ige_free[day.min(last)];
                both[1].0[lane] = log_ige_free[day.min(last)];
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
            out.push(member.rows.iter().map(|r| read_at(own, r.1)).collect());
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
        let member = |(ige_free, log_ige_free): (&'static [f64], &'static [f64])| {
            let days = (0..ige_free.len()).step_by(7).map(|day| day as f64);
            let rows = days.map(|day| (0, (day - 0.3).max(-1.0), 0.0)).collect();
            Member { driver: Driver { ige_free, log_ige_free }, rows }
        };
        let kept = |of: Vec<Vec<f64>>| of.into_iter().map(|c| &*c.leak()).collect::<Vec<&'static [f64]>>();
        let members: Vec<Member<'_>> = kept(courses).into_iter().zip(kept(logs)).map(member).collect();
        let courses = members.chunks(ABREAST).map(abreast).collect();
        let data = DelayData { members, courses, visits: Vec::new() };
        for model in DelayModel::all() {
            let parameters = model.parameters();
            let unknowns = &[-0.4, 0.3, -0.2, 0.7][..parameters.len()];
            let lifted = parameters.iter().zip(unknowns).enumerate();
            let values: Vec<Dual<f64, LANES>> =
                lifted.map(|(k, (p, x))| p.value(Dual::variable(*x, k))).collect();
            for (member, found) in data.members.iter().zip(data.slopes(model, unknowns)) {
                let daily = model.shape(&values, member.driver);
                let alone: Vec<Dual<f64, LANES>> =
                    member.rows.iter().map(|r| read_at(|day| daily.get(day).copied(), r.1)).collect();
                assert_eq!(found, alone, "{}", model.name());
            }
        }
    }
}
