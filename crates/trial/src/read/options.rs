//! Options for reading a data set.

use std::collections::BTreeMap;

use omafit_model::{Analyte, Covariates};
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Rule};
use super::dates::DateFormat;
use super::layout::{DecimalMark, Separator};
use super::rejection::Rejection;
use super::units::{IgeUnit, OmalizumabUnit, TimeUnit, WeightUnit};
use super::wide::WideColumns;

/// Options for reading a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Columns that have another name in the file: omafit's name → the file's name, such as `DV` → `CONC`, both without
    /// regard to case.
    pub columns: BTreeMap<String, String>,
    /// Analytes that the model predicts, at least one; an observation of any other analyte is rejected. With exactly
    /// one, the file needs no `DVID`.
    pub analytes: Vec<Analyte>,
    /// Whether observations of an analyte must be above zero, by [`Analyte::index`]; required if the residual error is
    /// on the log scale.
    pub positive_required: [bool; 3],
    /// Whether an analyte must be absent before the subject's first dose, so that a value quantified then is not a
    /// valid observation, by [`Analyte::index`]; required for a drug with a log-normal or a proportional error, because
    /// the model predicts none before the first dose.
    pub absent_before_dose: [bool; 3],
    /// Whether values quantified before the subject's first dose are left out and counted, for the analytes of
    /// [`ReadOptions::absent_before_dose`].
    pub leave_out_before_dose: bool,
    /// Lower limits of quantification, µg/mL for omalizumab and ng/mL for IgE, by [`Analyte::index`]: an observation
    /// below its limit becomes censored [`Below`](omafit_model::Censoring::Below) the limit.
    pub lloq: [Option<f64>; 3],
    /// Upper limits of quantification, µg/mL for omalizumab and ng/mL for IgE, by [`Analyte::index`]: an observation
    /// above its limit becomes censored [`Above`](omafit_model::Censoring::Above) the limit.
    pub uloq: [Option<f64>; 3],
    /// Covariates that every subject must have, by name without regard to case. `WT` and `IGE` are read wherever a file
    /// has them, other covariates only if they are named here, in `carried` or in `assume`.
    pub covariates: Vec<String>,
    /// Values of covariates for subjects that lack them: `WT` in kg, `IGE` in ng/mL, both above 0. A total IgE before
    /// the first dose takes precedence over an assumed `IGE`.
    pub assume: BTreeMap<String, f64>,
    /// Whether a subject may have no dose, as in a placebo arm.
    pub allow_undosed: bool,
    /// Whether a subject may have no observation, although nothing can be estimated for the subject.
    pub allow_unobserved: bool,
    /// Unit of the file's times.
    pub time_unit: TimeUnit,
    /// Unit of the file's IgE, measured and baseline.
    pub ige_unit: IgeUnit,
    /// Unit of the file's omalizumab concentrations.
    pub omalizumab_unit: OmalizumabUnit,
    /// Rows that are left out, by conditions such as `EXCLFL=Y` or by the first character of a row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Conditions that a row must meet to be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// Unit of the covariate `IGE`, if it differs from the unit of the observations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_ige_unit: Option<IgeUnit>,
    /// Unit of the covariate `WT`.
    #[serde(skip_serializing_if = "WeightUnit::is_default")]
    pub weight_unit: WeightUnit,
    /// Columns with known names that are not to be read, such as `SS` in a file where it has no meaning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<String>,
    /// Codes of the texts in a column: column (omafit's name) → text of the file → number, or name of an analyte. A
    /// text without an entry is kept.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<String, BTreeMap<String, String>>,
    /// Columns of each analyte, by the analyte's name, if a row of the file is a sample with a column for each analyte;
    /// empty if a row is an observation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub wide: BTreeMap<String, WideColumns>,
    /// Covariates that are read although no model needs them; a subject may lack them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<String>,
    /// Format of dates, if `TIME` is a date and a time of day, or a time of day beside a column `DATE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dates: Option<DateFormat>,
    /// Standard whose column names the file uses, in addition to omafit's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard: Option<Standard>,
    /// Numbers that stand for a missing value, in any numeric column.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<f64>,
    /// Delimiter between the cells of a text file.
    pub separator: Separator,
    /// Decimal mark of the numbers in a text file.
    pub decimal: DecimalMark,
}

/// Standard of column names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// ADPPK, CDISC's analysis data set for population pharmacokinetics: `USUBJID`, `AFRLT`, `AVAL` or `DV`, `PARAMCD`,
    /// `BLQFL` or `BLQFN`, `ALLOQ`, `WTBL`.
    Adppk,
}

impl Standard {
    /// Names of one of omafit's columns in the standard; the first that a file has is read.
    pub(super) fn names(self, ours: &str) -> &'static [&'static str] {
        match (self, ours) {
            (Self::Adppk, "ID") => &["USUBJID", "SUBJID"],
            (Self::Adppk, "TIME") => &["AFRLT"],
            (Self::Adppk, "DV") => &["AVAL", "DV"],
            (Self::Adppk, "DVID") => &["PARAMCD", "PARAM"],
            (Self::Adppk, "AMT") => &["AMT", "DOSEA", "DOSE"],
            (Self::Adppk, "BLQ") => &["BLQFL", "BLQFN"],
            (Self::Adppk, "LLOQ") => &["ALLOQ", "LLOQ"],
            (Self::Adppk, "WT") => &["WTBL", "WT"],
            _ => &[],
        }
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            columns: BTreeMap::new(),
            analytes: Analyte::ALL.to_vec(),
            positive_required: [true; 3],
            absent_before_dose: [false; 3],
            leave_out_before_dose: false,
            lloq: [None; 3],
            uloq: [None; 3],
            covariates: [Covariates::WEIGHT, Covariates::IGE].map(str::to_owned).to_vec(),
            assume: BTreeMap::new(),
            allow_undosed: false,
            allow_unobserved: false,
            time_unit: TimeUnit::default(),
            ige_unit: IgeUnit::default(),
            omalizumab_unit: OmalizumabUnit::default(),
            ignore: Vec::new(),
            accept: Vec::new(),
            baseline_ige_unit: None,
            weight_unit: WeightUnit::default(),
            unused: Vec::new(),
            codes: BTreeMap::new(),
            wide: BTreeMap::new(),
            carried: Vec::new(),
            dates: None,
            standard: None,
            missing: Vec::new(),
            separator: Separator::default(),
            decimal: DecimalMark::default(),
        }
    }
}

impl ReadOptions {
    /// Rejects conditions that are none.
    fn check_selection(&self) -> Result<(), Rejection> {
        let refuse = |option, found: &String, expected| {
            Err(Rejection::Option { option, found: format!("'{found}'"), expected })
        };
        if let Some(text) = self.ignore.iter().find(|text| Rule::parse(text).is_none()) {
            return refuse(
                "ignore",
                text,
                "a condition such as C=C, EXCLFL=Y or DV<0, or the first character of a row",
            );
        }
        match self.accept.iter().find(|text| Condition::parse(text).is_none()) {
            Some(text) => refuse("accept", text, "a condition such as STUDY=2 or TIME<=84"),
            None => Ok(()),
        }
    }

    /// Rejects values that are wrong for any file.
    pub(super) fn check(&self) -> Result<(), Rejection> {
        if self.analytes.is_empty() {
            let (found, expected) = ("[]".to_owned(), "at least one");
            return Err(Rejection::Option { option: "analytes", found, expected });
        }
        self.check_selection()?;
        for analyte in Analyte::ALL {
            let (lower, upper) = (self.lloq[analyte.index()], self.uloq[analyte.index()]);
            for (option, limit) in [("lloq", lower), ("uloq", upper)] {
                if let Some(value) = limit
                    && !(value.is_finite() && value > 0.0)
                {
                    let found = format!("{}={value}", analyte.name());
                    return Err(Rejection::Option { option, found, expected: "a number above 0" });
                }
            }
            if let (Some(lower), Some(upper)) = (lower, upper)
                && lower >= upper
            {
                let found = format!("{}={upper}", analyte.name());
                let expected = "a limit above the lower one";
                return Err(Rejection::Option { option: "uloq", found, expected });
            }
        }
        Ok(())
    }

    /// Adopts the column names and the time unit of a standard.
    pub fn follow(&mut self, standard: Standard) {
        self.standard = Some(standard);
        match standard {
            Standard::Adppk => self.time_unit = TimeUnit::Hours,
        }
    }

    /// Unit of the covariate `IGE`.
    pub(super) fn baseline_ige_unit(&self) -> IgeUnit {
        self.baseline_ige_unit.unwrap_or(self.ige_unit)
    }

    /// Unit of an analyte's values in the file.
    pub(super) const fn unit_read(&self, analyte: Analyte) -> &'static str {
        match analyte {
            Analyte::OmalizumabTotal => self.omalizumab_unit.name(),
            Analyte::IgeTotal | Analyte::IgeFree => self.ige_unit.name(),
        }
    }

    /// Analyte of every observation, if the model predicts only one.
    pub(super) fn only_analyte(&self) -> Option<Analyte> {
        let (first, rest) = self.analytes.split_first()?;
        rest.iter().all(|analyte| analyte == first).then_some(*first)
    }
}
