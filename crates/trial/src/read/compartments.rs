//! Compartments that a file gives to the observations of each analyte.

use std::collections::HashMap;

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
    all: [Vec<Compartment>; 3],
    /// Index of each compartment number in the list of an analyte.
    positions: [HashMap<u64, usize>; 3],
}

impl Compartments {
    /// Adds an observation to its compartment, if its row names one.
    pub(super) fn add(&mut self, analyte: Analyte, compartment: Option<f64>, row: u64, id: &str) {
        let Some(number) = compartment else { return };
        let all = &mut self.all[analyte.index()];
        // Zeros of both signs are one compartment.
        let bits = (number + 0.0).to_bits();
        let known = *self.positions[analyte.index()].entry(bits).or_insert(all.len());
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
        let usual: Vec<Option<f64>> = self.all.iter().map(|all| usual(all)).collect();
        for (analyte, all) in self.all.iter().enumerate() {
            let others = |number: f64| (0..3).any(|other| other != analyte && usual[other] == Some(number));
            for compartment in
                all.iter().filter(|c| usual[analyte].is_some_and(|u| u != c.number) && others(c.number))
            {
                for (row, id) in &compartment.first {
                    findings.add(Check::CompartmentDisagrees, *row, id);
                }
            }
        }
    }
}
