//! What a delay model is fitted to.

use super::shape::{DelayModel, Driver, read_at};
use crate::exposure::Exposure;
use crate::patient::{Group, Patient};
use crate::summary::Summary;
use crate::visits::Aligned;
use omafit_model::{Dual, Real};

/// As many unknowns as w depends on at most.
pub(crate) const LANES: usize = 4;

/// The patients of a group, with their courses and what was measured of one outcome.
pub struct DelayData<'a> {
    /// Patient by patient.
    pub(crate) members: Vec<Member<'a>>,
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
        Self { members, visits }
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
        self.rows.iter().map(|r| read_at(&daily, r.1)).collect()
    }

    /// w at the member's rows with its derivatives by the unknowns.
    pub fn slopes(&self, model: DelayModel, unknowns: &[f64]) -> Vec<Dual<f64, LANES>> {
        // Lanes that nothing depends on cost as much as others.
        match unknowns.len() {
            0 | 1 => self.slopes_of::<1>(model, unknowns),
            2 => self.slopes_of::<2>(model, unknowns),
            _ => self.slopes_of::<LANES>(model, unknowns),
        }
    }

    fn slopes_of<const N: usize>(&self, model: DelayModel, unknowns: &[f64]) -> Vec<Dual<f64, LANES>> {
        let parameters = model.parameters();
        let lifted = parameters.iter().zip(unknowns).enumerate();
        let values: Vec<Dual<f64, N>> =
            lifted.map(|(lane, (p, x))| p.value(Dual::variable(*x, lane))).collect();
        let daily = model.shape(&values, self.driver);
        let widened = |w: Dual<f64, N>| {
            let mut eps = [0.0; LANES];
            eps[..N].copy_from_slice(&w.eps);
            Dual { re: w.re, eps }
        };
        self.rows.iter().map(|r| widened(read_at(&daily, r.1))).collect()
    }
}

/// The values of a model's parameters at these unknowns.
pub(crate) fn values(model: DelayModel, unknowns: &[f64]) -> Vec<f64> {
    model.parameters().iter().zip(unknowns).map(|(p, x)| p.value(*x).value()).collect()
}
