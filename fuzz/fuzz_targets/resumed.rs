#![no_main]

libfuzzer_sys::fuzz_target!(init: omafit_fuzz_targets::write_seeds("resumed"), |bytes: &[u8]| {
    (omafit_fuzz_targets::target("resumed").run)(bytes);
});
