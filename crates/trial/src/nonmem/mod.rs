//! Export of a run as the files that NONMEM would have written: .ext, .phi, .cov, .cor, the tables, and a control
//! stream that names the program that wrote them. An .lst file is never written, because it is NONMEM's own report of
//! its run.

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

/// Standard error that NONMEM writes for a fixed number; used here also for a number held at an end of its range.
const NO_ERROR: f64 = 1e10;
/// Largest relative standard error of a number that counts as held at an end of its range: a correlation of ±1 is
/// computed from free numbers but does not vary.
const HELD: f64 = 1e-6;

/// Names and contents of the files: `run1.mod`, `run1.ext`, `run1.phi`, `sdtab1`, `patab1`, `catab1`, `cotab1`;
/// `run1.cov` and `run1.cor` if the estimates have a covariance matrix; `ids.csv` if the tables number the subjects
/// differently from their IDs.
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

/// Writes a line of .ext.
fn line(out: &mut String, number: i64, values: &[f64], objective: f64) {
    let cells: String = values.iter().map(|value| s1pe12_5(*value)).collect();
    // Writing to a string does not fail.
    let _ = writeln!(out, "{number:>13}{cells} {objective:>20}");
}

/// Content of .ext: the iterations, and the lines to which NONMEM gives negative iteration numbers.
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
    // 0 for a successful end.
    let status = f64::from(u8::from(run.population.is_some_and(|p| !p.converged)));
    let mut ended = vec![0.0; n];
    ended.iter_mut().take(1).for_each(|first| *first = status);
    line(&mut out, -1_000_000_007, &ended, 0.0);
    out
}

/// Text of a matrix over all THETA, SIGMA and OMEGA.
fn matrix(numbering: &Numbering<'_>, element: &dyn Fn(usize, usize) -> f64) -> String {
    let labels = numbering.labels();
    let mut out = header(["NAME"].into_iter().chain(labels.iter().map(String::as_str)), 13);
    for (i, label) in labels.iter().enumerate() {
        let cells: String = (0..labels.len()).map(|j| s1pe12_5(element(i, j))).collect();
        let _ = writeln!(out, " {label:<12}{cells}");
    }
    out
}
