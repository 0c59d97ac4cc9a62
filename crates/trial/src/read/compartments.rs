//! Compartments that a file gives to the observations of each analyte.

use std::collections::{BTreeMap, HashMap};

use omafit_model::Analyte;

use super::checks::Check;
use super::findings::Findings;

/// Number of rows that are remembered for each compartment.
const REMEMBERED: usize = 5;

/// One compartment of an analyte.
struct Compartment {
    number: f64,
    count: usize,
    first: Vec<(u64, String)>,
}

/// Number of observations in each compartment, by analyte.
#[derive(Default)]
pub(super) struct Compartments {
    all: BTreeMap<Analyte, OfAnalyte>,
}

/// Compartments in which an analyte is observed.
#[derive(Default)]
struct OfAnalyte {
    all: Vec<Compartment>,
    /// Index of each compartment number among them.
    positions: HashMap<u64, usize>,
}

impl Compartments {
    /// Adds an observation to its compartment, if its row names one.
    pub(super) fn add(&mut self, analyte: Analyte, compartment: Option<f64>, row: u64, id: &str) {
        let Some(number) = compartment else { return };
        let OfAnalyte { all, positions } = self.all.entry(analyte).or_default();
        // Zeros of both signs are one compartment.
        let bits = (number + 0.0).to_bits();
        let known = *positions.entry(bits).or_insert(all.len());
        if known == all.len() {
            all.push(Compartment { number, count: 0, first: Vec::new() });
        }
        all[known].count += 1;
        if all[known].first.len() < REMEMBERED {
            all[known].first.push((row, id.to_owned()));
        }
    }

    /// Adds findings for observations in a compartment that is unusual for their analyte and usual for another.
    pub(super) fn examine(&self, findings: &mut Findings) {
        let usual = |all: &[Compartment]| {
            all.iter()
                .max_by_key(|c| c.count)
                .filter(|c| 2 * c.count > all.iter().map(|c| c.count).sum())
                .map(|c| c.number)
        };
        let usual: BTreeMap<Analyte, Option<f64>> =
            self.all.iter().map(|(analyte, of)| (*analyte, usual(&of.all))).collect();
        for (analyte, OfAnalyte { all, .. }) in &self.all {
            let own = usual[analyte];
            let others =
                |number: f64| usual.iter().any(|(other, usual)| other != analyte && *usual == Some(number));
            for compartment in all.iter().filter(|c| own.is_some_and(|u| u != c.number) && others(c.number)) {
                for (row, id) in &compartment.first {
                    findings.add(Check::CompartmentDisagrees, *row, id);
                }
            }
        }
    }
}
