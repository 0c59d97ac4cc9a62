//! The folder of a run, which appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Component, Path, PathBuf};

use super::aside::{make_aside, parent, sync_file, sync_folder};
use super::error::{OutputError, tried};
use super::whole_file::write_whole;

/// The file by which the folder of a run is known.
const RUN_FILE: &str = "run.json";

/// Files that are brought to the disk at the same time.
const SYNCS_AT_ONCE: usize = 16;

/// A run's folder in the making: a hidden one beside the target, which takes its place at [`RunFolder::commit`].
/// Dropped before, it leaves nothing behind.
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
    committed: bool,
}

impl RunFolder {
    /// Starts a run's folder; folders above it are made. One that exists is replaced only with `force`, and only if it
    /// is a run (it has a `run.json`): nothing else is ever deleted.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; nothing has been made then.
    pub fn create(target: &Path, force: bool) -> Result<Self, OutputError> {
        check(target, force)?;
        let (aside, ()) = make_aside(target, "partial", |path| fs::create_dir(path))?;
        Ok(Self { target: target.to_owned(), force, aside, committed: false })
    }

    /// Where [`RunFolder::suspend`] leaves a run that is to go to `target`, if it has one there.
    pub fn suspended(target: &Path) -> Option<PathBuf> {
        suspended_name(target).filter(|path| path.is_dir())
    }

    /// Takes a suspended run up again.
    ///
    /// # Errors
    ///
    /// Those of [`RunFolder::create`], and [`OutputError::System`] if there is none.
    pub fn resume(target: &Path, force: bool) -> Result<Self, OutputError> {
        let run = Self::create(target, force)?;
        let suspended =
            suspended_name(target).ok_or_else(|| OutputError::NoName { path: target.to_owned() })?;
        // An empty folder gives way to another.
        fs::rename(&suspended, &run.aside).map_err(tried("take up", &suspended))?;
        Ok(run)
    }

    /// Leaves the run as it is, hidden beside its target, to be taken up later; an earlier one that was left for the same
    /// target is replaced. Says where it is.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; nothing is left then.
    pub fn suspend(mut self) -> Result<PathBuf, OutputError> {
        let place =
            suspended_name(&self.target).ok_or_else(|| OutputError::NoName { path: self.target.clone() })?;
        sync_all(&self.aside)?;
        if place.is_dir() {
            fs::remove_dir_all(&place).map_err(tried("remove", &place))?;
        }
        fs::rename(&self.aside, &place).map_err(tried("put in place", &place))?;
        self.committed = true;
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
        let place =
            suspended_name(&self.target).ok_or_else(|| OutputError::NoName { path: self.target.clone() })?;
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
        if check(&self.target, self.force)? {
            self.replace()?
        } else {
            self.place()?
        }
        self.forget_suspended()?;
        sync_folder(parent(&self.target))
    }

    fn place(&mut self) -> Result<(), OutputError> {
        fs::rename(&self.aside, &self.target).map_err(tried("put in place", &self.target))?;
        self.committed = true;
        Ok(())
    }

    /// Folders cannot be swapped in one step: the old run goes aside, and comes back if the new one cannot follow.
    fn replace(&mut self) -> Result<(), OutputError> {
        let (old, ()) = make_aside(&self.target, "old", |path| fs::create_dir(path))?;
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
        if !self.committed {
            // Nobody is left to be told if this fails.
            let _ = fs::remove_dir_all(&self.aside);
        }
    }
}

/// The hidden place of a suspended run.
fn suspended_name(target: &Path) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name()?);
    name.push(".interrupted");
    Some(parent(target).join(name))
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
