//! Table `uncertainty`: 95 % intervals of population parameters, side by side for each method.

use crate::table::{Column, Table, TableError, Values};

/// Method that gives the intervals of population parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalMethod {
    /// Inverse R⁻¹ of the curvature of the objective function.
    Asymptotic,
    /// Sandwich R⁻¹SR⁻¹.
    Sandwich,
    /// Sampling importance resampling.
    Sir,
    /// Bootstrap.
    Bootstrap,
    /// Profiles of the objective function.
    Profile,
}

impl IntervalMethod {
    /// Prefix of the names of the method's columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asymptotic => "asymptotic",
            Self::Sandwich => "sandwich",
            Self::Sir => "sir",
            Self::Bootstrap => "bootstrap",
            Self::Profile => "profile",
        }
    }

    /// Name of the column with the number of draws behind the method's intervals; `None` for a method without draws.
    fn draws_column(self) -> Option<&'static str> {
        match self {
            Self::Sir => Some("sir_effective_samples"),
            Self::Bootstrap => Some("bootstrap_n"),
            Self::Asymptotic | Self::Sandwich | Self::Profile => None,
        }
    }
}

/// Intervals by one method, one per parameter; NaN for a parameter without an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodIntervals {
    /// Method of the intervals.
    pub method: IntervalMethod,
    /// Lower and upper limit of each interval.
    pub intervals: Vec<[f64; 2]>,
    /// Number of draws behind each interval; empty for a method without draws.
    pub draws: Vec<f64>,
}

/// Estimated parameter of a population.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimated {
    /// Name of the parameter.
    pub name: String,
    /// Unit of the parameter.
    pub unit: String,
    /// Estimate of the parameter.
    pub value: f64,
}

/// Table with one row per estimated parameter: estimate, and limits of its interval by each method, with the number of
/// draws behind the interval.
///
/// # Errors
/// [`TableError::Length`] if a method does not have one interval for each parameter.
pub fn uncertainty_table(numbers: &[Estimated], methods: &[MethodIntervals]) -> Result<Table, TableError> {
    let text = |name: &str, of: &dyn Fn(&Estimated) -> String| {
        Column::new(name, Values::text(numbers.iter().map(of)))
    };
    let mut columns = vec![
        text("name", &|number| number.name.clone()),
        text("unit", &|number| number.unit.clone()),
        Column::new("estimate", Values::Float(numbers.iter().map(|number| number.value).collect())),
    ];
    for MethodIntervals { method, intervals, draws } in methods {
        for (end, name) in ["low", "high"].into_iter().enumerate() {
            let values = intervals.iter().map(|interval| interval[end]).collect();
            columns.push(Column::new(format!("{}_{name}", method.name()), Values::Float(values)));
        }
        if let Some(name) = method.draws_column() {
            columns.push(Column::new(name, Values::Float(draws.clone())));
        }
    }
    Table::new("uncertainty", columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_its_columns_beside_the_others() {
        let number = |name: &str, value| Estimated { name: name.into(), unit: "L".into(), value };
        let of = |method, low: f64, draws: &[f64]| MethodIntervals {
            method,
            intervals: vec![[low, low + 1.0], [f64::NAN; 2]],
            draws: draws.to_vec(),
        };
        let methods =
            [of(IntervalMethod::Asymptotic, 1.0, &[]), of(IntervalMethod::Bootstrap, 1.2, &[200.0, 130.0])];
        let numbers = [number("V", 1.5), number("CL_SEX=1", 0.3)];
        let table = uncertainty_table(&numbers, &methods).unwrap();
        let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
        let expected = ["name", "unit", "estimate", "asymptotic_low", "asymptotic_high"];
        assert_eq!(names[..5], expected);
        assert_eq!(names[5..], ["bootstrap_low", "bootstrap_high", "bootstrap_n"]);
        assert_eq!(table.values("bootstrap_n"), Some(&Values::Float(vec![200.0, 130.0])));
        assert!(uncertainty_table(&numbers[..1], &methods).is_err());
    }
}
