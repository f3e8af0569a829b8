//! The decoders, given bytes that nobody meant well: the functions of the fuzz targets with seeded random input.

use auditns_fuzz_checks::wire as checks;
use proptest::collection::vec;
use proptest::prelude::*;

/// Random bytes, with a good chance that words are small numbers, as lengths are.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![4 => (0..80_u32).prop_map(u32::to_ne_bytes), 1 => any::<[u8; 4]>()];
    let words = vec(word, 0..60).prop_map(|words| words.concat());
    prop_oneof![3 => words, 1 => vec(any::<u8>(), 0..300), 1 => vec(any::<u8>(), 1000..1200)]
}

/// What matters to text: quotes, escapes, line ends, direction marks, halves of characters.
const PIECES: &[&[u8]] = &[
    b"'",
    b"\"",
    b"\\",
    b"\\x",
    b"\\x41",
    b"x4",
    b"\n",
    b"\0",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"\xe2\x80",
    b"\xc2\x9b",
    b"\xff",
    b"type=USER msg=audit(1.000:1): ",
    b"a",
];

fn hostile_text() -> impl Strategy<Value = Vec<u8>> {
    vec(proptest::sample::select(PIECES), 0..20).prop_map(|pieces| pieces.concat())
}

fn config() -> ProptestConfig {
    let rng_seed = proptest::test_runner::RngSeed::Fixed(0x6175_6469_746e_7300);
    ProptestConfig { rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_decoder_survives(bytes in bytes()) {
        checks::header(&bytes);
        checks::payload(&bytes);
        checks::rule(&bytes);
        checks::equivalence(&bytes);
        checks::login_uid(&bytes);
        checks::text(&bytes);
    }

    #[test]
    fn text_stays_in_its_place(bytes in hostile_text()) {
        checks::text(&bytes);
    }
}
