//! Errors of writing a file or folder.

use std::io;
use std::path::{Path, PathBuf};

/// Error of writing a file or folder. The earlier content of the target is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The target exists and was not to be replaced.
    #[error("{} exists; it is replaced only with force", path.display())]
    Exists {
        /// Path of the file or folder.
        path: PathBuf,
    },
    /// The target exists and is of another kind than the output that would replace it.
    #[error("{} is not replaced: it is not {expected}", path.display())]
    NotAlike {
        /// Path of the file or folder.
        path: PathBuf,
        /// Kind that the target would have to be.
        expected: &'static str,
    },
    /// Another process is writing the target.
    #[error(
        "{} is being written by another process{}: wait for it, or choose another name",
        path.display(),
        if process.is_empty() { String::new() } else { format!(" ({process})") }
    )]
    Busy {
        /// Path of the file or folder that is being written.
        path: PathBuf,
        /// Process that is writing; empty if it is not known.
        process: String,
    },
    /// The path does not end in a name; an example is `..`.
    #[error("{} is no name for an output", path.display())]
    NoName {
        /// Path that was given.
        path: PathBuf,
    },
    /// The name of a file of a run leads out of the run's folder.
    #[error("{} is outside the run's folder", path.display())]
    Outside {
        /// Name of the file.
        path: PathBuf,
    },
    /// The run is incomplete: it has no `run.json`.
    #[error("the run in {} has no run.json and is not kept", path.display())]
    NoRunFile {
        /// Folder of the run.
        path: PathBuf,
    },
    /// The operating system reports an error.
    #[error("cannot {action} {}: {source}", path.display())]
    System {
        /// Action that failed.
        action: &'static str,
        /// File or folder of the action.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
}

/// Adds the action and the path to an error of the operating system.
pub(super) fn tried<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> OutputError + 'a {
    move |source| OutputError::System { action, path: path.to_owned(), source }
}
