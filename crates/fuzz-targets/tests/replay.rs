//! Test of every target over its seeds, the inputs of earlier findings, and some thousand damaged seeds.

#![allow(clippy::unwrap_used)]

use omafit_fuzz_targets::{TARGETS, Target};
use std::path::Path;
use std::time::{Duration, Instant};

/// Maximum number of damaged seeds of a target, and time limit for them.
const MUTATIONS: u64 = 2_000;
const TIME: Duration = Duration::from_secs(4);
/// Maximum time for an input of a few thousand bytes.
const SLOW: Duration = Duration::from_secs(10);

/// Generator of pseudo-random numbers: SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Texts that readers look for, or that are difficult for them.
const WORDS: [&str; 24] = [
    ",",
    "\n",
    "\"",
    "#",
    ".",
    "-1",
    "0",
    "1e308",
    "5e-324",
    "NaN",
    "inf",
    "10000",
    "\0",
    "\u{FEFF}",
    ";",
    "\t",
    "NA",
    "null",
    "[]",
    "{}",
    "18446744073709551615",
    "=",
    "µ",
    "\r",
];

/// Seed with one to four mutations of random kinds.
fn damaged(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let length = dice.below(16).min(bytes.len() - at);
        match dice.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            1 if !bytes.is_empty() => bytes[at] = dice.next() as u8,
            2 => drop(bytes.drain(at..at + length)),
            3 => bytes.truncate(at),
            4 => {
                let again = bytes[at..at + length].to_vec();
                let to = dice.below(bytes.len());
                drop(bytes.splice(to..to, again));
            }
            _ => {
                let word = WORDS[dice.below(WORDS.len())].bytes();
                drop(bytes.splice(at..at + length.min(4), word));
            }
        }
    }
    bytes
}

fn replay(name: &str) {
    let target: Target = TARGETS.into_iter().find(|target| target.name == name).unwrap();
    let run = |bytes: &[u8], what: &str| {
        let start = Instant::now();
        let found = std::panic::catch_unwind(|| (target.run)(bytes));
        assert!(found.is_ok(), "{name}, {what}: {}", bytes.escape_ascii());
        assert!(start.elapsed() < SLOW, "{name}, {what}: {} s", start.elapsed().as_secs_f64());
    };
    let findings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions").join(name);
    if findings.is_dir() {
        for entry in std::fs::read_dir(findings).unwrap() {
            let path = entry.unwrap().path();
            run(&std::fs::read(&path).unwrap(), &path.display().to_string());
        }
    }
    let seeds = (target.seeds)();
    seeds.iter().enumerate().for_each(|(number, seed)| run(seed, &format!("seed {number}")));
    let (mut dice, start) = (Dice(1), Instant::now());
    for number in 0..MUTATIONS {
        if start.elapsed() > TIME {
            break;
        }
        let seed = &seeds[dice.below(seeds.len())];
        run(&damaged(seed, &mut dice), &format!("mutation {number}"));
    }
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let here = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name), here);
        }
    };
}

targets!(text, parquet, xport, dosing, model, mapping, outcomes, convert, resumed);
