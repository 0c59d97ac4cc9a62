//! What the reader is told beside the file.

use std::collections::BTreeMap;

use omafit_model::{Analyte, Covariates};
use serde::{Deserialize, Serialize};

use super::dates::DateFormat;
use super::layout::{DecimalMark, Separator};
use super::rejection::Rejection;
use super::select;
use super::units::{IgeUnit, OmalizumabUnit, TimeUnit, WeightUnit};
use super::wide::WideColumns;

/// How to read a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Columns that have another name in the file: omafit's name → the file's, as `DV` → `CONC`. Capitals do not
    /// matter in either.
    pub columns: BTreeMap<String, String>,
    /// The analytes that the model predicts, at least one; an observation of another is refused. With exactly one the
    /// file needs no `DVID`.
    pub analytes: Vec<Analyte>,
    /// Whether observations of an analyte must be above zero, by [`Analyte::index`]: so wherever the residual error is
    /// on the log scale.
    pub positive_required: [bool; 3],
    /// Whether a value of an analyte quantified before the subject's first dose can be no observation, by
    /// [`Analyte::index`]: so of a drug under a log-normal or a proportional error, of which the model then predicts nothing.
    pub absent_before_dose: [bool; 3],
    /// Whether such values are left out, and counted.
    pub leave_out_before_dose: bool,
    /// Lower limits of quantification, µg/mL of omalizumab, ng/mL of IgE, by [`Analyte::index`]: an observation below
    /// becomes one that is [`Below`](omafit_model::Censoring::Below) the limit.
    pub lloq: [Option<f64>; 3],
    /// Upper limits of quantification, likewise: an observation above becomes one that is
    /// [`Above`](omafit_model::Censoring::Above) the limit.
    pub uloq: [Option<f64>; 3],
    /// Covariates that must be known of every subject, by name; capitals do not matter. `WT` and `IGE` are read
    /// wherever they are, others only if they are named here or in `assume`.
    pub covariates: Vec<String>,
    /// Values of covariates for the subjects that lack them: `WT` in kg, `IGE` in ng/mL, both above 0. A total IgE before
    /// the first dose is taken before an assumed `IGE`.
    pub assume: BTreeMap<String, f64>,
    /// Whether a subject may be without a dose, as in a placebo arm.
    pub allow_undosed: bool,
    /// Whether a subject may be without an observation, of which nothing can be estimated.
    pub allow_unobserved: bool,
    /// The unit of the file's times.
    pub time_unit: TimeUnit,
    /// The unit of the file's IgE, measured and baseline.
    pub ige_unit: IgeUnit,
    /// The unit of the file's omalizumab.
    pub omalizumab_unit: OmalizumabUnit,
    /// Rows that are left out: conditions such as `EXCLFL=Y`, or the first character of a row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Conditions that a row must meet to be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// The unit of the covariate `IGE`, where it is another than that of the observations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_ige_unit: Option<IgeUnit>,
    /// The unit of the covariate `WT`.
    #[serde(skip_serializing_if = "WeightUnit::is_default")]
    pub weight_unit: WeightUnit,
    /// Columns that are known by name and are not to be read, such as `SS` in a file where it means nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<String>,
    /// What the texts of a column stand for: column (omafit's name) → text of the file → number, or name of an analyte. A text
    /// without an entry stays as it is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<String, BTreeMap<String, String>>,
    /// The columns of each analyte, by its name, where a row of the file is a sample with a column an analyte; empty where a
    /// row is an observation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub wide: BTreeMap<String, WideColumns>,
    /// Covariates that are read though no model needs them; a subject may lack them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<String>,
    /// How dates are written, where `TIME` is a date and a time of day, or a time of day beside a column `DATE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dates: Option<DateFormat>,
    /// The standard whose column names the file has, beside omafit's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard: Option<Standard>,
    /// Numbers that stand for a missing value, in any column of numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<f64>,
    /// What stands between the cells of a file of text.
    pub separator: Separator,
    /// What stands before the decimals of the numbers in a file of text.
    pub decimal: DecimalMark,
}

/// A standard of column names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// CDISC's analysis data set of pharmacokinetics, ADPPK: `USUBJID`, `AFRLT`, `AVAL` or `DV`, `PARAMCD`, `BLQFL` or `BLQFN`,
    /// `ALLOQ`, `WTBL`.
    Adppk,
}

impl Standard {
    /// What the standard calls a column of omafit's, the first that a file has.
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
    /// Refuses values that no file could make right.
    pub(super) fn check(&self) -> Result<(), Rejection> {
        if self.analytes.is_empty() {
            let (found, expected) = ("[]".to_owned(), "at least one");
            return Err(Rejection::Option { option: "analytes", found, expected });
        }
        select::check(self)?;
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

    /// Takes the column names and the unit of time of a standard.
    pub fn follow(&mut self, standard: Standard) {
        self.standard = Some(standard);
        match standard {
            Standard::Adppk => self.time_unit = TimeUnit::Hours,
        }
    }

    /// The unit of the covariate `IGE`.
    pub(super) fn baseline_ige_unit(&self) -> IgeUnit {
        self.baseline_ige_unit.unwrap_or(self.ige_unit)
    }

    /// The unit that the file's values of an analyte are in.
    pub(super) const fn unit_read(&self, analyte: Analyte) -> &'static str {
        match analyte {
            Analyte::OmalizumabTotal => self.omalizumab_unit.name(),
            Analyte::IgeTotal | Analyte::IgeFree => self.ige_unit.name(),
        }
    }

    /// The analyte of every observation, if the model predicts only one.
    pub(super) fn only_analyte(&self) -> Option<Analyte> {
        let (first, rest) = self.analytes.split_first()?;
        rest.iter().all(|analyte| analyte == first).then_some(*first)
    }
}
