//! The folder of a run, which appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Component, Path, PathBuf};

use super::aside::{PARTIAL, hidden, left_aside, make_aside, parent, sync_file, sync_folder};
use super::claim::Claim;
use super::error::{OutputError, tried};
use super::whole_file::write_whole;
use crate::whole::read_whole;

/// The file by which the folder of a run is known.
const RUN_FILE: &str = "run.json";

/// The file that says how far a run had come when it was kept, in [`RunFolder::KEPT`].
const PROGRESS: &str = "progress.json";

/// What the names of a suspended run, and of one that another takes the place of, say.
const SUSPENDED: &str = "interrupted";
const OLD: &str = "old";

/// Files that are brought to the disk at the same time.
const SYNCS_AT_ONCE: usize = 16;

/// The place of a run, to which no other process writes meanwhile. What processes that were killed left beside it has been
/// cleared away: a run that had been kept is suspended, the rest is gone.
#[derive(Debug)]
pub struct RunPlace {
    target: PathBuf,
    claim: Claim,
}

impl RunPlace {
    /// Claims the place; folders above it are made.
    ///
    /// # Errors
    ///
    /// [`OutputError::Busy`] if a process is at work on it; [`OutputError::NoName`], [`OutputError::System`].
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
        // Of a run that was killed before it kept anything.
        if let Some(empty) = self.suspended().filter(|place| !is_kept(place)) {
            let mut names = fs::read_dir(&empty).map_err(tried("list", &empty))?;
            let is_hidden = |entry: io::Result<fs::DirEntry>| {
                entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(b"."))
            };
            if names.all(is_hidden) {
                fs::remove_dir_all(&empty).map_err(tried("remove", &empty))?;
            }
        }
        // An older run on its way out, whose successor may not have come.
        for old in left_aside(&self.target, OLD)? {
            if old.join(RUN_FILE).is_file() && fs::symlink_metadata(&self.target).is_err() {
                fs::rename(&old, &self.target).map_err(tried("move back", &old))?;
            } else {
                fs::remove_dir_all(&old).map_err(tried("remove", &old))?;
            }
        }
        Ok(())
    }

    /// Where [`RunFolder::suspend`], or a process that was killed, left a run that is to go here.
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

    /// Takes the suspended run up again.
    ///
    /// # Errors
    ///
    /// Those of [`RunPlace::create`], and [`OutputError::System`] if there is none.
    pub fn resume(self, force: bool) -> Result<RunFolder, OutputError> {
        let run = self.create(force)?;
        let suspended = hidden(&run.target, SUSPENDED)?;
        // An empty folder gives way to another.
        fs::rename(&suspended, &run.aside).map_err(tried("take up", &suspended))?;
        Ok(run)
    }
}

/// A run's folder in the making: a hidden one beside the target, which takes its place at [`RunFolder::commit`].
/// Dropped before, it leaves nothing behind, unless it has been kept: then it is suspended.
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
    /// Whether it is no longer in the making.
    committed: bool,
    _claim: Claim,
}

impl RunFolder {
    /// The folder in a run in the making that holds what is needed to take it up again.
    pub const KEPT: &'static str = ".kept";

    /// Starts a run's folder; folders above it are made. One that exists is replaced only with `force`, and only if it
    /// is a run (it has a `run.json`): nothing else is ever deleted.
    ///
    /// # Errors
    ///
    /// [`OutputError`], such as [`OutputError::Busy`]; nothing has been made then.
    pub fn create(target: &Path, force: bool) -> Result<Self, OutputError> {
        RunPlace::claim(target)?.create(force)
    }

    /// Where [`RunFolder::suspend`] leaves a run that is to go to `target`, if it has one there.
    pub fn suspended(target: &Path) -> Option<PathBuf> {
        hidden(target, SUSPENDED).ok().filter(|path| path.is_dir())
    }

    /// What was said in [`RunFolder::keep`] of a suspended run; `None` if it was not kept.
    ///
    /// # Errors
    ///
    /// [`OutputError::System`] if that cannot be read.
    pub fn progress(suspended: &Path) -> Result<Option<Vec<u8>>, OutputError> {
        let path = suspended.join(Self::KEPT).join(PROGRESS);
        match read_whole(&path) {
            Ok(progress) => Ok(Some(progress)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(tried("read", &path)(error)),
        }
    }

    /// Brings the run as it is to the disk, and then says how far it has come: however the program ends from now on, the
    /// run can be taken up from here. Until that is said, what was said before holds.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; what was kept before is kept then.
    pub fn keep(&self, progress: &[u8]) -> Result<(), OutputError> {
        sync_all(&self.aside)?;
        write_whole(&self.aside.join(Self::KEPT).join(PROGRESS), progress, true)
    }

    /// Leaves the run, which has been kept, as it is, hidden beside its target, to be taken up later; an earlier one that
    /// was left for the same target is replaced. Says where it is.
    ///
    /// # Errors
    ///
    /// [`OutputError`].
    pub fn suspend(mut self) -> Result<PathBuf, OutputError> {
        self.committed = true;
        let place = put_for_later(&self.aside, &self.target)?;
        sync_folder(parent(&self.target))?;
        Ok(place)
    }

    /// Leaves a file where [`RunFolder::suspend`] would leave the run, which goes on. Should the program be killed, it is
    /// there; once the run is in its place, it is gone.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; an earlier file of that name is then as it was.
    pub fn leave(&self, name: impl AsRef<Path>, content: &[u8]) -> Result<(), OutputError> {
        write_whole(&self.beside()?.join(name), content, true)
    }

    /// The folder in which [`RunFolder::leave`] leaves files; it is made.
    ///
    /// # Errors
    ///
    /// [`OutputError::System`] if it cannot be made.
    pub fn beside(&self) -> Result<PathBuf, OutputError> {
        let place = hidden(&self.target, SUSPENDED)?;
        fs::create_dir_all(&place).map_err(tried("make the folder", &place))?;
        Ok(place)
    }

    /// Removes what was left of an earlier run to the same place.
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

    /// Where to write a file of the run, such as `individuals.csv` or `figures/501.svg`; the folder for it is made.
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
    /// Those of [`RunFolder::file`] and of `fill`.
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

    /// Puts the folder in its place, once its files are on the disk.
    ///
    /// # Errors
    ///
    /// [`OutputError`]: [`OutputError::NoRunFile`] if there is no `run.json`. The target is then as it was.
    pub fn commit(mut self) -> Result<(), OutputError> {
        if !self.aside.join(RUN_FILE).is_file() {
            return Err(OutputError::NoRunFile { path: self.target.clone() });
        }
        sync_all(&self.aside)?;
        // Somebody may have put something there in the meantime.
        let is_replaced = check(&self.target, self.force)?;
        // It is whole: nothing of it is taken up any more.
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

    /// Folders cannot be swapped in one step: the old run goes aside, and comes back if the new one cannot follow.
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
        // Nobody is left to be told if this fails.
        if is_kept(&self.aside) {
            let _ = put_for_later(&self.aside, &self.target);
        } else {
            let _ = fs::remove_dir_all(&self.aside);
        }
    }
}

/// Whether a run in the making can be taken up again.
fn is_kept(aside: &Path) -> bool {
    aside.join(RunFolder::KEPT).join(PROGRESS).is_file()
}

/// Puts a run in the making where one that is suspended is looked for, in place of another.
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

/// Waits until everything in a folder is on the disk. Many at once, as the disk then takes them in one go: hundreds of
/// figures one by one would take a second.
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
