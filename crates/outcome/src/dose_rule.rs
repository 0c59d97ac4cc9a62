//! Rules that give a dose from body weight and baseline IgE: by a table, or in proportion to both.

use crate::dosing_table::{DosingTable, DosingTableError, NotInTable};
use std::fmt;

const DAYS_A_WEEK: f64 = 7.0;
/// Default dosing interval, weeks.
const WEEKS: f64 = 4.0;

/// A rule that gives a dose from body weight and baseline IgE. Not medical advice.
#[derive(Clone, Debug, PartialEq)]
pub enum DoseRule {
    /// A dose by a dosing table.
    Table(DosingTable),
    /// A dose in proportion to body weight and baseline IgE, without a maximum.
    Proportional {
        /// mg per kg of body weight and IU/mL of IgE, in four weeks.
        mg_per_kg_iu: f64,
        /// Dosing interval, weeks; each dose is the corresponding fraction of the four-week amount.
        every_weeks: f64,
    },
}

/// The reason a text is not a dosing rule.
#[derive(Debug, thiserror::Error)]
pub enum DoseRuleError {
    /// Neither a number nor the name of a table.
    #[error(transparent)]
    Table(#[from] DosingTableError),
    /// A number or interval that is not allowed.
    #[error(
        "`{text}` is no dose: mg/kg per IU/mL in four weeks, such as 0.016, or 0.016/2w in doses every 2 weeks"
    )]
    Number {
        /// The text given.
        text: String,
    },
}

impl DoseRule {
    /// Parses the name of a table, or mg/kg per IU/mL in four weeks: `0.016`, or `0.016/2w` for doses every two weeks.
    ///
    /// ```
    /// use omafit_outcome::DoseRule;
    /// let rule = DoseRule::parse("0.016/2w").unwrap();
    /// assert_eq!(rule.regimen(75.0, 200.0), Ok((120.0, 14.0)));
    /// ```
    ///
    /// # Errors
    /// When the text is neither the name of a table nor a positive rate with a positive interval.
    pub fn parse(text: &str) -> Result<Self, DoseRuleError> {
        let (amount, weeks) = match text.split_once('/') {
            Some((amount, weeks)) => (amount, weeks.strip_suffix('w').unwrap_or("").parse().ok()),
            None => (text, Some(WEEKS)),
        };
        let Ok(mg_per_kg_iu) = amount.parse::<f64>() else {
            return Ok(Self::Table(DosingTable::named(text)?));
        };
        let is_size = |value: f64| value.is_finite() && value > 0.0;
        match weeks.filter(|weeks| is_size(*weeks) && is_size(mg_per_kg_iu)) {
            Some(every_weeks) => Ok(Self::Proportional { mg_per_kg_iu, every_weeks }),
            None => Err(DoseRuleError::Number { text: text.into() }),
        }
    }

    /// Dose in mg and dosing interval in days, for a body weight in kg and a baseline IgE in IU/mL.
    ///
    /// # Errors
    /// When a table has no dose for them.
    pub fn regimen(&self, weight_kg: f64, ige_iu_ml: f64) -> Result<(f64, f64), NotInTable> {
        match self {
            Self::Table(table) => {
                let regimen = table.regimen(weight_kg, ige_iu_ml)?;
                Ok((regimen.dose_mg, DAYS_A_WEEK * regimen.interval_weeks))
            }
            Self::Proportional { mg_per_kg_iu, every_weeks } => {
                let dose_mg = mg_per_kg_iu * weight_kg * ige_iu_ml * every_weeks / WEEKS;
                Ok((dose_mg, DAYS_A_WEEK * every_weeks))
            }
        }
    }
}

impl DoseRule {
    /// Whether the table cell that gives the dose was verified on two sources; `None` for a rule without a table, or if
    /// there is no dose.
    ///
    /// ```
    /// use omafit_outcome::DoseRule;
    /// let rule = DoseRule::parse("eu_asthma_6y").unwrap();
    /// assert_eq!([450.0, 550.0].map(|ige| rule.is_verified(60.0, ige)), [Some(true), Some(false)]);
    /// ```
    pub fn is_verified(&self, weight_kg: f64, ige_iu_ml: f64) -> Option<bool> {
        match self {
            Self::Table(table) => Some(table.regimen(weight_kg, ige_iu_ml).ok()?.verified),
            Self::Proportional { .. } => None,
        }
    }
}

impl fmt::Display for DoseRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(table) => write!(f, "table {table}"),
            Self::Proportional { mg_per_kg_iu, every_weeks } => {
                write!(f, "{mg_per_kg_iu} mg/kg per IU/mL in 4 weeks, a dose every {every_weeks} weeks")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in ["0", "-0.016", "inf", "0.016/2", "0.016/0w", "0.016/xw", "NaN"] {
            assert!(matches!(DoseRule::parse(text), Err(DoseRuleError::Number { .. })), "{text}");
        }
        let error = DoseRule::parse("uk").unwrap_err().to_string();
        assert!(error.contains("no dosing table `uk`"), "{error}");
    }

    #[test]
    fn a_table_is_a_rule_within_its_cells() {
        let table = DoseRule::parse("us_asthma_12y").unwrap();
        assert_eq!(table.regimen(80.0, 400.0), Ok((300.0, 14.0)));
        assert!(table.regimen(80.0, 701.0).is_err());
        assert_eq!(table.to_string(), "table us_asthma_12y");
        assert_eq!((table.is_verified(80.0, 400.0), table.is_verified(80.0, 701.0)), (Some(true), None));
        assert_eq!(DoseRule::parse("0.016").unwrap().is_verified(80.0, 400.0), None);
    }

    #[test]
    fn a_table_that_is_not_wholly_verified_says_so() {
        for (name, said) in [
            ("us_asthma_6_to_12y", "table us_asthma_6_to_12y (not verified)"),
            ("eu_asthma_6y", "table eu_asthma_6y (not verified: 96 of 140 cells)"),
            ("us_nasal_polyps_adult", "table us_nasal_polyps_adult (not verified)"),
            ("jp_asthma_sar", "table jp_asthma_sar (not verified: 4 of 44 cells)"),
        ] {
            assert_eq!(DoseRule::parse(name).unwrap().to_string(), said);
        }
    }
}
