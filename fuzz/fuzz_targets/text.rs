#![no_main]

libfuzzer_sys::fuzz_target!(init: omafit_fuzz_targets::write_seeds("text"), |bytes: &[u8]| {
    (omafit_fuzz_targets::target("text").run)(bytes);
});
