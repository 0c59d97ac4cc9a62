//! Population fits of 100 simulated subjects of Hayashi et al. 2007 with 12 samples each, from a start at which every
//! typical value is too high by a half.
#![allow(clippy::unwrap_used)]

use divan::{Bencher, black_box};
use omafit_estimate::{
    Noise, PopulationMethod, PopulationOptions, SubjectStream, estimate_population, simulate_subject,
};
use omafit_model::{Covariates, Dose, PopulationModel, Subject, published};

const PATIENTS: u64 = 100;
const SEED: u64 = 2009;
const DAYS: [f64; 12] = [0.0, 3.0, 7.0, 14.0, 28.0, 56.0, 84.0, 112.0, 140.0, 168.0, 196.0, 252.0];

struct Trial {
    start: PopulationModel,
    subjects: Vec<Subject>,
}

impl Trial {
    fn new() -> Self {
        let truth = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let one = |k: u64| {
            let covariates = Covariates::new(50.0 + (k % 10) as f64 * 6.0, 150.0 + (k % 17) as f64 * 70.0);
            let doses = (0..7).map(|i| Dose::subcutaneous(28.0 * f64::from(i), 300.0)).collect();
            let mut subject = Subject::planned(k, covariates, doses, &omafit_model::analytes(), &DAYS);
            let mut stream = SubjectStream::new(SEED, k);
            simulate_subject(&truth, &mut subject, Noise::ALL, &mut stream).unwrap();
            subject.observations.retain(|o| o.value > 0.0);
            subject
        };
        let mut values = truth.values();
        values.typical.iter_mut().for_each(|typical| *typical *= 1.5);
        Self { start: truth.with_values(&values).unwrap(), subjects: (1..=PATIENTS).map(one).collect() }
    }

    fn fit(&self, bencher: Bencher<'_, '_>, method: PopulationMethod, covariance: bool) {
        let options = PopulationOptions { covariance, ..PopulationOptions::default() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        bencher.bench_local(|| {
            let subjects = black_box(&self.subjects);
            let fit = pool.install(|| estimate_population(&self.start, subjects, method, options, None, &()));
            fit.unwrap().ofv
        });
    }
}

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn foce_one_thread(bencher: Bencher<'_, '_>) {
    Trial::new().fit(bencher, PopulationMethod::Foce, false);
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn foce_with_covariance_one_thread(bencher: Bencher<'_, '_>) {
    Trial::new().fit(bencher, PopulationMethod::Foce, true);
}

#[divan::bench(sample_count = 1, sample_size = 1)]
fn saem_one_thread(bencher: Bencher<'_, '_>) {
    Trial::new().fit(bencher, PopulationMethod::Saem { seed: 1 }, false);
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn its_one_thread(bencher: Bencher<'_, '_>) {
    Trial::new().fit(bencher, PopulationMethod::Its, false);
}
