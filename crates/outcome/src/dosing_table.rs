//! Dosing tables: dose and interval from body weight and baseline IgE. Not medical advice.

use std::cmp::Ordering;
use std::fmt;

/// All tables, one row per cell; an empty dose means that the table gives none.
const TABLES: &str = include_str!("dosing_tables.csv");

/// The regimen that a table prescribes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regimen {
    /// Dose, mg.
    pub dose_mg: f64,
    /// Dosing interval, weeks.
    pub interval_weeks: f64,
    /// Whether the cell of the table was verified on two sources.
    pub verified: bool,
}

/// The reason a table prescribes no dose.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotInTable {
    /// A body weight outside the table.
    #[error(
        "body weight {weight_kg} kg lies outside the table, which goes from {}{from} to {to} kg",
        above(*.from_inclusive)
    )]
    Weight {
        /// Body weight, kg.
        weight_kg: f64,
        /// The lowest body weight of the table, kg.
        from: f64,
        /// Whether the lowest body weight belongs to the table.
        from_inclusive: bool,
        /// The highest body weight of the table, kg.
        to: f64,
    },
    /// A baseline IgE outside the table.
    #[error(
        "baseline IgE {ige_iu_ml} IU/mL lies outside the table, which goes from {}{from} to {to} IU/mL",
        above(*.from_inclusive)
    )]
    Ige {
        /// Baseline IgE, IU/mL.
        ige_iu_ml: f64,
        /// The lowest baseline IgE of the table, IU/mL.
        from: f64,
        /// Whether the lowest baseline IgE belongs to the table.
        from_inclusive: bool,
        /// The highest baseline IgE of the table, IU/mL.
        to: f64,
    },
    /// A cell that is in the table and empty.
    #[error(
        "the table gives no dose for {weight_kg} kg with {ige_iu_ml} IU/mL: its cell is empty ({})",
        status(*.verified)
    )]
    NoDose {
        /// Body weight, kg.
        weight_kg: f64,
        /// Baseline IgE, IU/mL.
        ige_iu_ml: f64,
        /// Whether the empty cell was verified on two sources.
        verified: bool,
    },
    /// A body weight and IgE within the range of the table, for which the table was transcribed without a cell.
    #[error(
        "the table was taken over without a cell for {weight_kg} kg with {ige_iu_ml} IU/mL; whether the label gives a dose is not known here"
    )]
    NoCell {
        /// Body weight, kg.
        weight_kg: f64,
        /// Baseline IgE, IU/mL.
        ige_iu_ml: f64,
    },
}

fn above(from_inclusive: bool) -> &'static str {
    if from_inclusive { "" } else { "above " }
}

fn status(verified: bool) -> &'static str {
    if verified { "verified on two sources" } else { "not verified" }
}

/// The reason a dosing table is not available.
#[derive(Debug, thiserror::Error)]
pub enum DosingTableError {
    /// A name that is no dosing table.
    #[error("no dosing table `{name}`; there are {allowed}")]
    Unknown {
        /// The name requested.
        name: String,
        /// The names of the available tables.
        allowed: String,
    },
    /// Shipped tables that cannot be read.
    #[error("the dosing tables cannot be read: {0}")]
    Unreadable(#[from] csv::Error),
    /// A cell of the shipped tables that should be a number or a flag (0 or 1) and is not.
    #[error("the dosing tables have `{cell}` in column {column}")]
    NotANumber {
        /// The content of the cell.
        cell: String,
        /// The column of the cell.
        column: &'static str,
    },
}

/// A range with a closed upper end and an open or closed lower end.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    from: f64,
    from_inclusive: bool,
    to: f64,
}

impl Range {
    /// Whether a value lies in the range; the upper end always belongs to it, as printed in the tables.
    fn contains(self, value: f64) -> bool {
        value <= self.to && (value > self.from || (self.from_inclusive && value == self.from))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell {
    ige: Range,
    weight: Range,
    regimen: Option<Regimen>,
    /// Whether the cell, empty or not, was verified on two sources.
    verified: bool,
}

/// A dosing table; displayed as its name and, unless every cell was verified on two sources, the number of unverified
/// cells.
#[derive(Clone, Debug, PartialEq)]
pub struct DosingTable {
    name: String,
    cells: Vec<Cell>,
}

impl DosingTable {
    /// Names of the available tables.
    ///
    /// # Errors
    /// When the tables shipped cannot be read.
    pub fn names() -> Result<Vec<String>, DosingTableError> {
        let mut names: Vec<String> = Vec::new();
        for record in csv::Reader::from_reader(TABLES.as_bytes()).records() {
            let name = record?[0].to_string();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The table with a given name.
    ///
    /// # Errors
    /// When there is no table of that name, or the shipped tables cannot be read.
    pub fn named(name: &str) -> Result<Self, DosingTableError> {
        let mut cells = Vec::new();
        for record in csv::Reader::from_reader(TABLES.as_bytes()).records() {
            let record = record?;
            if &record[0] == name {
                cells.push(cell(&record)?);
            }
        }
        if cells.is_empty() {
            let allowed = Self::names()?.join(", ");
            return Err(DosingTableError::Unknown { name: name.into(), allowed });
        }
        Ok(Self { name: name.into(), cells })
    }

    /// Number of cells, including cells without a dose.
    pub fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Number of cells verified on two sources.
    pub fn verified_cells(&self) -> usize {
        self.cells.iter().filter(|cell| cell.verified).count()
    }

    /// The name of the table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The regimen that the table prescribes for a body weight in kg and a baseline IgE in IU/mL.
    ///
    /// ```
    /// use omafit_outcome::DosingTable;
    /// let table = DosingTable::named("us_asthma_12y").unwrap();
    /// let regimen = table.regimen(80.0, 400.0).unwrap();
    /// assert_eq!((regimen.dose_mg, regimen.interval_weeks), (300.0, 2.0));
    /// ```
    ///
    /// # Errors
    /// When the table has no dose for them.
    pub fn regimen(&self, weight_kg: f64, ige_iu_ml: f64) -> Result<Regimen, NotInTable> {
        let cell = self.cells.iter().find(|c| c.ige.contains(ige_iu_ml) && c.weight.contains(weight_kg));
        if let Some(cell) = cell {
            let verified = cell.verified;
            return cell.regimen.ok_or(NotInTable::NoDose { weight_kg, ige_iu_ml, verified });
        }
        let (weights, iges) = (self.extent(|cell| cell.weight), self.extent(|cell| cell.ige));
        Err(if !weights.contains(weight_kg) {
            let Range { from, from_inclusive, to } = weights;
            NotInTable::Weight { weight_kg, from, from_inclusive, to }
        } else if !iges.contains(ige_iu_ml) {
            let Range { from, from_inclusive, to } = iges;
            NotInTable::Ige { ige_iu_ml, from, from_inclusive, to }
        } else {
            NotInTable::NoCell { weight_kg, ige_iu_ml }
        })
    }

    /// The lowest and the highest body weight of the table, kg.
    pub fn weights_kg(&self) -> [f64; 2] {
        let weights = self.extent(|cell| cell.weight);
        [weights.from, weights.to]
    }

    /// The lowest and the highest baseline IgE of the table, IU/mL.
    pub fn iges_iu_ml(&self) -> [f64; 2] {
        let iges = self.extent(|cell| cell.ige);
        [iges.from, iges.to]
    }

    /// The range covered by the cells together.
    fn extent(&self, of: impl Fn(&Cell) -> Range) -> Range {
        let nothing = Range { from: f64::INFINITY, from_inclusive: false, to: f64::NEG_INFINITY };
        self.cells.iter().map(of).fold(nothing, |all, range| {
            let from_inclusive = match range.from.total_cmp(&all.from) {
                Ordering::Less => range.from_inclusive,
                Ordering::Equal => range.from_inclusive || all.from_inclusive,
                Ordering::Greater => all.from_inclusive,
            };
            Range { from: all.from.min(range.from), from_inclusive, to: all.to.max(range.to) }
        })
    }
}

impl fmt::Display for DosingTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, cells, verified) = (&self.name, self.cells(), self.verified_cells());
        match cells - verified {
            0 => f.write_str(name),
            unverified if unverified == cells => write!(f, "{name} (not verified)"),
            unverified => write!(f, "{name} (not verified: {unverified} of {cells} cells)"),
        }
    }
}

fn cell(record: &csv::StringRecord) -> Result<Cell, DosingTableError> {
    let number = |i: usize, column: &'static str| {
        record[i].parse::<f64>().map_err(|_| DosingTableError::NotANumber { cell: record[i].into(), column })
    };
    let flag = |i: usize, column: &'static str| match &record[i] {
        "0" => Ok(false),
        "1" => Ok(true),
        other => Err(DosingTableError::NotANumber { cell: other.into(), column }),
    };
    let verified = flag(9, "verified")?;
    let regimen = if record[7].is_empty() {
        None
    } else {
        let (dose_mg, interval_weeks) = (number(7, "dose_mg")?, number(8, "interval_weeks")?);
        Some(Regimen { dose_mg, interval_weeks, verified })
    };
    Ok(Cell {
        ige: Range {
            from: number(1, "ige_from_iu_ml")?,
            from_inclusive: flag(2, "ige_from_inclusive")?,
            to: number(3, "ige_to_iu_ml")?,
        },
        weight: Range {
            from: number(4, "weight_from_kg")?,
            from_inclusive: flag(5, "weight_from_inclusive")?,
            to: number(6, "weight_to_kg")?,
        },
        regimen,
        verified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_zero_or_one() {
        let row = |verified| {
            csv::StringRecord::from(vec!["t", "30", "1", "100", "20", "1", "25", "", "", verified])
        };
        assert!(!cell(&row("0")).unwrap().verified && cell(&row("1")).unwrap().verified);
        let error = cell(&row("yes")).unwrap_err().to_string();
        assert_eq!(error, "the dosing tables have `yes` in column verified");
    }

    #[test]
    fn every_dose_meets_the_rule_behind_the_tables() {
        // At least 0.016 mg/kg per IU/mL in four weeks at the upper corner of each cell, up to 125 kg in the US adult
        // table; at most the maximum dose of each table.
        for name in DosingTable::names().unwrap() {
            let is_us_adult = name == "us_asthma_12y";
            let ceiling = if name.starts_with("us_asthma") { 375.0 } else { 600.0 };
            for cell in DosingTable::named(&name).unwrap().cells {
                let Some(r) = cell.regimen else { continue };
                let heaviest = if is_us_adult { cell.weight.to.min(125.0) } else { cell.weight.to };
                assert!(
                    r.dose_mg * 4.0 / r.interval_weeks >= 0.016 * heaviest * cell.ige.to,
                    "{name} {cell:?}"
                );
                assert!(r.dose_mg <= ceiling, "{name} {cell:?}");
            }
        }
    }
}
