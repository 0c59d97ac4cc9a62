//! The dosing tables: dose and interval from body weight and baseline IgE. Not medical advice.

/// All tables, one row a cell; an empty dose means that the table gives none.
const TABLES: &str = include_str!("dosing_tables.csv");

/// What a table prescribes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regimen {
    /// Each dose, mg.
    pub dose_mg: f64,
    /// Weeks between doses.
    pub interval_weeks: f64,
    /// Whether the table's cell was verified on two sources.
    pub verified: bool,
}

/// Why a table prescribes nothing.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotInTable {
    /// The body weight lies outside the table.
    #[error("body weight {weight_kg} kg lies outside the table, which goes from {from} to {to} kg")]
    Weight {
        /// Body weight, kg.
        weight_kg: f64,
        /// The table's lowest, kg.
        from: f64,
        /// Its highest, kg.
        to: f64,
    },
    /// The baseline IgE lies outside the table.
    #[error("baseline IgE {ige_iu_ml} IU/mL lies outside the table, which goes from {from} to {to} IU/mL")]
    Ige {
        /// Baseline IgE, IU/mL.
        ige_iu_ml: f64,
        /// The table's lowest, IU/mL.
        from: f64,
        /// Its highest, IU/mL.
        to: f64,
    },
    /// The cell is there, and empty.
    #[error("the table gives no dose for {weight_kg} kg with {ige_iu_ml} IU/mL: its cell is empty")]
    NoDose {
        /// Body weight, kg.
        weight_kg: f64,
        /// Baseline IgE, IU/mL.
        ige_iu_ml: f64,
    },
}

/// Why there is no such table.
#[derive(Debug, thiserror::Error)]
pub enum DosingTableError {
    /// The name.
    #[error("no dosing table `{name}`; there are {allowed}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        allowed: String,
    },
    /// The tables shipped cannot be read.
    #[error("the dosing tables cannot be read: {0}")]
    Unreadable(#[from] csv::Error),
    /// A number in the tables shipped is not one.
    #[error("the dosing tables have `{cell}` in column {column}")]
    NotANumber {
        /// The cell.
        cell: String,
        /// Its column.
        column: &'static str,
    },
}

/// A range with either end open or closed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    from: f64,
    from_inclusive: bool,
    to: f64,
}

impl Range {
    /// The upper end always belongs to the range, as the tables print it.
    fn contains(self, value: f64) -> bool {
        value <= self.to && (value > self.from || (self.from_inclusive && value == self.from))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell {
    ige: Range,
    weight: Range,
    regimen: Option<Regimen>,
}

/// One dosing table.
#[derive(Clone, Debug, PartialEq)]
pub struct DosingTable {
    name: String,
    cells: Vec<Cell>,
}

impl DosingTable {
    /// Names of the tables there are.
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

    /// The table of a name.
    ///
    /// # Errors
    /// When there is none of that name.
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

    /// Whether every dose of the table was verified on two sources.
    pub fn is_verified(&self) -> bool {
        self.cells.iter().filter_map(|cell| cell.regimen).all(|regimen| regimen.verified)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the table prescribes for a body weight in kg and a baseline IgE in IU/mL.
    ///
    /// ```
    /// use omafit_outcome::DosingTable;
    /// let table = DosingTable::named("us_asthma_12y").unwrap();
    /// let regimen = table.regimen(80.0, 400.0).unwrap();
    /// assert_eq!((regimen.dose_mg, regimen.interval_weeks), (300.0, 2.0));
    /// ```
    ///
    /// # Errors
    /// When the table has no dose there.
    pub fn regimen(&self, weight_kg: f64, ige_iu_ml: f64) -> Result<Regimen, NotInTable> {
        let cell = self.cells.iter().find(|c| c.ige.contains(ige_iu_ml) && c.weight.contains(weight_kg));
        if let Some(regimen) = cell.and_then(|c| c.regimen) {
            return Ok(regimen);
        }
        let ([weight_from, weight_to], [ige_from, ige_to]) = (self.weights_kg(), self.iges_iu_ml());
        Err(if !self.cells.iter().any(|c| c.weight.contains(weight_kg)) {
            NotInTable::Weight { weight_kg, from: weight_from, to: weight_to }
        } else if !self.cells.iter().any(|c| c.ige.contains(ige_iu_ml)) {
            NotInTable::Ige { ige_iu_ml, from: ige_from, to: ige_to }
        } else {
            NotInTable::NoDose { weight_kg, ige_iu_ml }
        })
    }

    /// The lowest and the highest body weight it has, kg.
    pub fn weights_kg(&self) -> [f64; 2] {
        self.extent(|cell| cell.weight)
    }

    /// The lowest and the highest baseline IgE it has, IU/mL.
    pub fn iges_iu_ml(&self) -> [f64; 2] {
        self.extent(|cell| cell.ige)
    }

    fn extent(&self, of: impl Fn(&Cell) -> Range) -> [f64; 2] {
        let ranges = self.cells.iter().map(of);
        ranges.fold([f64::INFINITY, f64::NEG_INFINITY], |[from, to], range| {
            [from.min(range.from), to.max(range.to)]
        })
    }
}

fn cell(record: &csv::StringRecord) -> Result<Cell, DosingTableError> {
    let number = |i: usize, column: &'static str| {
        record[i].parse::<f64>().map_err(|_| DosingTableError::NotANumber { cell: record[i].into(), column })
    };
    let regimen = if record[7].is_empty() {
        None
    } else {
        Some(Regimen {
            dose_mg: number(7, "dose_mg")?,
            interval_weeks: number(8, "interval_weeks")?,
            verified: &record[9] == "1",
        })
    };
    Ok(Cell {
        ige: Range {
            from: number(1, "ige_from_iu_ml")?,
            from_inclusive: &record[2] == "1",
            to: number(3, "ige_to_iu_ml")?,
        },
        weight: Range {
            from: number(4, "weight_from_kg")?,
            from_inclusive: &record[5] == "1",
            to: number(6, "weight_to_kg")?,
        },
        regimen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_belong_where_they_are_printed() {
        let table = DosingTable::named("us_asthma_12y").unwrap();
        let at = |kg, iu| table.regimen(kg, iu).map(|r| (r.dose_mg, r.interval_weeks));
        assert_eq!(at(30.0, 30.0), Ok((150.0, 4.0)));
        assert_eq!(at(90.0, 100.0), Ok((150.0, 4.0)));
        assert_eq!(at(90.1, 100.0), Ok((300.0, 4.0)));
        assert_eq!(at(90.1, 100.1), Ok((225.0, 2.0)));
        assert_eq!(at(150.0, 300.0), Ok((300.0, 2.0)));
        assert_eq!(at(60.0, 700.0), Ok((375.0, 2.0)));
        assert_eq!(at(60.1, 700.0), Err(NotInTable::NoDose { weight_kg: 60.1, ige_iu_ml: 700.0 }));
        assert_eq!(at(60.0, 700.1), Err(NotInTable::Ige { ige_iu_ml: 700.1, from: 30.0, to: 700.0 }));
        assert_eq!(at(29.9, 100.0), Err(NotInTable::Weight { weight_kg: 29.9, from: 30.0, to: 150.0 }));
        assert!(matches!(at(f64::NAN, 100.0), Err(NotInTable::Weight { .. })));
    }

    #[test]
    fn only_the_us_adult_table_is_verified() {
        for name in DosingTable::names().unwrap() {
            let table = DosingTable::named(&name).unwrap();
            let verified = table.cells.iter().filter_map(|c| c.regimen).all(|r| r.verified);
            assert_eq!(verified, name == "us_asthma_12y", "{name}");
        }
        let error = DosingTable::named("uk").unwrap_err().to_string();
        assert!(error.contains("no dosing table `uk`") && error.contains("us_asthma_12y"), "{error}");
    }

    #[test]
    fn every_dose_meets_the_rule_behind_the_table() {
        // At least 0.016 mg/kg per IU/mL in four weeks, at the upper corner of each cell, up to 125 kg.
        for cell in DosingTable::named("us_asthma_12y").unwrap().cells {
            if let Some(r) = cell.regimen {
                let four_weeks = r.dose_mg * 4.0 / r.interval_weeks;
                assert!(four_weeks >= 0.016 * cell.weight.to.min(125.0) * cell.ige.to, "{cell:?}");
            }
        }
    }
}
