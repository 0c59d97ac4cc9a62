//! Options for reading a data set.

use std::collections::{BTreeMap, BTreeSet};

use omafit_model::units::OMALIZUMAB_KDA;
use omafit_model::{Analyte, Covariates, Substance};
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
    /// Analytes of which observations must be above zero; required if the residual error is on the log scale.
    pub positive_required: BTreeSet<Analyte>,
    /// Analytes that must be absent before the subject's first dose, so that a value quantified then is not a valid
    /// observation; required for a drug with a log-normal or a proportional error, because the model predicts none
    /// before the first dose.
    pub absent_before_dose: BTreeSet<Analyte>,
    /// Whether values quantified before the subject's first dose are left out and counted, for the analytes of
    /// [`ReadOptions::absent_before_dose`].
    pub leave_out_before_dose: bool,
    /// Lower limits of quantification in the analytes' units: an observation below its limit becomes censored
    /// [`Below`](omafit_model::Censoring::Below) the limit.
    pub lloq: BTreeMap<Analyte, f64>,
    /// Upper limits of quantification in the analytes' units: an observation above its limit becomes censored
    /// [`Above`](omafit_model::Censoring::Above) the limit.
    pub uloq: BTreeMap<Analyte, f64>,
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
    /// Molecular mass of the drug in the model, kDa, by which nM are converted.
    #[serde(skip_serializing_if = "is_usual_mass")]
    pub drug_kda: f64,
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

fn is_usual_mass(kda: &f64) -> bool {
    *kda == OMALIZUMAB_KDA
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
            analytes: omafit_model::analytes(),
            positive_required: omafit_model::analytes().into_iter().collect(),
            absent_before_dose: BTreeSet::new(),
            leave_out_before_dose: false,
            lloq: BTreeMap::new(),
            uloq: BTreeMap::new(),
            covariates: [Covariates::WEIGHT, Covariates::IGE].map(str::to_owned).to_vec(),
            assume: BTreeMap::new(),
            allow_undosed: false,
            allow_unobserved: false,
            time_unit: TimeUnit::default(),
            ige_unit: IgeUnit::default(),
            omalizumab_unit: OmalizumabUnit::default(),
            drug_kda: OMALIZUMAB_KDA,
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
        for (option, limits) in [("lloq", &self.lloq), ("uloq", &self.uloq)] {
            for (analyte, value) in limits {
                if !(value.is_finite() && *value > 0.0) {
                    let found = format!("{}={value}", analyte.name());
                    return Err(Rejection::Option { option, found, expected: "a number above 0" });
                }
            }
        }
        for (analyte, upper) in &self.uloq {
            if self.lloq.get(analyte).is_some_and(|lower| lower >= upper) {
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
    pub(super) fn unit_read(&self, analyte: Analyte) -> &'static str {
        match analyte.substance() {
            Substance::Drug => self.omalizumab_unit.name(),
            Substance::Target => self.ige_unit.name(),
            Substance::Complex => analyte.unit(),
        }
    }

    /// Factor that converts an analyte's values in the file to the analyte's unit.
    pub(super) fn factor(&self, analyte: Analyte) -> f64 {
        match analyte.substance() {
            Substance::Drug => self.omalizumab_unit.ug_ml(self.drug_kda),
            Substance::Target => self.ige_unit.ng_ml(),
            Substance::Complex => 1.0,
        }
    }

    /// Analyte of every observation, if the model predicts only one.
    pub(super) fn only_analyte(&self) -> Option<Analyte> {
        let (first, rest) = self.analytes.split_first()?;
        rest.iter().all(|analyte| analyte == first).then_some(*first)
    }
}
