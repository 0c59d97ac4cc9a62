//! Memory available to the process.

use std::fs;
use std::path::Path;

/// Memory assumed to be available if the system does not report it, bytes.
const FALLBACK: f64 = 8e9;
/// Assumed size of a memory page, bytes.
const PAGE: f64 = 4096.0;

/// Available memory, bytes: the least of the values reported by Linux, by the control group of the process and by the
/// limit of the process itself.
pub fn available_memory() -> f64 {
    let said = [of_machine(), of_group(Path::new("/sys/fs/cgroup")), of_process()];
    let least = said.into_iter().flatten().fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { FALLBACK }
}

fn of_machine() -> Option<f64> {
    available_of(&fs::read_to_string("/proc/meminfo").ok()?)
}

/// Value of `MemAvailable` in `/proc/meminfo`, bytes.
fn available_of(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(1024.0 * line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()?)
}

/// Memory that a control group may still use, bytes; `None` if it has no limit.
fn of_group(folder: &Path) -> Option<f64> {
    let number = |name| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<f64>().ok();
    Some(number("memory.max")? - number("memory.current")?)
}

/// Memory that the process may still allocate, bytes; `None` if it has no limit (`ulimit -v`).
fn of_process() -> Option<f64> {
    let limit = limit_of(&fs::read_to_string("/proc/self/limits").ok()?)?;
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = pages.split_whitespace().next()?.parse().ok()?;
    Some((limit - PAGE * pages).max(0.0))
}

/// Soft limit of the address space of a process, bytes; `None` if it has no limit.
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
