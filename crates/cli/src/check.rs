//! `omafit check`: what a data set holds, or everything that is wrong with it.

use crate::Outcome;
use crate::error::CliError;
use crate::options::{CheckArgs, ReadArgs};
use crate::print;
use omafit_trial::{ReadOptions, Trial, read};

/// Reads a data set and says what is in it.
pub fn check(args: &CheckArgs) -> Result<Outcome, CliError> {
    print::trial(&read_trial(&args.read)?);
    Ok(Outcome::Done)
}

/// Reads the data set that the arguments name.
pub fn read_trial(args: &ReadArgs) -> Result<Trial, CliError> {
    let mut options = ReadOptions {
        assume_weight_kg: args.assume_weight,
        assume_ige_ng_ml: args.assume_ige,
        ..ReadOptions::default()
    };
    for column in &args.columns {
        let (name, in_file) = column.split_once('=').ok_or_else(|| CliError::Option {
            option: "column",
            found: column.clone(),
            expected: "omafit's name, an equals sign, and the file's name, such as DV=CONC".into(),
        })?;
        options.columns.insert(name.trim().into(), in_file.trim().into());
    }
    Ok(read(&args.data, &options)?)
}
