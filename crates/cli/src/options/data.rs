//! Options for data sets and the way they are read.

use super::names::{
    BeforeDoseName, DatesName, DecimalName, IgeUnitName, OmalizumabUnitName, SeparatorName, StandardName,
    TimeUnitName, WeightUnitName,
};
use clap::Args;
use omafit_trial::{DecimalMark, Separator};
use std::path::PathBuf;

/// A data set and how it is read.
#[derive(Args, Debug)]
pub struct ReadArgs {
    /// The data set: NONMEM-style CSV, CSV.gz, Parquet or a SAS transport file (XPT)
    pub data: PathBuf,
    #[command(flatten)]
    pub how: HowArgs,
}

/// Where the data of a run are that is taken up again.
#[derive(Args, Debug)]
pub struct DataOfRunArgs {
    /// The run's data set, where it is neither where it was nor beside the run; checked by its SHA-256
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
}

/// How a file of text is laid out.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct LayoutArgs {
    /// What stands between the cells of a file of text [default: comma]
    #[arg(long, value_enum, ignore_case = true)]
    pub separator: Option<SeparatorName>,
    /// What stands before the decimals of the numbers in a file of text [default: point]
    #[arg(long, value_enum, ignore_case = true)]
    pub decimal: Option<DecimalName>,
}

impl LayoutArgs {
    /// Separator of the cells; a comma by default.
    pub fn separator(&self) -> Separator {
        self.separator.map_or_else(Separator::default, Into::into)
    }

    /// Decimal mark; a point by default.
    pub fn decimal(&self) -> DecimalMark {
        self.decimal.map_or_else(DecimalMark::default, Into::into)
    }
}

/// How a data set is read.
#[derive(Args, Debug)]
pub struct HowArgs {
    /// Body weight in kg for the subjects whose weight the file lacks
    #[arg(long, value_name = "KG")]
    pub assume_weight: Option<f64>,
    /// Baseline total IgE in ng/mL for the subjects whose IgE the file lacks
    #[arg(long, value_name = "NG_ML")]
    pub assume_ige: Option<f64>,
    /// A covariate for the subjects who lack it, such as AGE=41; it is then read wherever the file has it
    #[arg(long, value_name = "NAME=VALUE")]
    pub assume: Vec<String>,
    /// Unit of the file's times (TIME, II, and the time in RATE) [default: days]
    #[arg(long, value_enum, ignore_case = true)]
    pub time_unit: Option<TimeUnitName>,
    /// Unit of the file's IgE, observed and IGE [default: ng/mL]
    #[arg(long, value_enum, ignore_case = true)]
    pub ige_unit: Option<IgeUnitName>,
    /// Unit of the covariate IGE, where it is not that of the observed IgE
    #[arg(long, value_enum, ignore_case = true, value_name = "IGE_UNIT")]
    pub baseline_ige_unit: Option<IgeUnitName>,
    /// Unit of the file's body weight, WT [default: kg]
    #[arg(long, value_enum, ignore_case = true)]
    pub weight_unit: Option<WeightUnitName>,
    /// Unit of the file's omalizumab [default: ug/mL]
    #[arg(long, value_enum, ignore_case = true)]
    pub omalizumab_unit: Option<OmalizumabUnitName>,
    /// Lower limit of quantification of an analyte (by name or DVID) in µg/mL or ng/mL: what is below it is censored
    #[arg(long, value_name = "ANALYTE=VALUE")]
    pub lloq: Vec<String>,
    /// Upper limit of quantification of an analyte (by name or DVID) in µg/mL or ng/mL: what is above it is censored
    #[arg(long, value_name = "ANALYTE=VALUE")]
    pub uloq: Vec<String>,
    /// Free IgE was measured up to 150 ng/mL, as in Hayashi et al. 2007: --uloq ige_free=150
    #[arg(long)]
    pub assay_limit: bool,
    /// Take subjects without a dose, as of a placebo arm
    #[arg(long)]
    pub allow_undosed: bool,
    /// Take subjects without an observation: their estimates are those of the typical patient, and their course is predicted
    #[arg(long)]
    pub allow_unobserved: bool,
    /// What becomes of a value of the drug that is quantified before the subject's first dose, where the model predicts
    /// nothing and the residual error gives it no likelihood
    #[arg(long, value_enum, default_value_t = BeforeDoseName::Keep)]
    pub before_dose: BeforeDoseName,
    /// Leave out the rows that meet a condition, such as 'EXCLFL=Y' or 'TIME>100', or that begin with a character, such as C or @
    /// (any letter); rows that begin with # are always left out
    #[arg(long, value_name = "CONDITION")]
    pub ignore: Vec<String>,
    /// Read only the rows that meet a condition, such as 'STUDY=2'; of several, all
    #[arg(long, value_name = "CONDITION")]
    pub accept: Vec<String>,
    /// A number that stands for a missing value in any column of numbers, such as -99
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub missing: Vec<f64>,
    /// Refuse data in which something is probably a mistake, instead of warning of it
    #[arg(long)]
    pub strict: bool,
    /// A file in TOML that says how the data are read: columns, units, limits, codes of texts, rows left out; the options of the
    /// command line come on top
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// TIME is a date and a time of day written so, or a time of day beside a column DATE; times are then days since a
    /// subject's first dose
    #[arg(long, value_enum)]
    pub dates: Option<DatesName>,
    /// The standard whose column names the file has
    #[arg(long, value_enum)]
    pub standard: Option<StandardName>,
    /// Covariates that are read for tables, figures and searches though the model does not use them; a subject may lack them
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub covariates: Vec<String>,
    /// A column that is not to be read, nor looked at by the checks, though its name means something, such as SS
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub unused: Vec<String>,
    /// A column that has another name in the file, such as DV=CONC
    #[arg(long = "column", value_name = "NAME=FILE_NAME")]
    pub columns: Vec<String>,
    #[command(flatten)]
    pub layout: LayoutArgs,
}
