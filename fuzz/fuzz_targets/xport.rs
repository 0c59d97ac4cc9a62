#![no_main]

libfuzzer_sys::fuzz_target!(init: omafit_fuzz_targets::write_seeds("xport"), |bytes: &[u8]| {
    (omafit_fuzz_targets::target("xport").run)(bytes);
});
