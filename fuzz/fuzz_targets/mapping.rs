#![no_main]

libfuzzer_sys::fuzz_target!(init: omafit_fuzz_targets::write_seeds("mapping"), |bytes: &[u8]| {
    (omafit_fuzz_targets::target("mapping").run)(bytes);
});
