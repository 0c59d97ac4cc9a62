//! `omafit dose`: the dose prescribed by a dosing table.

use crate::Outcome;
use crate::checks::positive;
use crate::error::CliError;
use crate::print::NO_ADVICE;
use crate::print::terminal::say;
use clap::Args;
use omafit_outcome::{DosingTable, NotInTable, Regimen};

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

/// Prints the dose prescribed by the table, or the reason why there is none.
pub fn dose(args: &DoseArgs) -> Result<Outcome, CliError> {
    positive("weight", args.weight)?;
    positive("ige", args.ige)?;
    let table = DosingTable::named(&args.table)?;
    let regimen = table.regimen(args.weight, args.ige);
    dose_words(args, &table, &regimen);
    Ok(if regimen.is_ok() { Outcome::Done } else { Outcome::SomeFailed })
}

/// Prints the regimen prescribed by a table, or the reason why there is none.
fn dose_words(args: &DoseArgs, table: &DosingTable, regimen: &Result<Regimen, NotInTable>) {
    let DoseArgs { weight, ige, .. } = args;
    match regimen {
        Ok(Regimen { dose_mg, interval_weeks, verified }) => {
            say!("{dose_mg} mg every {interval_weeks} weeks, for {weight} kg and {ige} IU/mL");
            let status = if *verified {
                "verified on two sources"
            } else {
                "NOT verified: consistent with 0.016 mg/kg per IU/mL in 4 weeks and the table's ceiling, no more"
            };
            say!("table {}: this cell is {status}", table.name());
            let (four_weeks, rule) = (dose_mg * 4.0 / interval_weeks, 0.016 * weight * ige);
            say!("{four_weeks} mg in 4 weeks; 0.016 mg/kg per IU/mL would be {rule:.1} mg");
        }
        Err(why) => say!("not in the table {}: {why}", table.name()),
    }
    say!("{NO_ADVICE}");
}
