//! `omafit dose`: what a dosing table prescribes.

use crate::Outcome;
use crate::error::CliError;
use crate::print;
use crate::run::positive;
use clap::Args;
use omafit_outcome::DosingTable;

/// Whom a dose is for.
#[derive(Args, Debug)]
pub struct DoseArgs {
    /// Body weight
    #[arg(long, value_name = "KG")]
    pub weight: f64,
    /// Baseline total IgE
    #[arg(long, value_name = "IU_ML")]
    pub ige: f64,
    /// Dosing table: us_asthma_12y, us_asthma_6_to_12y, eu_asthma_6y, us_nasal_polyps_adult or jp_asthma_sar
    #[arg(long, default_value = "us_asthma_12y", value_name = "NAME")]
    pub table: String,
}

/// Prints what the table prescribes, or why it prescribes nothing.
pub fn dose(args: &DoseArgs) -> Result<Outcome, CliError> {
    positive("weight", args.weight)?;
    positive("ige", args.ige)?;
    let table = DosingTable::named(&args.table)?;
    let regimen = table.regimen(args.weight, args.ige);
    print::dose(args, &table, &regimen);
    Ok(if regimen.is_ok() { Outcome::Done } else { Outcome::SomeFailed })
}
