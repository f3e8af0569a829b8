//! A namespace, given datagrams that nobody meant well: the function of the fuzz target with seeded random scripts.

use auditns_fuzz_checks::namespace as checks;
use auditns_wire::header::Header;
use proptest::collection::vec;
use proptest::prelude::*;

/// A message of a type that means something, sometimes with a wrong length.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let known = prop_oneof![3 => 1000..1020_u16, 3 => 1100..1130_u16, 1 => 1300..1340_u16, 1 => any::<u16>()];
    let word = prop_oneof![4 => (0..8_u32).prop_map(u32::to_ne_bytes), 1 => any::<[u8; 4]>()];
    let small = vec(word.clone(), 0..14).prop_map(|words| words.concat());
    let large = vec(word, 260..270).prop_map(|words| words.concat());
    let wrong = prop_oneof![9 => Just(0_i32), 1 => -20..20_i32];
    (known, any::<u16>(), any::<u32>(), prop_oneof![5 => small, 1 => large], wrong).prop_map(
        |(message_type, flags, sequence, payload, wrong)| {
            let length = u32::try_from(16 + payload.len()).unwrap().saturating_add_signed(wrong);
            let header = Header { length, message_type, flags, sequence, port: 0 };
            [&header.encode(), &payload[..]].concat()
        },
    )
}

/// A step of the script: a datagram, or anything.
fn step() -> impl Strategy<Value = Vec<u8>> {
    let datagram = (any::<u8>(), vec(message(), 1..4)).prop_map(|(whom, messages)| {
        let bytes = messages.concat();
        let length = u16::try_from(bytes.len()).unwrap().to_le_bytes();
        [&[15, whom][..], &length, &bytes].concat()
    });
    let event = (0..6_u8, any::<u8>()).prop_map(|(what, whom)| vec![what, whom]);
    prop_oneof![5 => datagram, 3 => event, 1 => vec(any::<u8>(), 0..20)]
}

fn config() -> ProptestConfig {
    let rng_seed = proptest::test_runner::RngSeed::Fixed(0x6175_6469_746e_7301);
    ProptestConfig { rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_namespace_survives_any_script(steps in vec(step(), 0..40), damage in vec((any::<usize>(), any::<u8>()), 0..3)) {
        let mut script = steps.concat();
        for (at, byte) in damage {
            if !script.is_empty() {
                let at = at % script.len();
                script[at] = byte;
            }
        }
        checks::namespace(&script);
    }
}
