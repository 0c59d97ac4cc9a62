//! What a delay model is fitted to.

use super::driver::{DriverKnots, Knot};
use super::shape::DelayModel;
use crate::exposure::Exposure;
use crate::patient::{Group, Patient};
use crate::visits::Aligned;
use omafit_model::{Dual, Pack, Real, is_wide};

/// As many unknowns as w depends on at most.
pub(crate) const LANES: usize = 4;
/// Patients whose courses are followed at once.
const ABREAST: usize = 4;

/// The patients of a group, with their courses of one exposure and what was measured of one outcome.
pub struct DelayData {
    /// Patient by patient.
    pub(crate) members: Vec<Member>,
    /// The knots of so many patients in turn, each with days of its own; beyond the last of a patient the same without a step.
    courses: Vec<Vec<Knot<Pack<ABREAST>>>>,
}

/// A patient.
pub(crate) struct Member {
    /// The knots of the exposure, for reading on the days of the rows.
    knots: DriverKnots,
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
    /// How many values it is the mean of.
    pub values: f64,
}

impl DelayData {
    /// The data of a group: each value before the first dose, and each visit after it as the mean of its values. Patients without
    /// an exposure, and what was measured beyond the end of a course, are not in it; patients without a dose are, with their
    /// exposure.
    pub fn new(patients: &[Patient], aligned: &Aligned, group: &Group, exposure: Exposure) -> Self {
        let mut members = Vec::new();
        for own in aligned.visits.chunk_by(|a, b| a.patient == b.patient) {
            let at = own[0].patient;
            let patient = &patients[at];
            let Some(course) = &patient.exposure else { continue };
            if group.members.binary_search(&at).is_err() {
                continue;
            }
            let before = patient.outcomes[aligned.measure].iter().filter(|o| o.0 <= 0.0);
            let before = before.map(|&(day, value)| OutcomeRow { day, value, values: 1.0 });
            let after = own.iter().filter(|v| v.visit > 0.0 && v.day <= course.end());
            let after = after.map(|v| OutcomeRow { day: v.day, value: v.value, values: v.values as f64 });
            let rows: Vec<OutcomeRow> = before.chain(after).collect();
            let days: Vec<f64> = rows.iter().map(|row| row.day).collect();
            members.push(Member { knots: DriverKnots::new(course, exposure, &days), rows });
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

impl Member {
    /// w at the member's rows.
    pub fn shape(&self, model: DelayModel, values: &[f64]) -> Vec<f64> {
        let shape = model.shape(values, self.knots.driver());
        (0..self.rows.len()).map(|k| self.knots.read(&shape, k)).collect()
    }
}

/// The knots of some patients side by side.
fn abreast(members: &[Member]) -> Vec<Knot<Pack<ABREAST>>> {
    let nothing = Knot { step: 0.0, per_step: 0.0, is_step: 0.0, value: 1.0, log: 0.0 };
    let lanes: Vec<Vec<Knot<f64>>> = members.iter().map(|m| m.knots.driver().knots()).collect();
    let of_lane = |lane: usize, at: usize| {
        let own = lanes.get(lane).filter(|own| !own.is_empty());
        own.map_or(nothing, |own| own.get(at).copied().unwrap_or_else(|| own[own.len() - 1].still()))
    };
    let most = lanes.iter().map(Vec::len).max().unwrap_or(0);
    let at = |at: usize| {
        let all: [Knot<f64>; ABREAST] = std::array::from_fn(|lane| of_lane(lane, at));
        Knot::from_numbers(|number| Pack(std::array::from_fn(|lane| number(&all[lane]))))
    };
    (0..most).map(at).collect()
}

#[inline(always)]
fn slopes_of<const N: usize>(
    data: &DelayData,
    model: DelayModel,
    unknowns: &[f64],
) -> Vec<Vec<Dual<f64, LANES>>> {
    let lifted = model.parameters().into_iter().zip(unknowns).enumerate();
    let values: Vec<Dual<Pack<ABREAST>, N>> =
        lifted.map(|(k, (p, x))| p.value(Dual::variable(Pack::all(*x), k))).collect();
    let mut out = Vec::with_capacity(data.members.len());
    for (members, course) in data.members.chunks(ABREAST).zip(&data.courses) {
        let shape = model.shape_over(&values, course);
        for (lane, member) in members.iter().enumerate() {
            let own = |k: usize| {
                let w: Dual<Pack<ABREAST>, N> = member.knots.read(&shape, k);
                let mut eps = [0.0; LANES];
                eps.iter_mut().zip(&w.eps).for_each(|(own, e)| *own = e.0[lane]);
                Dual { re: w.re.0[lane], eps }
            };
            out.push((0..member.rows.len()).map(own).collect());
        }
    }
    out
}

/// [`slopes_of`], compiled for AVX2: wider lanes, the same operations, the same bits.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn slopes_wide<const N: usize>(
    data: &DelayData,
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
    use crate::exposure::{CourseColumns, ExposureCourse};

    /// A course of so many knots, in steps of a patient's own and with a jump.
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
            let rows = days.iter().map(|day| OutcomeRow { day: *day, value: 0.0, values: 1.0 }).collect();
            Member { knots: DriverKnots::new(&course, Exposure::IgeFree, &days), rows }
        };
        let sizes = [(2, 1), (90, 12), (311, 40), (9, 0), (41, 5), (200, 9)];
        let members: Vec<Member> = sizes.iter().enumerate().map(member).collect();
        let courses = members.chunks(ABREAST).map(abreast).collect();
        let data = DelayData { members, courses };
        for model in DelayModel::all() {
            let parameters = model.parameters();
            let unknowns = &[-0.4, 0.3, -0.2, 0.7][..parameters.len()];
            let lifted = parameters.iter().zip(unknowns).enumerate();
            let values: Vec<Dual<f64, LANES>> =
                lifted.map(|(k, (p, x))| p.value(Dual::variable(*x, k))).collect();
            for (member, found) in data.members.iter().zip(data.slopes(model, unknowns)) {
                let shape = model.shape(&values, member.knots.driver());
                let alone: Vec<Dual<f64, LANES>> =
                    (0..member.rows.len()).map(|k| member.knots.read(&shape, k)).collect();
                assert_eq!(found, alone, "{}", model.name());
            }
        }
    }
}
