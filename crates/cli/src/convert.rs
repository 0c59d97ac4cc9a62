//! `omafit convert`: conversion of a data set to another format.

use crate::Outcome;
use crate::error::{CliError, refuse};
use crate::options::{LayoutArgs, XportVersionName};
use crate::print;
use clap::Args;
use omafit_trial::{ConvertOptions, convert};
use std::path::PathBuf;

/// A data set, and what it becomes.
#[derive(Args, Debug)]
pub struct ConvertArgs {
    /// The data set: CSV, CSV.gz, Parquet or a SAS transport file (XPT), with one data set in it
    #[arg(value_name = "IN")]
    pub from: PathBuf,
    /// The new file: a name that ends in .csv, .csv.gz, .parquet or .xpt
    #[arg(value_name = "OUT")]
    pub to: PathBuf,
    #[command(flatten)]
    pub layout: LayoutArgs,
    /// A column that is numbers however they are written, such as 2.50 and 007; without it such a column stays text
    #[arg(long, value_name = "COLUMN")]
    pub numeric: Vec<String>,
    /// Version of a SAS transport file: 5, with names of 8 bytes, labels of 40 and texts of 200, or 8 [default: 8]
    #[arg(long, value_enum, value_name = "5|8")]
    pub xpt_version: Option<XportVersionName>,
    /// Replace a file that is already there
    #[arg(long)]
    pub force: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Converts a data set.
pub fn run(args: &ConvertArgs) -> Result<Outcome, CliError> {
    let is_xpt = args.to.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xpt"));
    if let Some(version) = args.xpt_version
        && !is_xpt
    {
        return Err(refuse("xpt-version", version.number(), "given with a name that ends in .xpt"));
    }
    let options = ConvertOptions {
        separator: args.layout.separator(),
        decimal: args.layout.decimal(),
        numeric: args.numeric.clone(),
        xport: args.xpt_version.unwrap_or_default().into(),
        force: args.force,
    };
    let converted = convert(&args.from, &args.to, &options)?;
    if !args.quiet {
        print::converted(&args.to, &converted);
    }
    Ok(Outcome::Done)
}
