//! The binary form: versions and contradictions.

use super::*;
use crate::stats::Bound;

fn page(first_row: u32, len: u32) -> Page {
    Page {
        first_row,
        len,
        checksum: [first_row as u8; 16],
    }
}

fn detail() -> SegmentDetail {
    let stats = ColumnStats {
        null_count: 1,
        min: Some(Bound::Float(f64::NAN)),
        max: Some(Bound::Decimal(-5, 2)),
    };
    SegmentDetail {
        columns: vec![ColumnDetail {
            field_id: 4,
            name: "a".into(),
            stored: StoredType::Decimal128 { precision: 9, scale: 2 },
            form: ValueForm::Native,
        }],
        row_groups: vec![RowGroupDetail {
            rows: 2,
            first_row: 0,
            chunks: vec![ChunkDetail {
                offset: 4,
                len: 10,
                checksum: [9; 16],
                stats: stats.clone(),
                pages: Pages {
                    dictionary: Some((3, [7; 16])),
                    data: vec![page(0, 2), page(1, 5)],
                    stats: vec![stats.clone(), stats.clone()],
                },
            }],
        }],
        stats: vec![stats],
        footer: Bytes::from_static(b"footer"),
    }
}

#[test]
fn there_and_back() {
    assert_eq!(SegmentDetail::from_bytes(&detail().to_bytes()).unwrap(), detail());
    assert_eq!(detail().rows(), 2);
}

#[test]
fn another_version_is_said_so() {
    let mut bytes = detail().to_bytes();
    for version in [0, 3] {
        bytes[4] = version;
        let refused = SegmentDetail::from_bytes(&bytes);
        assert_eq!(refused, Err(SegmentError::UnknownVersion(version.into())));
    }
    // Even one that is shorter than any detail of ours.
    assert_eq!(
        SegmentDetail::from_bytes(b"PGSD\x07\x01"),
        Err(SegmentError::UnknownVersion(0x107))
    );
}

#[test]
fn every_flipped_bit_and_every_prefix_is_refused() {
    let bytes = detail().to_bytes();
    for i in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[i / 8] ^= 1 << (i % 8);
        assert!(SegmentDetail::from_bytes(&damaged).is_err(), "bit {i}");
    }
    for n in 0..bytes.len() {
        assert!(SegmentDetail::from_bytes(&bytes[..n]).is_err(), "prefix {n}");
    }
}

#[test]
fn contradictions_are_refused() {
    let damage: [fn(&mut SegmentDetail); 13] = [
        |d| d.row_groups[0].first_row = 1,
        |d| d.row_groups[0].rows = 0,
        |d| d.row_groups[0].chunks[0].offset = u64::MAX,
        |d| d.row_groups[0].chunks[0].stats.null_count = 3,
        |d| {
            d.columns[0].stored = StoredType::Decimal128 {
                precision: 39,
                scale: 0,
            }
        },
        |d| d.columns[0].stored = StoredType::Decimal128 { precision: 3, scale: 4 },
        |d| d.row_groups[0].chunks[0].pages.dictionary = None,
        |d| d.row_groups[0].chunks[0].pages.data[1].len = 6,
        |d| d.row_groups[0].chunks[0].pages.data[0].first_row = 1,
        |d| d.row_groups[0].chunks[0].pages.data[1].first_row = 2,
        |d| d.row_groups[0].chunks[0].pages.data.clear(),
        |d| d.row_groups[0].chunks[0].pages.stats.truncate(1),
        |d| d.row_groups[0].chunks[0].pages.stats[1].null_count = 2,
    ];
    for damage in damage {
        let mut detail = detail();
        damage(&mut detail);
        assert!(matches!(
            SegmentDetail::from_bytes(&detail.to_bytes()),
            Err(SegmentError::CorruptDetail(_))
        ));
    }
}
