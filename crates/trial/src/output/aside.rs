//! The place beside the target in which it is made, and how it gets to the disk.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use super::error::{OutputError, tried};

/// Tries for a free name before it is given up.
const ATTEMPTS: u32 = 1000;

/// The folder of a target. The current one, if the path is a bare name.
pub(super) fn parent(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes something new beside the target, under a hidden name of its own; the target's folder is made if need be.
pub(super) fn make_aside<T>(
    target: &Path,
    what: &str,
    make: impl Fn(&Path) -> io::Result<T>,
) -> Result<(PathBuf, T), OutputError> {
    let name = target.file_name().ok_or_else(|| OutputError::NoName { path: target.to_owned() })?;
    let folder = parent(target);
    fs::create_dir_all(folder).map_err(tried("make the folder", folder))?;
    let mut attempt = 0;
    loop {
        let path = folder.join(aside_name(name.to_owned(), what, attempt));
        match make(&path) {
            Ok(made) => return Ok((path, made)),
            // Another output of this process, or the remains of one that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(tried("make", &path)(error)),
        }
    }
}

fn aside_name(name: OsString, what: &str, attempt: u32) -> OsString {
    let mut aside = OsString::from(".");
    aside.push(name);
    aside.push(format!(".{what}-{}", process::id()));
    if attempt > 0 {
        aside.push(format!("-{attempt}"));
    }
    aside
}

/// Waits until a file's content is on the disk.
pub(super) fn sync_file(path: &Path) -> Result<(), OutputError> {
    // Windows syncs only what is open for writing.
    let file = File::options().write(true).open(path).map_err(tried("open", path))?;
    file.sync_all().map_err(tried("sync", path))
}

/// Waits until a folder's list of names is on the disk, where the system can do that.
pub(super) fn sync_folder(path: &Path) -> Result<(), OutputError> {
    if cfg!(unix) {
        let folder = File::open(path).map_err(tried("open", path))?;
        folder.sync_all().map_err(tried("sync", path))?;
    }
    Ok(())
}
