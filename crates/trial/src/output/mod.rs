//! Atomic writing of files and folders, which appear complete or not at all.

mod aside;
mod claim;
mod error;
mod run_folder;
mod whole_file;

pub use error::OutputError;
pub use run_folder::{RunFolder, RunPlace};
pub use whole_file::{WholeFile, write_whole};
