//! The three forms of numeric against known datums of PostgreSQL and against each other.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_ne_bytes()).collect()
}

fn wire(ndigits_weight_sign_dscale: [i32; 4], digits: &[u16]) -> Vec<u8> {
    let mut out: Vec<u8> = ndigits_weight_sign_dscale
        .iter()
        .flat_map(|w| (*w as u16).to_be_bytes())
        .collect();
    out.extend(digits.iter().flat_map(|d| d.to_be_bytes()));
    out
}

fn disk(value: i128, dscale: u16) -> Vec<u8> {
    let mut out = Vec::new();
    i128_to_disk(value, dscale, &mut out);
    out
}

/// Datums worked out by hand from numeric.c's definition of the headers.
#[test]
fn known_datums() {
    // 1, 0, 0.00, -1.50, 0.0001, 10000, 123456.789
    assert_eq!(disk(1, 0), words(&[0x8000, 1]));
    assert_eq!(disk(0, 0), words(&[0x8000]));
    assert_eq!(disk(0, 2), words(&[0x8000 | 2 << 7]));
    assert_eq!(disk(-150, 2), words(&[0xA000 | 2 << 7, 1, 5000]));
    assert_eq!(disk(1, 4), words(&[0x8000 | 4 << 7 | 0x40 | 0x3F, 1]));
    assert_eq!(disk(10_000, 0), words(&[0x8001, 1]));
    assert_eq!(disk(123_456_789, 3), words(&[0x8000 | 3 << 7 | 1, 12, 3456, 7890]));
    // dscale 64 needs the long header; so does weight -65 (which an i128 reaches only with dscale above 63).
    assert_eq!(disk(1, 64), words(&[64, 0xFFF0, 1]));
    assert_eq!(disk(-1, 64), words(&[0x4000 | 64, 0xFFF0, 1]));
    assert_eq!(disk(1, 63), words(&[0x8000 | 63 << 7 | 0x40 | 0x30, 10]));
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// Datums that a server of version 15 wrote.
#[test]
#[cfg(target_endian = "little")]
fn datums_of_a_server() {
    let (mut all, mut scaled) = (0, 0);
    for line in include_str!("../../testdata/numeric-pg15.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
    {
        let mut fields = line.split(' ');
        let (payload, sent) = (unhex(fields.next().unwrap()), unhex(fields.next().unwrap()));
        let (mut wire, mut back) = (Vec::new(), Vec::new());
        disk_to_wire(&payload, &mut wire).unwrap();
        assert_eq!(wire, sent, "{line}");
        wire_to_disk(&wire, &mut back).unwrap();
        assert_eq!(back, payload, "{line}");
        assert!(is_canonical(&payload), "{line}");
        if let Some((value, dscale)) = disk_to_i128(&payload).unwrap() {
            assert_eq!(disk(value, dscale), payload, "{line}");
            scaled += 1;
        }
        all += 1;
    }
    assert_eq!((all, scaled), (24, 17));
}

#[test]
fn specials() {
    for (word, dscale) in [(0xC000u16, 0), (0xD000, 32), (0xF000, 32)] {
        let payload = words(&[word]);
        assert_eq!(disk_to_i128(&payload), Ok(None));
        assert!(is_canonical(&payload));
        let mut out = Vec::new();
        disk_to_wire(&payload, &mut out).unwrap();
        assert_eq!(out, wire([0, 0, word.into(), dscale], &[]));
        let mut back = Vec::new();
        wire_to_disk(&out, &mut back).unwrap();
        assert_eq!(back, payload);
    }
}

#[test]
fn malformed() {
    for payload in [
        &[][..],
        &[1],
        &words(&[0xE000]),
        &words(&[0xC000, 1]),
        &words(&[0x8000, 10_000]),
        &words(&[0]),
    ] {
        assert_eq!(disk_to_i128(payload), Err(Malformed), "{payload:?}");
        assert!(!is_well_formed(payload) && !is_canonical(payload));
    }
    let mut out = Vec::new();
    for bytes in [
        &[][..],
        &wire([1, 0, 0, 0], &[]),
        &wire([0, 0, 0x8000, 0], &[]),
        &wire([1, 0, 0, 0], &[10_000]),
    ] {
        assert_eq!(wire_to_disk(bytes, &mut out), Err(Malformed));
    }
    assert!(out.is_empty());
}

#[test]
fn not_canonical() {
    // Long header where a short one fits, a leading and a trailing zero group, negative zero.
    for payload in [
        words(&[2, 0, 1]),
        words(&[0x8001, 0, 1]),
        words(&[0x8000, 1, 0]),
        words(&[0xA000]),
    ] {
        assert!(!is_canonical(&payload));
        let (value, dscale) = disk_to_i128(&payload).unwrap().unwrap();
        let mut again = Vec::new();
        let mut through = Vec::new();
        disk_to_wire(&payload, &mut through).unwrap();
        wire_to_disk(&through, &mut again).unwrap();
        assert_eq!(again, disk(value, dscale));
    }
    // Digits behind the display scale have no scaled integer.
    assert_eq!(disk_to_i128(&words(&[0x8000 | 1 << 7, 1, 5500])), Ok(None));
}

#[test]
fn order() {
    let ascending = [
        wire([0, 0, 0xF000, 32], &[]),
        wire([1, 5, 0x4000, 0], &[1]),
        wire([1, 0, 0x4000, 0], &[2]),
        wire([2, 0, 0x4000, 1], &[1, 5000]),
        wire([1, 0, 0x4000, 0], &[1]),
        wire([0, 0, 0, 0], &[]),
        wire([1, -1, 0, 4], &[1]),
        wire([1, 0, 0, 0], &[1]),
        wire([2, 0, 0, 1], &[1, 5000]),
        wire([1, 0, 0, 0], &[2]),
        wire([1, 1, 0, 0], &[1]),
        wire([0, 0, 0xD000, 32], &[]),
        wire([0, 0, 0xC000, 0], &[]),
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(compare_wire(a, b), i.cmp(&j), "{i} {j}");
        }
    }
    // 1.0 = 1, and zeros around do not count.
    assert_eq!(
        compare_wire(&wire([2, 1, 0, 1], &[0, 1]), &wire([1, 0, 0, 0], &[1])),
        Ordering::Equal
    );
}

proptest! {
    #[test]
    fn scaled_there_and_back(value: i128, small: bool, dscale in 0u16..80) {
        let value = if small { value >> 80 } else { value };
        prop_assume!(value != i128::MIN);
        let payload = disk(value, dscale);
        prop_assert_eq!(disk_to_i128(&payload), Ok(Some((value, dscale))));
        prop_assert!(is_canonical(&payload));
        let (mut direct, mut through) = (Vec::new(), Vec::new());
        i128_to_wire(value, dscale, &mut direct);
        disk_to_wire(&payload, &mut through).unwrap();
        prop_assert_eq!(&direct, &through);
        prop_assert_eq!(wire_to_i128(&direct), Ok(Some((value, dscale))));
        let mut back = Vec::new();
        wire_to_disk(&direct, &mut back).unwrap();
        prop_assert_eq!(back, payload);
    }

    #[test]
    fn any_shape_there_and_back(
        negative: bool, weight: i16, dscale in 0u16..=MAX_DSCALE, digits in vec(0u16..10_000, 0..40)
    ) {
        let sign = if negative { 0x4000 } else { 0 };
        let given = wire([digits.len() as i32, weight.into(), sign, dscale.into()], &digits);
        let (mut payload, mut through, mut back) = (Vec::new(), Vec::new(), Vec::new());
        wire_to_disk(&given, &mut payload).unwrap();
        prop_assert!(is_canonical(&payload));
        disk_to_wire(&payload, &mut through).unwrap();
        wire_to_disk(&through, &mut back).unwrap();
        prop_assert_eq!(&back, &payload);
        if i32::from(weight) - 40 > i32::from(i16::MIN) {
            prop_assert_eq!(compare_wire(&given, &through), Ordering::Equal);
        }
        if let Some((value, scale)) = disk_to_i128(&payload).unwrap() {
            prop_assert_eq!(disk(value, scale), payload);
        }
    }

    #[test]
    fn any_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..40)) {
        let mut out = Vec::new();
        let _ = disk_to_i128(&bytes);
        let _ = wire_to_i128(&bytes);
        let _ = wire_to_disk(&bytes, &mut out);
        let _ = disk_to_wire(&bytes, &mut out);
        let _ = is_canonical(&bytes);
        let _ = compare_wire(&bytes, &out);
    }

    #[test]
    fn order_agrees_with_integers(a in -100_000i128..100_000, b in -100_000i128..100_000, dscale in 0u16..9) {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        i128_to_wire(a, dscale, &mut x);
        i128_to_wire(b, dscale, &mut y);
        prop_assert_eq!(compare_wire(&x, &y), a.cmp(&b));
    }
}
