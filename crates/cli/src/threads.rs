//! Thread pool of a command.

use crate::error::{CliError, refuse};

/// Largest number of threads, above what current machines can use; each thread has a stack and memory for the
/// subjects that it solves together.
const MOST_THREADS: usize = 1024;

/// A pool of the given number of threads, or of one thread per core.
pub fn pool(threads: Option<usize>) -> Result<rayon::ThreadPool, CliError> {
    if let Some(asked) = threads.filter(|asked| !(1..=MOST_THREADS).contains(asked)) {
        return Err(refuse("threads", asked, format!("from 1 to {MOST_THREADS}")));
    }
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build()?)
}
