//! The start of a run: in a new folder, or at the point where an earlier session was interrupted.

use crate::checkpoint::Kept;
use crate::error::{CliError, refuse};
use crate::options::RunArgs;
use crate::progress::Progress;
use omafit_trial::{RunFolder, RunPlace};
use std::path::Path;

/// The folder of a run, and the results that an interrupted session left in it.
pub struct RunSetup {
    pub folder: RunFolder,
    pub progress: Progress,
    pub kept: Option<Kept>,
}

impl RunSetup {
    pub fn anew(args: &RunArgs, place: RunPlace) -> Result<Self, CliError> {
        let folder = place.create(args.running.force)?;
        Ok(Self { folder, progress: Progress::default(), kept: None })
    }
}

/// Opens the folder of a run: a new folder, or the folder of an interrupted run.
pub fn begin(
    args: &RunArgs,
    out: &Path,
    resume: bool,
    identity: &serde_json::Value,
) -> Result<RunSetup, CliError> {
    let place = RunPlace::claim(out)?;
    let Some(suspended) = place.suspended() else {
        if resume && out.exists() {
            let expected = "the folder of a run that was interrupted: the run there has ended";
            return Err(refuse("resume", out.display(), expected));
        }
        if resume {
            let expected = "the folder of a run that was interrupted, and kept: after its first block of subjects, or the \
                            first iteration of its population";
            return Err(refuse("resume", out.display(), expected));
        }
        return RunSetup::anew(args, place);
    };
    if !resume {
        if !args.running.force {
            return Err(CliError::Interrupted { path: out.to_owned() });
        }
        let begun = RunSetup::anew(args, place)?;
        begun.folder.forget_suspended()?;
        return Ok(begun);
    }
    let is_same = |found: &serde_json::Value| {
        let expected =
            "a run that goes on with this version and the data, model and options with which it began";
        if found == identity { Ok(()) } else { Err(refuse("resume", out.display(), expected)) }
    };
    if let Some(kept) = Kept::load(&suspended)? {
        is_same(&kept.identity)?;
        return Ok(RunSetup { kept: Some(kept), ..RunSetup::anew(args, place)? });
    }
    let Some(progress) = Progress::load(&suspended)? else {
        let expected = "the folder of a fit that was interrupted: what is kept beside it is not of a fit";
        return Err(refuse("resume", out.display(), expected));
    };
    is_same(&progress.identity)?;
    Ok(RunSetup { folder: place.resume(args.running.force)?, progress, kept: None })
}
