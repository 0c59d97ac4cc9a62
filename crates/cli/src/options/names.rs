//! Values of options that take a name.

use clap::ValueEnum;
use omafit_estimate::{Covariance, LikelihoodMethod, Method, SigmaRule};
use omafit_trial::{
    DateFormat, DecimalMark, IgeUnit, OmalizumabUnit, Separator, Standard, TimeUnit, WeightUnit, XportVersion,
};

/// Value of `--method`: the quantities estimated, and the method of estimation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodName {
    /// The population as prior: empirical Bayes estimates
    Map,
    /// Each subject's data alone
    Nls,
    /// The population estimated first, by first-order conditional estimation with interaction, from the model's values;
    /// then each subject with it as prior
    Foce,
    /// The population estimated first by iterative two-stage, which is quick and somewhat biased
    Its,
    /// The population estimated first by stochastic approximation of expectation and maximisation, and its likelihood by
    /// importance sampling
    Saem,
}

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Map | MethodName::Foce | MethodName::Its | MethodName::Saem => Self::Map,
            MethodName::Nls => Self::Nls,
        }
    }
}

/// Value of `--before-dose`: the handling of drug quantified before the first dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BeforeDoseName {
    /// It stays, and the subject cannot be fitted
    Keep,
    /// The values are left out, and counted
    LeaveOut,
}

/// Value of `--likelihood`: the method by which η is integrated out of the likelihood of the population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LikelihoodName {
    /// The model made linear at each subject's estimate: the objective of FOCE with interaction
    Linear,
    /// Laplace's method, with the exact second derivatives of the model
    Laplace,
    /// Importance sampling, with its Monte-Carlo standard error
    Is,
}

impl From<LikelihoodName> for LikelihoodMethod {
    fn from(name: LikelihoodName) -> Self {
        match name {
            LikelihoodName::Linear => Self::Linear,
            LikelihoodName::Laplace => Self::Laplace,
            LikelihoodName::Is => Self::Is,
        }
    }
}

/// Value of `--influence`: the method by which the influence of subjects on an estimated population is
/// computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InfluenceName {
    /// One step of Newton's method from the estimates; the default of --method foce
    OneStep,
    /// The population is estimated again without each subject
    Exact,
    /// Not at all
    None,
}

/// Value of `--covariance`: the matrix from which standard errors are computed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CovarianceName {
    /// The full curvature of each subject's objective
    Full,
    /// JᵀJ, which leaves out the second derivatives of the model: quicker
    GaussNewton,
}

impl From<CovarianceName> for Covariance {
    fn from(name: CovarianceName) -> Self {
        match name {
            CovarianceName::Full => Self::Full,
            CovarianceName::GaussNewton => Self::GaussNewton,
        }
    }
}

/// Value of `--sigma`: the source of the size of the residual errors.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SigmaName {
    /// From the model
    Given,
    /// From each subject's own data, together with its parameters, where there are enough
    Subject,
    /// From all subjects' fits together, fits and errors in turn
    Pooled,
}

impl From<SigmaName> for SigmaRule {
    fn from(name: SigmaName) -> Self {
        match name {
            SigmaName::Given => Self::Given,
            SigmaName::Subject => Self::Subject,
            SigmaName::Pooled => Self::Pooled,
        }
    }
}

/// Unit of the times in a data set.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TimeUnitName {
    /// 24 hours
    Days,
    /// 24 to the day
    Hours,
}

impl From<TimeUnitName> for TimeUnit {
    fn from(name: TimeUnitName) -> Self {
        match name {
            TimeUnitName::Days => Self::Days,
            TimeUnitName::Hours => Self::Hours,
        }
    }
}

/// Unit of body weight in a data set.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum WeightUnitName {
    /// Kilograms
    #[value(name = "kg")]
    Kilograms,
    /// Pounds, 0.45359237 kg
    #[value(name = "lb")]
    Pounds,
}

impl From<WeightUnitName> for WeightUnit {
    fn from(name: WeightUnitName) -> Self {
        match name {
            WeightUnitName::Kilograms => Self::Kilograms,
            WeightUnitName::Pounds => Self::Pounds,
        }
    }
}

/// Format of the dates in a data set.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DatesName {
    /// 2024-03-01
    Iso,
    /// 01/03/2024 is the first of March
    Dmy,
    /// 03/01/2024 is the first of March
    Mdy,
    /// 01MAR2024
    Sas,
}

impl From<DatesName> for DateFormat {
    fn from(name: DatesName) -> Self {
        match name {
            DatesName::Iso => Self::Iso,
            DatesName::Dmy => Self::Dmy,
            DatesName::Mdy => Self::Mdy,
            DatesName::Sas => Self::Sas,
        }
    }
}

/// A standard of column names.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StandardName {
    /// CDISC's ADPPK: USUBJID, AFRLT in hours, AVAL or DV, PARAMCD, BLQFL, ALLOQ, WTBL
    Adppk,
}

impl From<StandardName> for Standard {
    fn from(name: StandardName) -> Self {
        match name {
            StandardName::Adppk => Self::Adppk,
        }
    }
}

/// Unit of IgE in a data set.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum IgeUnitName {
    /// Nanograms
    #[value(name = "ng/mL")]
    NgPerMl,
    /// International units, 2.42 ng
    #[value(name = "IU/mL")]
    IuPerMl,
    /// nmol/L, 190 ng/mL
    #[value(name = "nM")]
    Nanomolar,
}

impl From<IgeUnitName> for IgeUnit {
    fn from(name: IgeUnitName) -> Self {
        match name {
            IgeUnitName::NgPerMl => Self::NgPerMl,
            IgeUnitName::IuPerMl => Self::IuPerMl,
            IgeUnitName::Nanomolar => Self::Nanomolar,
        }
    }
}

/// Unit of omalizumab in a data set.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OmalizumabUnitName {
    /// Micrograms
    #[value(name = "ug/mL", alias = "µg/mL")]
    UgPerMl,
    /// The same
    #[value(name = "mg/L")]
    MgPerL,
    /// Nanograms, a thousandth
    #[value(name = "ng/mL")]
    NgPerMl,
    /// nmol/L, 0.15 µg/mL
    #[value(name = "nM")]
    Nanomolar,
}

impl From<OmalizumabUnitName> for OmalizumabUnit {
    fn from(name: OmalizumabUnitName) -> Self {
        match name {
            OmalizumabUnitName::UgPerMl => Self::UgPerMl,
            OmalizumabUnitName::MgPerL => Self::MgPerL,
            OmalizumabUnitName::NgPerMl => Self::NgPerMl,
            OmalizumabUnitName::Nanomolar => Self::Nanomolar,
        }
    }
}

/// Separator of the cells in a text file.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum SeparatorName {
    /// A comma
    #[default]
    Comma,
    /// A semicolon
    Semicolon,
    /// A tab
    Tab,
    /// Any number of spaces and tabs
    Space,
}

impl From<SeparatorName> for Separator {
    fn from(name: SeparatorName) -> Self {
        match name {
            SeparatorName::Comma => Self::Comma,
            SeparatorName::Semicolon => Self::Semicolon,
            SeparatorName::Tab => Self::Tab,
            SeparatorName::Space => Self::Space,
        }
    }
}

/// Decimal mark of the numbers in a text file.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum DecimalName {
    /// A point
    #[default]
    Point,
    /// A comma; nothing stands between the thousands
    Comma,
}

impl From<DecimalName> for DecimalMark {
    fn from(name: DecimalName) -> Self {
        match name {
            DecimalName::Point => Self::Point,
            DecimalName::Comma => Self::Comma,
        }
    }
}

/// Version of a SAS transport file.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum XportVersionName {
    /// Names of 8 bytes, labels of 40, texts of 200
    #[value(name = "5")]
    V5,
    /// Names of 32 bytes, labels of 256, texts of 32,767
    #[default]
    #[value(name = "8")]
    V8,
}

impl XportVersionName {
    /// Number of the version.
    pub const fn number(self) -> u8 {
        match self {
            Self::V5 => 5,
            Self::V8 => 8,
        }
    }
}

impl From<XportVersionName> for XportVersion {
    fn from(name: XportVersionName) -> Self {
        match name {
            XportVersionName::V5 => Self::V5,
            XportVersionName::V8 => Self::V8,
        }
    }
}

/// Value of `--censored`: the handling of observations beyond a limit of quantification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Censored {
    /// Their likelihood, that of lying beyond the limit (M3)
    M3,
    /// They are left out, and counted (M1)
    M1,
}
