//! Folder of a run, which appears complete or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Component, Path, PathBuf};

use super::aside::{PARTIAL, hidden, left_aside, make_aside, parent, sync_file, sync_folder};
use super::claim::Claim;
use super::error::{OutputError, tried};
use super::whole_file::write_whole;
use crate::whole::read_whole;

/// File that identifies the folder of a run.
const RUN_FILE: &str = "run.json";

/// File with the progress that a run had made when it was kept, in [`RunFolder::KEPT`].
const PROGRESS: &str = "progress.json";

/// Markers in the hidden names of a suspended run and of a run that is being replaced.
const SUSPENDED: &str = "interrupted";
const OLD: &str = "old";

/// Number of files that are synced to disk at the same time.
const SYNCS_AT_ONCE: usize = 16;

/// Target of a run, claimed so that no other process writes to it, where the file system has locks. Remains of killed
/// processes have then been cleared away: a run that had been kept is suspended, everything else is deleted.
#[derive(Debug)]
pub struct RunPlace {
    target: PathBuf,
    claim: Claim,
}

impl RunPlace {
    /// Claims the target; its parent folders are made.
    ///
    /// # Errors
    ///
    /// [`OutputError::Busy`] if another process is writing to the target; [`OutputError::NoName`],
    /// [`OutputError::System`].
    pub fn claim(target: &Path) -> Result<Self, OutputError> {
        let claim = Claim::on(target)?;
        let place = Self { target: target.to_owned(), claim };
        if place.claim.is_sole() {
            place.clear()?;
        }
        Ok(place)
    }

    fn clear(&self) -> Result<(), OutputError> {
        for left in left_aside(&self.target, PARTIAL)? {
            if is_kept(&left) {
                put_for_later(&left, &self.target)?;
            } else {
                fs::remove_dir_all(&left).map_err(tried("remove", &left))?;
            }
        }
        // Remains of a run that was killed before it kept anything.
        if let Some(empty) = self.suspended().filter(|place| !is_kept(place)) {
            let mut names = fs::read_dir(&empty).map_err(tried("list", &empty))?;
            let is_hidden = |entry: io::Result<fs::DirEntry>| {
                entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(b"."))
            };
            if names.all(is_hidden) {
                fs::remove_dir_all(&empty).map_err(tried("remove", &empty))?;
            }
        }
        // An older run that was being replaced, and whose successor may be missing.
        for old in left_aside(&self.target, OLD)? {
            if old.join(RUN_FILE).is_file() && fs::symlink_metadata(&self.target).is_err() {
                fs::rename(&old, &self.target).map_err(tried("move back", &old))?;
            } else {
                fs::remove_dir_all(&old).map_err(tried("remove", &old))?;
            }
        }
        Ok(())
    }

    /// Path at which [`RunFolder::suspend`] or a killed process left a run for this target.
    pub fn suspended(&self) -> Option<PathBuf> {
        RunFolder::suspended(&self.target)
    }

    /// Starts a run's folder, as [`RunFolder::create`] does.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; nothing has been made then.
    pub fn create(self, force: bool) -> Result<RunFolder, OutputError> {
        let Self { target, claim } = self;
        check(&target, force)?;
        let (aside, ()) = make_aside(&target, PARTIAL, |path| fs::create_dir(path))?;
        Ok(RunFolder { target, force, aside, committed: false, _claim: claim })
    }

    /// Resumes the suspended run.
    ///
    /// # Errors
    ///
    /// Errors of [`RunPlace::create`], and [`OutputError::System`] if there is no suspended run.
    pub fn resume(self, force: bool) -> Result<RunFolder, OutputError> {
        let run = self.create(force)?;
        let suspended = hidden(&run.target, SUSPENDED)?;
        // A rename may replace an empty folder.
        fs::rename(&suspended, &run.aside).map_err(tried("take up", &suspended))?;
        Ok(run)
    }
}

/// Folder of a run that is being written: it is hidden beside the target, and renamed to it by [`RunFolder::commit`].
/// If dropped before, it is deleted, or suspended if the run has been kept.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let above = tempfile::tempdir()?;
/// # let target = above.path().join("run-1");
/// let run = omafit_trial::RunFolder::create(&target, false)?;
/// std::fs::write(run.file("run.json")?, "{}")?;
/// std::fs::write(run.file("figures/501.svg")?, "<svg/>")?;
/// run.commit()?;
/// assert!(target.join("figures/501.svg").exists());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RunFolder {
    target: PathBuf,
    force: bool,
    aside: PathBuf,
    /// Whether the folder has been committed or suspended.
    committed: bool,
    _claim: Claim,
}

impl RunFolder {
    /// Subfolder of an unfinished run that holds the data needed to resume it.
    pub const KEPT: &'static str = ".kept";

    /// Starts a run's folder; its parent folders are made. An existing target is replaced only with `force`, and only
    /// if it is a run (it has a `run.json`): nothing else is ever deleted.
    ///
    /// # Errors
    ///
    /// [`OutputError`], such as [`OutputError::Busy`]; nothing has been made then.
    pub fn create(target: &Path, force: bool) -> Result<Self, OutputError> {
        RunPlace::claim(target)?.create(force)
    }

    /// Path at which [`RunFolder::suspend`] leaves a run for `target`, if there is one.
    pub fn suspended(target: &Path) -> Option<PathBuf> {
        hidden(target, SUSPENDED).ok().filter(|path| path.is_dir())
    }

    /// Progress of a suspended run, as passed to [`RunFolder::keep`]; `None` if the run was not kept.
    ///
    /// # Errors
    ///
    /// [`OutputError::System`] if the progress cannot be read.
    pub fn progress(suspended: &Path) -> Result<Option<Vec<u8>>, OutputError> {
        let path = suspended.join(Self::KEPT).join(PROGRESS);
        match read_whole(&path) {
            Ok(progress) => Ok(Some(progress)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(tried("read", &path)(error)),
        }
    }

    /// Syncs the run as it is to disk, and then writes its progress: however the program ends from now on, the run can
    /// be resumed from here. Until the new progress is written, the progress written before remains valid.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; the state that was kept before is still kept then.
    pub fn keep(&self, progress: &[u8]) -> Result<(), OutputError> {
        sync_all(&self.aside)?;
        write_whole(&self.aside.join(Self::KEPT).join(PROGRESS), progress, true)
    }

    /// Leaves the run, which has been kept, hidden beside its target to be resumed later, and returns its path; a run
    /// that was suspended earlier for this target is replaced.
    ///
    /// # Errors
    ///
    /// [`OutputError`] if the run cannot be moved.
    pub fn suspend(mut self) -> Result<PathBuf, OutputError> {
        self.committed = true;
        let place = put_for_later(&self.aside, &self.target)?;
        sync_folder(parent(&self.target))?;
        Ok(place)
    }

    /// Writes a file to the place where [`RunFolder::suspend`] would leave the run, while the run goes on. The file
    /// remains if the program is killed, and is removed when the run is committed.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; an earlier file of that name is then unchanged.
    pub fn leave(&self, name: impl AsRef<Path>, content: &[u8]) -> Result<(), OutputError> {
        write_whole(&self.beside()?.join(name), content, true)
    }

    /// Folder to which [`RunFolder::leave`] writes files; it is made if needed.
    ///
    /// # Errors
    ///
    /// [`OutputError::System`] if the folder cannot be made.
    pub fn beside(&self) -> Result<PathBuf, OutputError> {
        let place = hidden(&self.target, SUSPENDED)?;
        fs::create_dir_all(&place).map_err(tried("make the folder", &place))?;
        Ok(place)
    }

    /// Removes what an earlier run left for this target.
    ///
    /// # Errors
    ///
    /// [`OutputError::System`] if it cannot be removed.
    pub fn forget_suspended(&self) -> Result<(), OutputError> {
        match Self::suspended(&self.target) {
            Some(place) => fs::remove_dir_all(&place).map_err(tried("remove", &place)),
            None => Ok(()),
        }
    }

    /// The hidden folder that holds the run's files until [`RunFolder::commit`].
    pub fn path(&self) -> &Path {
        &self.aside
    }

    /// Path at which to write a file of the run, such as `individuals.csv` or `figures/501.svg`; its folder is made.
    ///
    /// # Errors
    ///
    /// [`OutputError::Outside`] if the name leads out of the run's folder, [`OutputError::System`] if its folder cannot
    /// be made.
    pub fn file(&self, name: impl AsRef<Path>) -> Result<PathBuf, OutputError> {
        let name = name.as_ref();
        let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || name.as_os_str().is_empty() {
            return Err(OutputError::Outside { path: name.to_owned() });
        }
        let path = self.aside.join(name);
        let folder = parent(&path);
        fs::create_dir_all(folder).map_err(tried("make the folder", folder))?;
        Ok(path)
    }

    /// Writes a file of the run through a buffer.
    ///
    /// # Errors
    ///
    /// Errors of [`RunFolder::file`] and of `fill`.
    pub fn write<E: From<OutputError>>(
        &self,
        name: impl AsRef<Path>,
        fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = self.file(name)?;
        let mut out = BufWriter::new(File::create(&path).map_err(tried("make", &path))?);
        fill(&mut out)?;
        Ok(out.flush().map_err(tried("write", &path))?)
    }

    /// Moves the folder to its target, once its files have been synced to disk.
    ///
    /// # Errors
    ///
    /// [`OutputError`]: [`OutputError::NoRunFile`] if there is no `run.json`. The target is then unchanged.
    pub fn commit(mut self) -> Result<(), OutputError> {
        if !self.aside.join(RUN_FILE).is_file() {
            return Err(OutputError::NoRunFile { path: self.target.clone() });
        }
        sync_all(&self.aside)?;
        // Another process may have put something there in the meantime.
        let is_replaced = check(&self.target, self.force)?;
        // The run is complete and will not be resumed.
        let kept = self.aside.join(Self::KEPT);
        if kept.is_dir() {
            fs::remove_dir_all(&kept).map_err(tried("remove", &kept))?;
        }
        self.forget_suspended()?;
        if is_replaced {
            self.replace()?
        } else {
            self.place()?
        }
        sync_folder(parent(&self.target))
    }

    fn place(&mut self) -> Result<(), OutputError> {
        fs::rename(&self.aside, &self.target).map_err(tried("put in place", &self.target))?;
        self.committed = true;
        Ok(())
    }

    /// Replaces the target. Folders cannot be swapped in one step: the old run is moved aside, and moved back if the
    /// new one cannot take its place.
    fn replace(&mut self) -> Result<(), OutputError> {
        let (old, ()) = make_aside(&self.target, OLD, |path| fs::create_dir(path))?;
        fs::rename(&self.target, &old).map_err(|error| {
            let _ = fs::remove_dir(&old);
            tried("move aside", &self.target)(error)
        })?;
        if let Err(error) = self.place() {
            fs::rename(&old, &self.target).map_err(tried("move back", &old))?;
            return Err(error);
        }
        fs::remove_dir_all(&old).map_err(tried("remove", &old))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        // A failure here cannot be reported.
        if is_kept(&self.aside) {
            let _ = put_for_later(&self.aside, &self.target);
        } else {
            let _ = fs::remove_dir_all(&self.aside);
        }
    }
}

/// Whether an unfinished run can be resumed.
fn is_kept(aside: &Path) -> bool {
    aside.join(RunFolder::KEPT).join(PROGRESS).is_file()
}

/// Moves an unfinished run to the path of a suspended run, in place of an earlier one.
fn put_for_later(aside: &Path, target: &Path) -> Result<PathBuf, OutputError> {
    let place = hidden(target, SUSPENDED)?;
    if place.is_dir() {
        fs::remove_dir_all(&place).map_err(tried("remove", &place))?;
    }
    fs::rename(aside, &place).map_err(tried("put in place", &place))?;
    Ok(place)
}

/// Whether there is a run to replace.
fn check(target: &Path, force: bool) -> Result<bool, OutputError> {
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(tried("look at", target)(error)),
        Ok(_) if !force => Err(OutputError::Exists { path: target.to_owned() }),
        Ok(found) if !found.is_dir() || !target.join(RUN_FILE).is_file() => Err(OutputError::NotAlike {
            path: target.to_owned(),
            expected: "the folder of a run, with a run.json",
        }),
        Ok(_) => Ok(true),
    }
}

/// Waits until everything in a folder has been synced to disk. Many files are synced at once, because the disk then
/// writes them together: hundreds of figures one by one would take a second.
fn sync_all(folder: &Path) -> Result<(), OutputError> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    list(folder, &mut files, &mut folders)?;
    let share = files.len().div_ceil(SYNCS_AT_ONCE).max(1);
    std::thread::scope(|scope| {
        let sync_share = |share: &[PathBuf]| share.iter().try_for_each(|path| sync_file(path));
        let threads: Vec<_> =
            files.chunks(share).map(|share| scope.spawn(move || sync_share(share))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(synced) => synced,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    folders.iter().try_for_each(|path| sync_folder(path))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) -> Result<(), OutputError> {
    for entry in fs::read_dir(folder).map_err(tried("list", folder))? {
        let entry = entry.map_err(tried("list", folder))?;
        let path = entry.path();
        if entry.file_type().map_err(tried("look at", &path))?.is_dir() {
            list(&path, files, folders)?;
        } else {
            files.push(path);
        }
    }
    folders.push(folder.to_owned());
    Ok(())
}
