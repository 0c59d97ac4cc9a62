//! Doses that no subject is given, as after a slip in data entry.

/// Amount that no dose of any drug exceeds, mg.
const MOST_MG: f64 = 1e6;
/// Ratio of a dose to the other doses above which the dose is taken for a mistake.
const TIMES: f64 = 1000.0;
/// Maximum number of doses that are listed.
const NAMED: usize = 10;

/// Largest doses of a data set, and geometric mean of all doses.
#[derive(Default)]
pub(super) struct LargeDoses {
    /// Largest doses, mg, each with its row.
    largest: Vec<(f64, u64)>,
    /// Number of doses, followed by the sum of their logarithms.
    number: usize,
    logs: f64,
}

impl LargeDoses {
    /// Adds the dose of a row.
    pub(super) fn add(&mut self, amount_mg: f64, row: u64) {
        if amount_mg <= 0.0 {
            return;
        }
        self.number += 1;
        self.logs += amount_mg.ln();
        let position = self.largest.partition_point(|(known, _)| *known >= amount_mg);
        if position <= NAMED {
            self.largest.insert(position, (amount_mg, row));
            self.largest.truncate(NAMED + 1);
        }
    }

    /// Note on implausibly large doses, if there are any: rows and amounts, compared with the geometric mean of the
    /// other doses.
    pub(super) fn note(&self) -> Option<String> {
        let others = |amount: f64| ((self.logs - amount.ln()) / (self.number - 1) as f64).exp();
        let is_large = |amount: f64| amount > MOST_MG || (self.number > 1 && amount > TIMES * others(amount));
        let large: Vec<_> = self.largest.iter().filter(|(amount, _)| is_large(*amount)).collect();
        let (first, _) = large.first()?;
        let mut rows: Vec<String> =
            large.iter().take(NAMED).map(|(amount, row)| format!("{amount:e} mg in row {row}")).collect();
        if large.len() > NAMED {
            rows.push("…".to_owned());
        }
        let usual = others(*first);
        let usual = if usual.is_finite() { format!(" (the others: {usual:.3e} mg)") } else { String::new() };
        Some(format!("a dose that no patient is given: {}{usual}; is it AMT in mg?", rows.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(doses: &[f64]) -> Option<String> {
        let mut large = LargeDoses::default();
        doses.iter().zip(2..).for_each(|(dose, row)| large.add(*dose, row));
        large.note()
    }

    #[test]
    fn ordinary_doses_are_not_named() {
        assert_eq!(note(&[]), None);
        assert_eq!(note(&[300.0]), None);
        assert_eq!(note(&[0.0, 75.0, 600.0, 225.0]), None);
        // Immunoglobulin, 100 g, beside micrograms of something.
        assert_eq!(note(&[1e5, 1e5, 1e5, 400.0]), None);
    }

    #[test]
    fn slips_are_named_with_their_rows() {
        let said = note(&[225.0, 225.0, 2.26e22, 225.0]).unwrap();
        assert_eq!(
            said,
            "a dose that no patient is given: 2.26e22 mg in row 4 (the others: 2.250e2 mg); is it AMT in mg?"
        );
        assert!(note(&[3e8]).unwrap().contains("3e8 mg in row 2;"));
        assert!(note(&[300.0, 3e5 + 1.0]).unwrap().contains("in row 3"));
        assert!(note(&[2e6; 30]).unwrap().ends_with("… (the others: 2.000e6 mg); is it AMT in mg?"));
    }
}
