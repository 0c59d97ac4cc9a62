//! Table `likelihood`, with one row per subject of a population, and table `criteria`, with the likelihood of the
//! population and its information criteria.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{LikelihoodMethod, Marginal, PopulationLikelihood};

/// Table with one row per subject: −2 log-likelihood without the constants that FOCE leaves out, its Monte-Carlo
/// standard error, effective number of samples, Pareto k̂ of their weights, and number of samples at which the model
/// could not be solved.
///
/// # Errors
/// Never: all columns have the same length.
pub fn likelihood_table(ids: &[String], found: &Marginal) -> Result<Table, TableError> {
    let parts = &found.subjects;
    let columns = vec![
        Column::new("ID", Values::text(ids)),
        Column::new("ofv", Values::Float(parts.iter().map(|p| p.ofv).collect())),
        Column::new("monte_carlo_se", Values::Float(parts.iter().map(|p| p.se).collect())),
        Column::new("effective_samples", Values::Float(parts.iter().map(|p| p.effective).collect())),
        Column::new("pareto_k", Values::Float(parts.iter().map(|p| p.pareto_k).collect())),
        Column::new("unsolved", Values::Integer(parts.iter().map(|p| Some(p.unsolved.into())).collect())),
    ];
    Table::new("likelihood", columns)
}

/// Table with one row for the population: approximation of the likelihood, OFV, −2LL, their Monte-Carlo standard error,
/// information criteria, and numbers of subjects and observations. Criteria of a population that was given rather than
/// estimated are missing.
///
/// # Errors
/// Never: all columns have the same length.
pub fn criteria_table(found: &PopulationLikelihood) -> Result<Table, TableError> {
    let PopulationLikelihood { method, ofv, minus2ll, monte_carlo_se, data, criteria } = *found;
    let number =
        |name: &str, value: Option<f64>| Column::new(name, Values::Float(vec![value.unwrap_or(f64::NAN)]));
    let count = |name: &str, value: Option<usize>| {
        Column::new(name, Values::Integer(vec![value.map(|value| value as i64)]))
    };
    let by = match method {
        LikelihoodMethod::Linear => "linear",
        LikelihoodMethod::Laplace => "laplace",
        LikelihoodMethod::Is => "is",
    };
    let columns = vec![
        Column::new("method", Values::text([by.to_owned()])),
        number("ofv", Some(ofv)),
        number("minus2ll", Some(minus2ll)),
        number("monte_carlo_se", monte_carlo_se),
        count("estimated", criteria.map(|c| c.estimated)),
        number("aic", criteria.map(|c| c.aic)),
        number("bic", criteria.map(|c| c.bic)),
        number("bicc", criteria.map(|c| c.bicc)),
        count("subjects", Some(data.subjects)),
        count("observations", Some(data.observations)),
    ];
    Table::new("criteria", columns)
}
