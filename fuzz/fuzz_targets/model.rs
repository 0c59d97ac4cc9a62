#![no_main]

libfuzzer_sys::fuzz_target!(init: omafit_fuzz_targets::write_seeds("model"), |bytes: &[u8]| {
    (omafit_fuzz_targets::target("model").run)(bytes);
});
