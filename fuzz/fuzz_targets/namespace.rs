#![no_main]

#[path = "../checks/namespace.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::namespace(bytes));
