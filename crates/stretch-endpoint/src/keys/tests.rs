//! Tests of names: round trip, order, and that nothing else parses.

use super::*;
use proptest::prelude::*;

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn label() -> impl Strategy<Value = Label> {
    "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}".prop_map(|text| Label::new(&text).expect("a label"))
}

fn name() -> impl Strategy<Value = SegmentName> {
    (uuid(), uuid(), any::<u64>(), any::<u32>()).prop_map(|(table, segment, generation, attempt)| SegmentName {
        table,
        segment,
        generation,
        attempt,
    })
}

fn key() -> impl Strategy<Value = Key> {
    let n = any::<u64>;
    prop_oneof![
        Just(Key::Stretch),
        uuid().prop_map(|branch| Key::Branch { branch }),
        (uuid(), n()).prop_map(|(branch, generation)| Key::Claim { branch, generation }),
        (uuid(), n(), n()).prop_map(|(branch, generation, sequence)| Key::Lease {
            branch,
            generation,
            sequence
        }),
        (uuid(), uuid(), n()).prop_map(|(branch, child, n)| Key::BranchPin { branch, child, n }),
        (uuid(), label(), n()).prop_map(|(branch, label, n)| Key::BackupPin { branch, label, n }),
        (uuid(), name()).prop_map(|(branch, name)| Key::Segment { branch, name }),
        (uuid(), name(), n()).prop_map(|(branch, name, mark)| Key::Trash { branch, name, mark }),
        (uuid(), n()).prop_map(|(branch, n)| Key::Quarantine { branch, n }),
    ]
}

proptest! {
    #[test]
    fn every_key_round_trips(db in uuid(), key in key()) {
        let path = key.path(&db);
        prop_assert_eq!(Key::parse(&path), Some((db, key)));
        prop_assert!(path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)));
    }

    #[test]
    fn a_changed_key_is_another_key_or_none(db in uuid(), key in key(), at in any::<prop::sample::Index>(), with in "[ \
        -~é]{0,2}") {
        let path = key.path(&db);
        let at = at.index(path.len());
        let changed = format!("{}{with}{}", &path[..at], &path[at + 1..]);
        if changed != path {
            prop_assert_ne!(Key::parse(&changed), Some((db, key)));
        }
    }

    #[test]
    fn any_text_is_harmless(text in "\\PC{0,80}") {
        prop_assert_eq!(Key::parse(&text), None);
    }

    #[test]
    fn claims_and_leases_sort_by_number(branch in uuid(), a in any::<(u64, u64)>(), b in any::<(u64, u64)>()) {
        let path = |(generation, sequence)| Key::Lease { branch, generation, sequence }.path(&branch);
        prop_assert_eq!(path(a).cmp(&path(b)), a.cmp(&b));
    }
}

#[test]
fn names_are_those_of_the_design() {
    let (db, branch, table, segment) = (
        Uuid::from_u128(1),
        Uuid::from_u128(2),
        Uuid::from_u128(3),
        Uuid::from_u128(4),
    );
    let name = SegmentName {
        table,
        segment,
        generation: 5,
        attempt: 6,
    };
    let zeros = "00000000-0000-0000-0000-00000000000";
    assert_eq!(Key::Stretch.path(&db), format!("{zeros}1/stretch.json"));
    assert_eq!(
        Key::Claim { branch, generation: 7 }.path(&db),
        format!("{zeros}1/{zeros}2/claim/00000000000000000007")
    );
    assert_eq!(
        Key::Segment { branch, name }.path(&db),
        format!("{zeros}1/{zeros}2/segment/{zeros}3/{zeros}4-5-6.parquet")
    );
    assert_eq!(
        Key::Trash { branch, name, mark: 9 }.path(&db),
        format!("{zeros}1/{zeros}2/trash/{zeros}3/{zeros}4-5-6.parquet.9")
    );
    let label = Label::new("nightly-2024.1").expect("a label");
    assert_eq!(
        Key::BackupPin { branch, label, n: 1 }.path(&db),
        format!("{zeros}1/{zeros}2/pin/backup-nightly-2024.1-00000000000000000001")
    );
    assert_eq!(Key::parse(&format!("{zeros}1/{zeros}2/claim/7")), None);
    for bad in ["", "-x", "a/b", "a b", "ä", &"x".repeat(65)] {
        assert!(Label::new(bad).is_err(), "{bad:?}");
    }
}
