//! Rules from few bytes, which mutations make sense of sooner than of the 1040 of the real thing.

use auditns_wire::rule::RuleData;

/// The payload of a request: list, action, number of tests, then three bytes a test, then strings.
pub(crate) fn rule(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.iter().copied();
    let mut next = || u32::from(bytes.next().unwrap_or(0));
    let mut data = RuleData { flags: next(), action: next(), field_count: next(), ..RuleData::default() };
    let slots = data.fields.iter_mut().zip(&mut data.fieldflags).zip(&mut data.values);
    for ((field, operator), value) in slots.take(data.field_count as usize) {
        let number = next();
        *field = number;
        *operator = (next() << 24) & 0x7800_0000;
        *value = next();
    }
    let mut payload = data.encode();
    payload.extend(bytes);
    payload
}
