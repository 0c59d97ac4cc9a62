//! File that appears complete or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::aside::{PARTIAL, left_aside, make_aside, parent, sync_folder};
use super::claim::{Owner, is_at, lock};
use super::error::{OutputError, tried};

/// A file that is written beside its target, and renamed to it by [`WholeFile::commit`]. If dropped before, it is
/// deleted.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("trial.csv");
/// use std::io::Write as _;
///
/// let mut file = omafit_trial::WholeFile::create(&path, false)?;
/// writeln!(file, "ID,TIME")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "ID,TIME\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WholeFile {
    target: PathBuf,
    force: bool,
    aside: PathBuf,
    /// Open file; `None` once committed.
    out: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Starts a file; its parent folders are made. An existing plain file is replaced only with `force`, and anything
    /// else never.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; nothing has been made then.
    pub fn create(target: &Path, force: bool) -> Result<Self, OutputError> {
        check(target, force)?;
        let (aside, file) = make_aside(target, PARTIAL, own)?;
        clear(target);
        Ok(Self { target: target.to_owned(), force, aside, out: Some(BufWriter::new(file)) })
    }

    /// Moves the file to its target, once its content has been synced to disk.
    ///
    /// # Errors
    ///
    /// [`OutputError`]; the target is then unchanged.
    pub fn commit(mut self) -> Result<(), OutputError> {
        if let Some(out) = &mut self.out {
            out.flush().map_err(tried("write", &self.target))?;
            out.get_ref().sync_all().map_err(tried("sync", &self.target))?;
        }
        // Another process may have put something there in the meantime.
        check(&self.target, self.force)?;
        fs::rename(&self.aside, &self.target).map_err(tried("replace", &self.target))?;
        self.out = None;
        sync_folder(parent(&self.target))
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().map_or(Ok(0), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            // A failure here cannot be reported.
            let _ = fs::remove_file(&self.aside);
        }
    }
}

/// Writes a file completely or not at all. An existing file is replaced only with `force`.
///
/// # Errors
///
/// [`OutputError`]; the target is then unchanged.
pub fn write_whole(target: &Path, content: &[u8], force: bool) -> Result<(), OutputError> {
    let mut file = WholeFile::create(target, force)?;
    file.write_all(content).map_err(tried("write", target))?;
    file.commit()
}

/// Makes a file that is locked as long as it is open, so that no other process takes it for the remains of a killed
/// one.
fn own(path: &Path) -> io::Result<File> {
    let file = File::create_new(path)?;
    match lock(&file) {
        Owner::Unknown => Ok(file),
        Owner::Us if is_at(&file, path) => Ok(file),
        // Another process did before the file was locked.
        _ => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// Removes files that killed processes left beside this target. A failure to remove them does not prevent writing.
fn clear(target: &Path) {
    for left in left_aside(target, PARTIAL).unwrap_or_default() {
        let file = File::options().write(true).open(&left);
        if file.is_ok_and(|file| lock(&file) == Owner::Us) {
            let _ = fs::remove_file(&left);
        }
    }
}

fn check(target: &Path, force: bool) -> Result<(), OutputError> {
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(tried("look at", target)(error)),
        Ok(_) if !force => Err(OutputError::Exists { path: target.to_owned() }),
        Ok(found) if !found.is_file() => {
            Err(OutputError::NotAlike { path: target.to_owned(), expected: "a plain file" })
        }
        Ok(_) => Ok(()),
    }
}
