//! A population, its likelihood and its uncertainty, for the terminal.

use crate::likelihood::Likelihood;
use crate::population::Population;
use crate::print::terminal::say;
use omafit_estimate::{SirFound, SirRound};
use omafit_trial::{Table, Values};
use std::path::Path;

/// A number to five significant digits.
fn significant(value: f64) -> String {
    let magnitude = value.abs().log10().floor();
    if value == 0.0 || (-4.0..6.0).contains(&magnitude) {
        let decimals = if value == 0.0 { 0 } else { (4.0 - magnitude).max(0.0) as usize };
        format!("{value:.decimals$}")
    } else {
        format!("{value:.4e}")
    }
}

/// An estimated population.
pub fn population(population: &Population) {
    let (fit, estimates) = population.parts();
    say!(
        "\npopulation by {}: objective of FOCE {:.4} after {} iterations",
        population.method_name().to_uppercase(),
        fit.ofv,
        fit.iterations
    );
    say!("{}", fit.reason);
    say!("{:<28}{:>12}{:>12}{:>8}   95 % interval", "", "estimate", "SE", "RSE %");
    for e in estimates {
        let value = significant(e.value);
        if e.fixed {
            say!("{:<28}{value:>12}       fixed", e.name);
        } else if e.se[0].is_nan() {
            say!("{:<28}{value:>12}{:>12}", e.name, "–");
        } else {
            let rse = 100.0 * e.se[0] / e.value.abs();
            let [se, low, high] = [e.se[0], e.interval[0], e.interval[1]].map(significant);
            say!("{:<28}{value:>12}{se:>12}{rse:>8.1}   {low} to {high}", e.name);
        }
    }
    for warning in population.warnings() {
        say!("{warning}");
    }
}

/// The likelihood of a population.
pub fn likelihood(likelihood: &Likelihood) {
    say!("{}", likelihood.line());
    for warning in likelihood.warnings() {
        say!("{warning}");
    }
}

/// The rounds of sampling importance resampling, and what they say of the covariance.
pub fn resampled(run: &Path, rounds: &[SirRound], found: &[SirFound], numbers: usize) {
    say!("sampling importance resampling of {}", run.display());
    say!("round   samples    kept   worth   mean of dOFV (χ² of {numbers} numbers: {numbers})");
    for (number, (round, found)) in rounds.iter().zip(found).enumerate() {
        say!(
            "{:<8}{:>7}{:>8}{:>8.0}   {:.1}",
            number + 1,
            round.samples,
            round.resamples,
            found.effective,
            found.mean_dofv()
        );
    }
}

/// A population's numbers over draws.
pub fn draws(table: &Table) {
    let Some(Values::Text(names)) = table.values("name") else { return };
    say!("{:<28}{:>12}{:>12}{:>12}   interval", "", "estimate", "median", "SE");
    let of = |name: &str, row: usize| match table.values(name) {
        Some(Values::Float(values)) => values[row],
        _ => f64::NAN,
    };
    for (row, name) in names.iter().enumerate() {
        let [estimate, median, se, low, high] =
            ["estimate", "median", "se", "ci_low", "ci_high"].map(|name| of(name, row));
        let [estimate, median, se, low, high] = [estimate, median, se, low, high].map(significant);
        say!("{name:<28}{estimate:>12}{median:>12}{se:>12}   {low} to {high}");
    }
}

#[cfg(test)]
mod tests {
    use super::significant;

    #[test]
    fn numbers_have_five_significant_digits_whatever_their_size() {
        let shown = [0.0, 0.0131, 123.456_78, -99_999.96, 3.14e-7, 1.778e12, f64::NAN].map(significant);
        assert_eq!(shown, ["0", "0.013100", "123.46", "-100000", "3.1400e-7", "1.7780e12", "NaN"]);
    }
}
