//! The threads of a command.

use crate::error::{CliError, refuse};

/// More threads than any machine of today can use; each has a stack and room for the subjects that it solves together.
const MOST_THREADS: usize = 1024;

/// As many threads as asked, or as the machine has.
pub fn pool(threads: Option<usize>) -> Result<rayon::ThreadPool, CliError> {
    if let Some(asked) = threads.filter(|asked| !(1..=MOST_THREADS).contains(asked)) {
        return Err(refuse("threads", asked, format!("from 1 to {MOST_THREADS}")));
    }
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build()?)
}
