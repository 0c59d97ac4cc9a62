//! Memory that a process may still take.

use std::fs;
use std::path::Path;

/// Memory taken to be available where the system does not say, bytes.
const FALLBACK: f64 = 8e9;
/// Bytes of a page of memory, at most where it is not known.
const PAGE: f64 = 4096.0;

/// Memory that is available, bytes: the least of what Linux, the control group of the process and its own limit say.
pub fn available_memory() -> f64 {
    let said = [of_machine(), of_group(Path::new("/sys/fs/cgroup")), of_process()];
    let least = said.into_iter().flatten().fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { FALLBACK }
}

fn of_machine() -> Option<f64> {
    available_of(&fs::read_to_string("/proc/meminfo").ok()?)
}

/// `MemAvailable`, in bytes.
fn available_of(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(1024.0 * line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()?)
}

/// Memory that a control group may still take, if it has a limit.
fn of_group(folder: &Path) -> Option<f64> {
    let number = |name| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<f64>().ok();
    Some(number("memory.max")? - number("memory.current")?)
}

/// Memory that the process may still set aside, if it has a limit (`ulimit -v`).
fn of_process() -> Option<f64> {
    let limit = limit_of(&fs::read_to_string("/proc/self/limits").ok()?)?;
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = pages.split_whitespace().next()?.parse().ok()?;
    Some((limit - PAGE * pages).max(0.0))
}

/// The limit on addresses, bytes.
fn limit_of(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_read() {
        let text = "MemTotal:       24000000 kB\nMemAvailable:   21000000 kB\nBuffers: 1 kB\n";
        assert_eq!(available_of(text), Some(21e6 * 1024.0));
        assert_eq!(available_of("MemTotal: 1 kB\n"), None);
        let limits = |soft| {
            format!("Limit  Soft Limit  Hard Limit  Units\nMax address space  {soft}  unlimited  bytes\n")
        };
        assert_eq!(limit_of(&limits("4294967296")), Some(4_294_967_296.0));
        assert_eq!(limit_of(&limits("unlimited")), None);
        assert!(available_memory() >= 0.0);
    }
}
