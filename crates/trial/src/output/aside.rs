//! The place beside the target in which it is made, and how it gets to the disk.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use super::error::{OutputError, tried};

/// Tries for a free name before it is given up.
const ATTEMPTS: u32 = 1000;

/// What the name of something that is in the making says.
pub(super) const PARTIAL: &str = "partial";

/// The folder of a target. The current one, if the path is a bare name.
pub(super) fn parent(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The hidden name beside a target that says `what` it is.
pub(super) fn hidden(target: &Path, what: &str) -> Result<PathBuf, OutputError> {
    let name = target.file_name().ok_or_else(|| OutputError::NoName { path: target.to_owned() })?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{what}"));
    Ok(parent(target).join(hidden))
}

/// Makes something new beside the target, under a hidden name of its own; the target's folder is made if need be.
pub(super) fn make_aside<T>(
    target: &Path,
    what: &str,
    make: impl Fn(&Path) -> io::Result<T>,
) -> Result<(PathBuf, T), OutputError> {
    let folder = parent(target);
    let mut attempt = 0;
    loop {
        let again = if attempt > 0 { format!("-{attempt}") } else { String::new() };
        let path = hidden(target, &format!("{what}-{}{again}", process::id()))?;
        fs::create_dir_all(folder).map_err(tried("make the folder", folder))?;
        match make(&path) {
            Ok(made) => return Ok((path, made)),
            // Another output of this process, or the remains of one that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(tried("make", &path)(error)),
        }
    }
}

/// What [`make_aside`] made beside the target and processes that were killed left there.
pub(super) fn left_aside(target: &Path, what: &str) -> Result<Vec<PathBuf>, OutputError> {
    let start = hidden(target, &format!("{what}-"))?;
    let start = start.file_name().unwrap_or_default().as_encoded_bytes();
    let folder = parent(target);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(tried("list", folder))? {
        let name = entry.map_err(tried("list", folder))?.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(start);
        // Of this name, and of no other that begins with it.
        if rest.is_some_and(|rest| rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')) {
            found.push(folder.join(name));
        }
    }
    found.sort();
    Ok(found)
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
