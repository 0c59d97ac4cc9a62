//! Where a run begins: in a new folder, or where it was interrupted.

use crate::checkpoint::Kept;
use crate::error::{CliError, refuse};
use crate::options::RunArgs;
use crate::progress::Progress;
use omafit_trial::RunFolder;
use std::path::Path;

/// The folder of a run, and what an earlier session did of it.
pub struct Begun {
    pub folder: RunFolder,
    pub progress: Progress,
    pub kept: Option<Kept>,
}

impl Begun {
    pub fn anew(args: &RunArgs, out: &Path) -> Result<Self, CliError> {
        let folder = RunFolder::create(out, args.running.force)?;
        Ok(Self { folder, progress: Progress::default(), kept: None })
    }
}

/// A run's folder: a new one, or that of a run that was interrupted.
pub fn begin(
    args: &RunArgs,
    out: &Path,
    resume: bool,
    identity: &serde_json::Value,
) -> Result<Begun, CliError> {
    let Some(suspended) = RunFolder::suspended(out) else {
        if resume {
            return Err(refuse("resume", out.display(), "the folder of a run that was interrupted"));
        }
        return Begun::anew(args, out);
    };
    if !resume {
        if !args.running.force {
            return Err(CliError::Interrupted { path: out.to_owned() });
        }
        let begun = Begun::anew(args, out)?;
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
        return Ok(Begun { kept: Some(kept), ..Begun::anew(args, out)? });
    }
    let progress = Progress::load(&suspended)?;
    is_same(&progress.identity)?;
    let folder = RunFolder::resume(out, args.running.force)?;
    Progress::forget(&folder)?;
    Ok(Begun { folder, progress, kept: None })
}
