//! A run as the files that NONMEM would have left: .ext, .phi, .cov, .cor, the tables, and a control stream that says who
//! wrote them. Never an .lst: that is NONMEM's own account of what it did.

mod described;
mod numbers;
mod stub;
mod subjects;
mod text;

pub use described::{NonmemPopulation, NonmemRun};
use std::fmt::Write as _;

use numbers::Numbering;
pub use numbers::{NonmemForm, nonmem_values};
use subjects::Subjects;
use text::{RUN, header, s1pe12_5, title};

/// What NONMEM writes as the standard error of what is fixed; here of what is held at an end of its range as well.
const NO_ERROR: f64 = 1e10;
/// The part of a number that its standard error is at most where it is held: of a correlation of ±1 the numbers that it is made
/// of are free, but it stays.
const HELD: f64 = 1e-6;

/// The files by name: `run1.mod`, `run1.ext`, `run1.phi`, `sdtab1`, `patab1`, `catab1`, `cotab1`; `run1.cov` and `run1.cor`
/// where the estimates have a covariance; `ids.csv` where the tables give subjects other numbers than their ID.
pub fn nonmem_files(run: &NonmemRun<'_>) -> Vec<(String, String)> {
    let numbering = Numbering::new(run.model);
    let subjects = Subjects::new(run, &numbering);
    let method = match run.population {
        Some(population) => population.method[0],
        None => "First Order Conditional Estimation with Interaction (Evaluation)",
    };
    let mut files = vec![
        (format!("{RUN}.mod"), stub::control_stream(run, &numbering, &subjects)),
        (format!("{RUN}.ext"), title(method) + &ext(run, &numbering, &subjects)),
        (format!("{RUN}.phi"), title(method) + &subjects.phi(&numbering)),
    ];
    if let Some([covariance, _]) = run.population.and_then(|p| p.covariance.as_ref()) {
        let n = numbering.labels().len();
        let error = |k: usize| covariance[k * n + k].sqrt();
        let correlation = |i: usize, j: usize| match error(i) * error(j) {
            _ if i == j => error(i),
            0.0 => 0.0,
            product => covariance[i * n + j] / product,
        };
        let of = |element: &dyn Fn(usize, usize) -> f64| title(method) + &matrix(&numbering, element);
        files.push((format!("{RUN}.cov"), of(&|i, j| covariance[i * n + j])));
        files.push((format!("{RUN}.cor"), of(&correlation)));
    }
    files.extend(subjects.tables());
    files.extend(subjects.renamed());
    files
}

/// A line of .ext.
fn line(out: &mut String, number: i64, values: &[f64], objective: f64) {
    let cells: String = values.iter().map(|value| s1pe12_5(*value)).collect();
    // Writing to a string does not fail.
    let _ = writeln!(out, "{number:>13}{cells} {objective:>20}");
}

/// Iterations, and what NONMEM tells in lines of negative numbers.
fn ext(run: &NonmemRun<'_>, numbering: &Numbering<'_>, subjects: &Subjects) -> String {
    let labels = numbering.labels();
    let names = ["ITERATION"].into_iter().chain(labels.iter().map(String::as_str)).chain(["OBJ"]);
    let mut out = header(names, 13);
    let values = run.model.values();
    let ofv = run.population.map_or_else(|| subjects.objective(), |population| population.ofv);
    for (number, values, objective) in run.population.map_or(&[][..], |p| &p.iterations) {
        line(&mut out, *number as i64, values, *objective);
    }
    let fixed = numbering.fixed();
    let [estimates, spreads] = [NonmemForm::Covariance, NonmemForm::Correlation];
    if run.population.is_none() {
        line(&mut out, 0, &numbering.values(&values, estimates), ofv);
    }
    line(&mut out, -1_000_000_000, &numbering.values(&values, estimates), ofv);
    let n = labels.len();
    let errors = |covariance: &[f64], values: &[f64]| -> Vec<f64> {
        let error = |k: usize| {
            let known = |se: &f64| !fixed[k] && *se > HELD * values[k].abs();
            Some(covariance[k * n + k].sqrt()).filter(known).unwrap_or(NO_ERROR)
        };
        (0..n).map(error).collect()
    };
    let covariances = run.population.and_then(|p| p.covariance.as_ref().map(|c| (p, c)));
    if let Some((population, [covariance, _])) = covariances {
        line(&mut out, -1_000_000_001, &errors(covariance, &numbering.values(&values, estimates)), 0.0);
        let padded =
            |values: &[f64]| values.iter().copied().chain(std::iter::repeat(0.0)).take(n).collect::<Vec<_>>();
        line(&mut out, -1_000_000_002, &padded(&population.eigenvalues), 0.0);
        if let [least, .., most] = population.eigenvalues[..] {
            line(&mut out, -1_000_000_003, &padded(&[most / least, least, most]), 0.0);
        }
    }
    line(&mut out, -1_000_000_004, &numbering.values(&values, spreads), 0.0);
    if let Some((_, [_, correlation])) = covariances {
        line(&mut out, -1_000_000_005, &errors(correlation, &numbering.values(&values, spreads)), 0.0);
    }
    let flags: Vec<f64> = fixed.iter().map(|fixed| f64::from(u8::from(*fixed))).collect();
    line(&mut out, -1_000_000_006, &flags, 0.0);
    // 0 of a successful end.
    let status = f64::from(u8::from(run.population.is_some_and(|p| !p.converged)));
    let mut ended = vec![0.0; n];
    ended.iter_mut().take(1).for_each(|first| *first = status);
    line(&mut out, -1_000_000_007, &ended, 0.0);
    out
}

/// A matrix over all numbers.
fn matrix(numbering: &Numbering<'_>, element: &dyn Fn(usize, usize) -> f64) -> String {
    let labels = numbering.labels();
    let mut out = header(["NAME"].into_iter().chain(labels.iter().map(String::as_str)), 13);
    for (i, label) in labels.iter().enumerate() {
        let cells: String = (0..labels.len()).map(|j| s1pe12_5(element(i, j))).collect();
        let _ = writeln!(out, " {label:<12}{cells}");
    }
    out
}
