#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auditns_fuzz_checks::wire::login_uid(bytes));
