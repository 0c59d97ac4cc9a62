//! MAP fits of the demonstration trial: 226 simulated patients with 44 observations each.
#![allow(missing_docs, clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use omafit_estimate::{FitOptions, Method, Noise, Prior, fit_subjects};
use omafit_model::{PopulationModel, Subject, published};
use omafit_outcome::{Dosing, DosingTable, PATIENTS, innovate, patient};
use rayon::prelude::*;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 2])]
fn map_demo(bencher: Bencher<'_, '_>, threads: usize) {
    let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
    let table = DosingTable::named("us_asthma_12y").unwrap();
    let design = innovate(Dosing::Table(table));
    let simulate = |i| patient(&model, &design, 2009, i as u64, Noise::ALL).unwrap();
    let subjects: Vec<_> = (0..PATIENTS).map(simulate).collect();
    let free = model.variable().to_vec();
    let prior = Prior::new((0..free.len()).collect(), model.omega()).unwrap();
    let options = FitOptions::new(Method::Map, free);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let all: Vec<&Subject> = subjects.iter().collect();
    let fit = |some: &[&Subject]| {
        let fits = fit_subjects(&model, some, &[], Some(&prior), &options);
        fits.iter().map(|fit| fit.ofv).sum::<f64>()
    };
    // Batches of the same size as in a run.
    let together = all.len().div_ceil(2 * threads).min(64);
    bencher.counter(ItemsCount::new(all.len())).bench_local(|| {
        pool.install(|| all.par_chunks(together).with_max_len(1).map(fit).collect::<Vec<f64>>())
    });
}
