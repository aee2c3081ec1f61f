//! Identities keep their bytes and their text.

use super::*;

#[test]
fn version_and_variant_are_set_and_stay() {
    let id = SegmentId::from_bytes([0xff; 16]);
    assert_eq!(id.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(SegmentId::from_bytes(*id.as_bytes()), id);
    assert_eq!(id.uuid().get_version_num(), 4);
}

#[test]
fn text_round_trips_and_rubbish_is_refused() {
    let id = BranchId::from_bytes(*b"0123456789abcdef");
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!("".parse::<BranchId>(), Err(NotAnId));
    assert_eq!("0123".parse::<Nonce>(), Err(NotAnId));
    assert_eq!(
        format!("{:?}", Nonce::from_bytes([0; 16])),
        "Nonce(00000000-0000-4000-8000-000000000000)"
    );
}
