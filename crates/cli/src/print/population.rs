//! A population, its likelihood and its uncertainty, for the terminal.

use crate::likelihood::Likelihood;
use crate::population::Population;
use crate::print::format::{count, fixed, significant};
use crate::print::terminal::say;
use omafit_estimate::{LikelihoodMethod, PopulationLikelihood, PopulationProfile, SirFound, SirRound};
use omafit_trial::{Table, Values};
use std::path::Path;

/// A number to the digits of this page.
fn digits(value: f64) -> String {
    significant(value, 5)
}

/// An estimated population.
pub fn population(population: &Population) {
    let (fit, estimates) = population.parts();
    say!(
        "\npopulation by {}, {}",
        population.method_name().to_uppercase(),
        count(usize::try_from(fit.iterations).unwrap_or(usize::MAX), "iteration")
    );
    say!("{}", fit.reason);
    say!("{:<28}{:>12}{:>12}{:>8}   95 % interval", "", "estimate", "SE", "RSE %");
    for e in estimates {
        let value = digits(e.value);
        if e.fixed {
            say!("{:<28}{value:>12}       fixed", e.name);
        } else if e.se[0].is_nan() {
            say!("{:<28}{value:>12}{:>12}", e.name, "–");
        } else {
            let rse = 100.0 * e.se[0] / e.value.abs();
            let [se, low, high] = [e.se[0], e.interval[0], e.interval[1]].map(digits);
            say!("{:<28}{value:>12}{se:>12}{rse:>8.1}   {low} to {high}", e.name);
        }
    }
    for warning in population.warnings() {
        say!("{warning}");
    }
}

/// The likelihood of a population, as models are compared by it.
pub fn likelihood(likelihood: &Likelihood) {
    let PopulationLikelihood { method, ofv, minus2ll, monte_carlo_se, data, criteria } = likelihood.block();
    let how = match method {
        LikelihoodMethod::Linear => "linearisation (FOCE)",
        LikelihoodMethod::Laplace => "Laplace's method",
        LikelihoodMethod::Is => "importance sampling",
    };
    let numbers = criteria.map_or("the population was given".into(), |criteria| {
        format!("{} estimated", count(criteria.estimated, "number"))
    });
    let (subjects, observations) = (count(data.subjects, "subject"), count(data.observations, "observation"));
    say!("\nlikelihood of the population by {how}: {subjects}, {observations}, {numbers}");
    let error = monte_carlo_se
        .map_or(String::new(), |se| format!("   ± {} (Monte-Carlo standard error)", significant(se, 2)));
    let mut shown = vec![("OFV", *ofv), ("−2LL", *minus2ll)];
    shown.extend(criteria.iter().flat_map(|c| [("AIC", c.aic), ("BIC", c.bic), ("BICc", c.bicc)]));
    let shown: Vec<String> =
        shown.iter().map(|(name, value)| format!("{name} {}", fixed(*value, 3))).collect();
    say!("  {}{error}", shown.join("   "));
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
        let [estimate, median, se, low, high] = [estimate, median, se, low, high].map(digits);
        say!("{name:<28}{estimate:>12}{median:>12}{se:>12}   {low} to {high}");
    }
}

/// Intervals from the profile of the objective.
pub fn profiled(run: &Path, found: &[PopulationProfile]) {
    let Some(first) = found.first() else { return };
    say!(
        "{:<28}{:>12}   {} % interval from the profile of the objective",
        "",
        "estimate",
        100.0 * first.level
    );
    for PopulationProfile { name, unit, estimate, interval, .. } in found {
        let [estimate, low, high] = [*estimate, interval[0], interval[1]].map(digits);
        say!("{name:<28}{estimate:>12}   {low} to {high} {unit}");
    }
    say!("in {}: profile.csv, profile_points.csv", run.display());
}
