//! Fits a model of ferx-core to a data set and prints what it found as JSON: the other side of `scripts/bench_peers`.

use std::collections::BTreeMap;
use std::error::Error;

use ferx_core::{fit, prepare_run};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, data] = arguments.as_slice() else {
        return Err("usage: omafit-peer-ferx MODEL DATA".into());
    };
    let run = prepare_run(model, Some(data))?;
    let found = fit(&run.parsed.model, &run.population, &run.init_params, &run.parsed.fit_options)?;
    for warning in &found.warnings {
        eprintln!("{warning}");
    }
    let etas = &found.eta_names;
    let omega: BTreeMap<_, _> =
        etas.iter().zip(found.omega.row_iter()).map(|(eta, row)| (eta, named(etas, row.iter()))).collect();
    let result = json!({
        "ofv": found.ofv,
        "iterations": found.n_iterations,
        "converged": found.converged,
        "observations": found.n_obs,
        "theta": named(&found.theta_names, &found.theta),
        "omega": omega,
        "sigma": named(&found.sigma_names, &found.sigma),
    });
    println!("{result:#}");
    Ok(())
}

fn named<'a, 'v>(names: &'a [String], values: impl IntoIterator<Item = &'v f64>) -> BTreeMap<&'a str, f64> {
    names.iter().map(String::as_str).zip(values.into_iter().copied()).collect()
}
