//! The compartments that a file gives its observations of each analyte.

use omafit_model::Analyte;

use super::checks::Check;
use super::findings::Findings;

/// Rows of a compartment that are remembered.
const REMEMBERED: usize = 5;

/// One compartment of an analyte.
struct Compartment {
    number: f64,
    count: usize,
    first: Vec<(u64, String)>,
}

/// How often each compartment stands with each analyte.
#[derive(Default)]
pub(super) struct Compartments([Vec<Compartment>; 3]);

impl Compartments {
    /// Adds an observation, of a compartment if its row names one.
    pub(super) fn add(&mut self, analyte: Analyte, compartment: Option<f64>, row: u64, id: &str) {
        let Some(number) = compartment else { return };
        let all = &mut self.0[analyte.index()];
        let known = all.iter().position(|c| c.number == number).unwrap_or_else(|| {
            all.push(Compartment { number, count: 0, first: Vec::new() });
            all.len() - 1
        });
        all[known].count += 1;
        if all[known].first.len() < REMEMBERED {
            all[known].first.push((row, id.to_owned()));
        }
    }

    /// Adds the observations whose compartment is that of few of their analyte and of most of another.
    pub(super) fn examine(&self, findings: &mut Findings) {
        let usual = |all: &[Compartment]| {
            all.iter()
                .max_by_key(|c| c.count)
                .filter(|c| 2 * c.count > all.iter().map(|c| c.count).sum())
                .map(|c| c.number)
        };
        let usual: Vec<Option<f64>> = self.0.iter().map(|all| usual(all)).collect();
        for (analyte, all) in self.0.iter().enumerate() {
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
