//! Population estimates, likelihood and uncertainty for the terminal.

use crate::likelihood::Likelihood;
use crate::population::Population;
use crate::print::format::{NONE, fixed, significant};
use crate::print::terminal::say;
use crate::print::{aligned, shown_unit};
use omafit_estimate::{
    EstimateKind, LikelihoodMethod, PopulationEstimate, PopulationLikelihood, PopulationProfile, SirFound,
    SirQuality, SirRound, Variation,
};
use omafit_model::PopulationModel;
use omafit_trial::count;
use omafit_trial::{Table, Values};
use std::path::Path;

/// Significant digits of an estimate.
const DIGITS: usize = 4;

/// Prints an estimated population: each typical value with the variability of its parameter, then covariate
/// coefficients, correlations and residual errors.
pub fn population(population: &Population) {
    let (fit, estimates) = population.parts();
    let iterations = count(usize::try_from(fit.iterations).unwrap_or(usize::MAX), "iteration");
    say!("\npopulation by {}, {iterations}", population.method_name().to_uppercase());
    say!("{}", fit.reason);
    let head = ["", "", "estimate", "RSE %", "95 % CI", "IIV CV % (RSE %)", "shrinkage %"];
    let mut rows = vec![head.map(String::from)];
    let model = population.model();
    let shrinkage = population.shrinkage();
    let not_determined = population.not_determined();
    for e in estimates.iter().filter(|e| e.kind != EstimateKind::Variance) {
        let eta = Some(e.kind == EstimateKind::Typical)
            .filter(|is_typical| *is_typical)
            .and_then(|_| model.variable().iter().position(|&p| model.position(&e.name) == Some(p)));
        let variance = estimates.iter().find(|v| v.kind == EstimateKind::Variance && v.eta == eta);
        rows.push([
            e.name.clone(),
            shown_unit(&e.unit),
            significant(e.value, DIGITS),
            if e.fixed {
                "fixed".into()
            } else if not_determined.contains(&e.name.as_str()) {
                "not determined".into()
            } else {
                fixed(100.0 * e.se[0] / e.value.abs(), 1)
            },
            interval(e),
            variance.map_or(String::new(), |v| variability(model, v)),
            eta.and_then(|k| shrinkage.get(k)).map_or(String::new(), |s| fixed(100.0 * s.sd_form, 1)),
        ]);
    }
    aligned(&rows, 2);
    say!("  IIV: variability between subjects; shrinkage: 100·(1 − SD(η̂)/ω)");
    for warning in population.warnings() {
        say!("{warning}");
    }
}

fn interval(e: &PopulationEstimate) -> String {
    match e.interval {
        _ if e.fixed => String::new(),
        [low, high] if low.is_nan() || high.is_nan() => NONE.into(),
        ends => ends.map(|end| significant(end, DIGITS)).join(" to "),
    }
}

/// A variance as coefficient of variation in per cent, or as standard deviation, with its relative standard
/// error.
fn variability(model: &PopulationModel, variance: &PopulationEstimate) -> String {
    let Some(Variation { is_cv, size, rse }) = Variation::of(model, variance) else { return String::new() };
    let size = if is_cv { fixed(100.0 * size, 1) } else { format!("SD {}", significant(size, DIGITS)) };
    if variance.fixed { format!("{size} fixed") } else { format!("{size} ({})", fixed(100.0 * rse, 1)) }
}

/// Prints the likelihood of a population and the criteria by which models are compared.
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

/// Prints the rounds of sampling importance resampling, with their diagnostics.
pub fn resampled(run: &Path, rounds: &[SirRound], found: &SirFound, numbers: usize) {
    say!("sampling importance resampling of {}", run.display());
    say!("round   samples  resamples   worth   Pareto k̂   mean of dOFV (χ² of {numbers} numbers: {numbers})");
    let k = |k: f64| if k.is_finite() { format!("{k:.2}") } else { "–".into() };
    let row = |name: String, resamples: String, quality: &SirQuality| {
        say!(
            "{name:<8}{:>7}{resamples:>11}{:>8.0}{:>11}   {:.1}",
            quality.samples,
            quality.effective,
            k(quality.pareto_k),
            quality.mean_dofv
        );
    };
    for (number, (round, quality)) in (1..).zip(rounds.iter().zip(&found.rounds)) {
        row(number.to_string(), round.resamples.to_string(), quality);
    }
    row("all".into(), String::new(), &found.whole);
}

/// Prints the estimates of a population over its draws, and the largest Monte-Carlo error of an interval end in
/// standard errors.
pub fn draws(table: &Table, error: Option<f64>) {
    let Some(Values::Text(names)) = table.values("name") else { return };
    let of = |name: &str, row: usize| match table.values(name) {
        Some(Values::Float(values)) => significant(values[row], DIGITS),
        _ => NONE.into(),
    };
    let unit = |row: usize| match table.values("unit") {
        Some(Values::Text(values)) => shown_unit(&values[row]),
        _ => String::new(),
    };
    let mut rows = vec![["", "", "estimate", "median", "SE", "interval"].map(String::from)];
    for (row, name) in names.iter().enumerate() {
        let [estimate, median, se, low, high] =
            ["estimate", "median", "se", "ci_low", "ci_high"].map(|name| of(name, row));
        let interval = if low == NONE && high == NONE { String::new() } else { format!("{low} to {high}") };
        rows.push([name.to_string(), unit(row), estimate, median, se, interval]);
    }
    aligned(&rows, 2);
    if let Some(error) = error {
        say!("ends of intervals: Monte-Carlo error up to {error:.2} standard errors");
    }
}

/// Prints the intervals from the profile of the objective.
pub fn profiled(run: &Path, found: &[PopulationProfile]) {
    let Some(first) = found.first() else { return };
    say!(
        "{:<28}{:>12}   {} % interval from the profile of the objective",
        "",
        "estimate",
        100.0 * first.level
    );
    for PopulationProfile { name, unit, estimate, interval, .. } in found {
        let [estimate, low, high] =
            [*estimate, interval[0], interval[1]].map(|value| significant(value, DIGITS));
        say!("{name:<28}{estimate:>12}   {low} to {high} {unit}");
    }
    say!("in {}: profile.csv, profile_points.csv", run.display());
}
