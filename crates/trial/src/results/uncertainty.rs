//! `uncertainty`: the 95 % intervals of a population's numbers, method beside method.

use crate::table::{Column, Table, TableError, Values};

/// A method that gives a population's numbers intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalMethod {
    /// R⁻¹, the curvature of the objective.
    Asymptotic,
    /// R⁻¹SR⁻¹.
    Sandwich,
    /// Sampling importance resampling.
    Sir,
    /// The bootstrap.
    Bootstrap,
    /// Profiles of the objective.
    Profile,
}

impl IntervalMethod {
    /// The name with which the method's columns begin.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asymptotic => "asymptotic",
            Self::Sandwich => "sandwich",
            Self::Sir => "sir",
            Self::Bootstrap => "bootstrap",
            Self::Profile => "profile",
        }
    }

    /// The column of how many draws the method's intervals are from.
    fn draws_column(self) -> Option<&'static str> {
        match self {
            Self::Sir => Some("sir_effective_samples"),
            Self::Bootstrap => Some("bootstrap_n"),
            Self::Asymptotic | Self::Sandwich | Self::Profile => None,
        }
    }
}

/// A method's intervals, one a number; NaN of what it has none of.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodIntervals {
    /// The method.
    pub method: IntervalMethod,
    /// Both ends of each.
    pub intervals: Vec<[f64; 2]>,
    /// How many draws each is from; empty of a method that does not draw.
    pub draws: Vec<f64>,
}

/// A number of a population that is estimated.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimated {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Its estimate.
    pub value: f64,
}

/// One row a number that is estimated: its estimate, and both ends of its interval by each of the methods, with how many draws
/// that is from.
///
/// # Errors
/// [`TableError::Length`] if a method has not one interval for each number.
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
