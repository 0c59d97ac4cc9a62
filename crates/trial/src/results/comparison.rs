//! Table `comparison`, with one row per run.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::RunStanding;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// Run that is compared with other runs.
#[derive(Clone, Debug, Default)]
pub struct ComparedRun {
    /// Folder of the run.
    pub run: String,
    /// Title of the run; empty if it has none.
    pub title: String,
    /// Name of the run's model.
    pub model: String,
    /// Model on which the run's model is based, in words.
    pub based_on: String,
    /// Method of estimation.
    pub method: String,
    /// SHA-256 checksum of the data.
    pub data_sha256: String,
    /// Treatment of censored observations.
    pub censored: String,
    /// Number of subjects in the likelihood, if known.
    pub subjects: Option<u64>,
    /// Number of observations in the likelihood, if known.
    pub observations: Option<u64>,
    /// Likelihood of an estimated population.
    pub likelihood: Option<ComparedLikelihood>,
    /// Differences from other runs.
    pub standing: RunStanding,
    /// Test against the first run.
    pub test: Option<ComparedTest>,
    /// Whether the estimation of the population converged; `None` without a population.
    pub converged: Option<bool>,
    /// Reason why the estimation ended.
    pub stop_reason: String,
    /// Condition number of the correlation matrix of the estimates.
    pub condition_number: Option<f64>,
    /// Wall time, seconds.
    pub seconds: Option<f64>,
    /// Parameters of the population.
    pub parameters: Vec<ComparedParameter>,
    /// η-shrinkage by parameter, on the scale of standard deviations, per cent.
    pub shrinkage: Vec<ComparedShrinkage>,
}

/// Likelihood of an estimated population.
#[derive(Clone, Debug, Default)]
pub struct ComparedLikelihood {
    /// Method by which the η were integrated out.
    pub method: String,
    /// −2 log-likelihood without the constants that NONMEM leaves out.
    pub ofv: f64,
    /// −2 log-likelihood with all constants.
    pub minus2ll: f64,
    /// Monte-Carlo standard error of OFV and −2LL; zero if the likelihood was not sampled.
    pub monte_carlo_se: f64,
    /// Number of estimated parameters.
    pub estimated: usize,
    /// Akaike information criterion.
    pub aic: f64,
    /// Bayesian information criterion, based on the number of subjects.
    pub bic: f64,
    /// Bayesian information criterion for mixed-effects models.
    pub bicc: f64,
}

/// Likelihood-ratio test against the first run.
#[derive(Clone, Debug)]
pub struct ComparedTest {
    /// Reference distribution of the statistic, as text.
    pub reference: String,
    /// Test statistic.
    pub statistic: f64,
    /// p-value, or its upper bound.
    pub p_value: f64,
}

/// Parameter of a population.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedParameter {
    /// Name of the parameter.
    pub name: String,
    /// Unit of the parameter.
    pub unit: String,
    /// Estimate; NaN if there is none.
    pub estimate: f64,
    /// Relative standard error, per cent; NaN if there is none.
    pub rse_pct: f64,
    /// Whether the parameter was fixed.
    pub fixed: bool,
}

/// Table with one row per run: names, likelihood, differences from the first run and from the best, test against the
/// first run, and end of the estimation; then the estimate and relative standard error of every parameter of any
/// population, and the shrinkage of every parameter. Values that a run does not have are empty cells.
///
/// # Errors
/// Never; all columns have the same length and different names.
pub fn comparison_table(runs: &[ComparedRun]) -> Result<Table, TableError> {
    let text = |name: &str, of: &dyn Fn(&ComparedRun) -> String| {
        Column::new(name, Values::text(runs.iter().map(of)))
    };
    let number = |name: &str, of: &dyn Fn(&ComparedRun) -> Option<f64>| {
        Column::new(name, Values::Float(runs.iter().map(|run| of(run).unwrap_or(f64::NAN)).collect()))
    };
    let whole = |name: &str, of: &dyn Fn(&ComparedRun) -> Option<u64>| {
        let count = |run: &ComparedRun| of(run).and_then(|count| i64::try_from(count).ok());
        Column::new(name, Values::Integer(runs.iter().map(count).collect()))
    };
    let of = |read: fn(&ComparedLikelihood) -> f64| {
        move |run: &ComparedRun| run.likelihood.as_ref().map(read).filter(|v| v.is_finite())
    };
    let mut columns = vec![
        text("run", &|r| r.run.clone()),
        text("title", &|r| r.title.clone()),
        text("model", &|r| r.model.clone()),
        text("based_on", &|r| r.based_on.clone()),
        text("method", &|r| r.method.clone()),
        text("data_sha256", &|r| r.data_sha256.clone()),
        text("censored", &|r| r.censored.clone()),
        whole("subjects", &|r| r.subjects),
        whole("observations", &|r| r.observations),
        text("likelihood_method", &|r| r.likelihood.as_ref().map_or(String::new(), |l| l.method.clone())),
        number("ofv", &of(|l| l.ofv)),
        number("delta_ofv", &|r| r.standing.delta_ofv),
        number("minus2ll", &of(|l| l.minus2ll)),
        number("delta_minus2ll", &|r| r.standing.delta_minus2ll),
        number("monte_carlo_se", &of(|l| l.monte_carlo_se)),
        whole("estimated", &|r| r.likelihood.as_ref().map(|l| l.estimated as u64)),
        number("aic", &of(|l| l.aic)),
        number("delta_aic", &|r| r.standing.delta_aic),
        number("akaike_weight", &|r| r.standing.weight),
        number("bic", &of(|l| l.bic)),
        number("bicc", &of(|l| l.bicc)),
        number("lrt_statistic", &|r| r.test.as_ref().map(|test| test.statistic)),
        text("lrt_reference", &|r| r.test.as_ref().map_or(String::new(), |test| test.reference.clone())),
        number("lrt_p_value", &|r| r.test.as_ref().map(|test| test.p_value)),
        whole("converged", &|r| r.converged.map(u64::from)),
        text("stop_reason", &|r| r.stop_reason.clone()),
        number("condition_number", &|r| r.condition_number),
        number("seconds", &|r| r.seconds),
    ];
    for name in names(runs, |run| run.parameters.iter().map(|p| p.name.as_str()).collect()) {
        let of = |run: &ComparedRun, read: fn(&ComparedParameter) -> f64| {
            run.parameters.iter().find(|p| p.name == name).map(read)
        };
        columns.push(number(&format!("estimate_{name}"), &|r| of(r, |p| p.estimate)));
        columns.push(number(&format!("rse_pct_{name}"), &|r| of(r, |p| p.rse_pct)));
    }
    for name in names(runs, |run| run.shrinkage.iter().map(|(name, _)| name.as_str()).collect()) {
        let of = |run: &ComparedRun| run.shrinkage.iter().find(|(n, _)| n == name).map(|(_, value)| *value);
        columns.push(number(&format!("shrinkage_sd_pct_{name}"), &of));
    }
    Table::new("comparison", columns)
}

/// Names that occur in any run, in order of first occurrence.
fn names(runs: &[ComparedRun], of: impl Fn(&ComparedRun) -> Vec<&str>) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    runs.iter().flat_map(of).filter(|name| seen.insert(*name)).collect()
}

/// Name of a parameter, and shrinkage of its η on the scale of standard deviations, per cent.
pub type ComparedShrinkage = (String, f64);

/// Reads the table `parameters` of a run, and from its table `shrinkage` the shrinkage by parameter on the scale of
/// standard deviations, per cent; each is empty if there is no such file.
///
/// # Errors
/// [`io::Error`] if a file cannot be read, is not CSV, or lacks a column.
pub fn read_compared_parameters(run: &Path) -> io::Result<(Vec<ComparedParameter>, Vec<ComparedShrinkage>)> {
    let number = |cell: &str| cell.parse().unwrap_or(f64::NAN);
    let rows = rows(&run.join("parameters.csv"), ["name", "unit", "estimate", "rse_pct", "fixed"])?;
    let parameters = rows.into_iter().map(|[name, unit, estimate, rse, fixed]| ComparedParameter {
        name,
        unit,
        estimate: number(&estimate),
        rse_pct: number(&rse),
        fixed: fixed == "1",
    });
    let shrinkage = self::rows(&run.join("shrinkage.csv"), ["parameter", "shrinkage_sd_pct"])?;
    Ok((parameters.collect(), shrinkage.into_iter().map(|[name, value]| (name, number(&value))).collect()))
}

/// Rows of some columns of a CSV file; none if the file does not exist.
fn rows<const N: usize>(path: &Path, columns: [&str; N]) -> io::Result<Vec<[String; N]>> {
    let place = |what: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
    };
    if !path.try_exists()? {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_path(path).map_err(|error| place(&error))?;
    let header = reader.headers().map_err(|error| place(&error))?.clone();
    let mut at = [0; N];
    for (at, column) in at.iter_mut().zip(columns) {
        let found = header.iter().position(|name| name == column);
        *at = found.ok_or_else(|| place(&format_args!("there is no column {column}")))?;
    }
    let cells = |record: csv::Result<csv::StringRecord>| {
        let record = record.map_err(|error| place(&error))?;
        Ok(at.map(|k| record.get(k).unwrap_or_default().to_owned()))
    };
    reader.records().map(cells).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn runs_of_other_numbers_stand_beside_each_other() {
        let parameter = |name: &str, estimate| ComparedParameter {
            name: name.into(),
            unit: "1".into(),
            estimate,
            rse_pct: f64::NAN,
            fixed: false,
        };
        let run =
            |run: &str, parameters| ComparedRun { run: run.into(), parameters, ..ComparedRun::default() };
        let runs = [
            run("a", vec![parameter("ka", 1.5), parameter("run", 2.0), parameter("ka", 9.0)]),
            run("b", vec![parameter("V", 3.0)]),
        ];
        let table = comparison_table(&runs).unwrap();
        let of = |name: &str| match table.values(name) {
            Some(Values::Float(values)) => values.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(of("estimate_ka")[0], 1.5);
        assert!(of("estimate_ka")[1].is_nan() && of("estimate_V")[1] == 3.0);
        assert!(of("ofv").iter().all(|value| value.is_nan()));
    }

    #[test]
    fn tables_of_a_run_are_read_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_compared_parameters(folder.path()).unwrap(), (vec![], vec![]));
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("parameters.csv", "name,unit,estimate,se,rse_pct,fixed\nka,1/d,NaN,1,,0\nCL,L/d,2,,inf,1\n");
        write("shrinkage.csv", "parameter,shrinkage_sd_pct\nka,12.5\n");
        let (parameters, shrinkage) = read_compared_parameters(folder.path()).unwrap();
        assert!(parameters[0].estimate.is_nan() && parameters[0].rse_pct.is_nan() && parameters[1].fixed);
        assert_eq!((parameters[1].estimate, shrinkage), (2.0, vec![("ka".into(), 12.5)]));
        for text in
            ["name,unit,estimate,se,fixed\nka,1/d,1,1,0\n", "name,unit,estimate,rse_pct,fixed\na\n", ""]
        {
            write("parameters.csv", text);
            let said = read_compared_parameters(folder.path()).unwrap_err().to_string();
            assert!(said.contains("parameters.csv: "), "{said}");
        }
        std::fs::write(
            folder.path().join("parameters.csv"),
            b"name,unit,estimate,rse_pct,fixed\n\xff\xfe,,,,\n",
        )
        .unwrap();
        assert!(read_compared_parameters(folder.path()).is_err());
    }
}
