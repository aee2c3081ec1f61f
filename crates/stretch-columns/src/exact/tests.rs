//! The table gives the answers of the four lists that it replaced, which are kept here as they were.

use super::*;

/// Members of B-tree families of pg_amop.dat, those that the table must refuse included.
const MEMBERS: [(u32, u32, u32); 36] = [
    (1976, 21, 21),
    (1976, 21, 23),
    (1976, 21, 20),
    (1976, 23, 21),
    (1976, 23, 23),
    (1976, 23, 20),
    (1976, 20, 21),
    (1976, 20, 23),
    (1976, 20, 20),
    (1970, 700, 700),
    (1970, 700, 701),
    (1970, 701, 700),
    (1970, 701, 701),
    (1988, 1700, 1700),
    (434, 1082, 1082),
    (434, 1082, 1114),
    (434, 1082, 1184),
    (434, 1114, 1082),
    (434, 1114, 1114),
    (434, 1114, 1184),
    (434, 1184, 1082),
    (434, 1184, 1114),
    (434, 1184, 1184),
    (1994, 25, 25),
    (1994, 25, 19),
    (1994, 19, 25),
    (1994, 19, 19),
    (424, 16, 16),
    (428, 17, 17),
    (2968, 2950, 2950),
    // bpchar_ops, char_ops, text_pattern_ops, interval_ops, time_ops, network_ops
    (426, 1042, 1042),
    (429, 18, 18),
    (2095, 25, 25),
    (1982, 1186, 1186),
    (1996, 1083, 1083),
    (1974, 869, 869),
];
/// All types of the table and some that are not in it: oid, json, int4[], an enum's own.
const COLUMNS: [u32; 27] = [
    16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 700, 701, 774, 829, 869, 1007, 1042, 1043, 1082, 1083, 1114, 1184, 1186,
    1266, 1700, 2950, 16_400,
];
const COLLATIONS: [Collation; 6] = [
    Collation::None,
    Collation::C,
    Collation::Default { is_c: true },
    Collation::Default { is_c: false },
    Collation::Deterministic,
    Collation::Nondeterministic,
];

/// `lc_collate_is_c` and `get_collation_isdeterministic` of PostgreSQL.
fn c_and_deterministic(collation: Collation) -> (bool, bool) {
    match collation {
        Collation::None => (false, false),
        Collation::C => (true, true),
        Collation::Default { is_c } => (is_c, true),
        Collation::Deterministic => (false, true),
        Collation::Nondeterministic => (false, false),
    }
}

/// FAMILIES and `ordered`: the strategy passes through, so the answer is yes or no.
fn old_ordered(operator: &Operator, base: u32, collation: Collation) -> bool {
    const FAMILIES: [u32; 8] = [1976, 1970, 1988, 434, 1994, 424, 428, 2968];
    if !FAMILIES.contains(&operator.family) || operator.strategy == 0 {
        return false;
    }
    let (left, right) = (operator.left, operator.right);
    let text = left == 25;
    let same_kind = left == base || (text && base == 1043);
    let converts = matches!(left, 1082 | 1114 | 1184) && left != right;
    if !same_kind || converts {
        return false;
    }
    if text {
        let (is_c, deterministic) = c_and_deterministic(collation);
        let exact = collation != Collation::None && (is_c || (operator.strategy == 3 && deterministic));
        return right == 25 && exact;
    }
    true
}

#[test]
fn statistics_are_asked_as_before() {
    let (mut yes, mut no) = (0, 0);
    for (family, left, right) in MEMBERS {
        for strategy in 0..=5 {
            let operator = Operator {
                family,
                strategy,
                left,
                right,
            };
            for (column, collation) in COLUMNS.iter().flat_map(|column| COLLATIONS.map(|c| (*column, c))) {
                let answer = statistics(column, &operator, collation);
                let expected = old_ordered(&operator, column, collation);
                assert_eq!(answer.is_some(), expected, "{column} {operator:?} {collation:?}");
                assert!(answer.is_none() || answer == compare_op(strategy));
                *(if expected { &mut yes } else { &mut no }) += 1;
            }
        }
    }
    assert!(yes > 500 && no > 10_000, "{yes} {no}");
}

#[test]
fn bounds_are_taken_as_before() {
    let old = |value: u32| match value {
        16 => Some(DatumForm::Bool),
        21 => Some(DatumForm::Int16),
        23 | 1082 => Some(DatumForm::Int32),
        20 | 1114 | 1184 => Some(DatumForm::Int64),
        700 => Some(DatumForm::Float32),
        701 => Some(DatumForm::Float64),
        1700 => Some(DatumForm::Numeric),
        25 | 17 => Some(DatumForm::Varlena),
        2950 => Some(DatumForm::Uuid),
        _ => None,
    };
    for value in COLUMNS {
        assert_eq!(bound(value), old(value), "{value}");
    }
}

#[test]
fn key_ranges_narrow_as_before() {
    for operand in COLUMNS {
        for collation in COLLATIONS {
            let refused = operand == 25 && !c_and_deterministic(collation).0;
            let expected = !refused && bound(operand).is_some();
            assert_eq!(key_range(operand, collation), expected, "{operand} {collation:?}");
        }
    }
}

#[test]
fn keys_are_hashed_as_before() {
    const TYPES: [u32; 21] = [
        16, 18, 21, 23, 20, 700, 701, 1700, 25, 1042, 17, 1082, 1083, 1266, 1114, 1184, 1186, 2950, 869, 829, 774,
    ];
    for operand in COLUMNS {
        for collation in COLLATIONS {
            let refused = collation != Collation::None && !c_and_deterministic(collation).1;
            let expected = TYPES.contains(&operand) && !refused;
            assert_eq!(hashed(operand, collation), expected, "{operand} {collation:?}");
        }
    }
}

#[test]
fn rows_are_compared_where_statistics_are_but_for_name() {
    for column in COLUMNS {
        let by_statistics = MEMBERS.iter().any(|(family, left, right)| {
            let operator = Operator {
                family: *family,
                strategy: 3,
                left: *left,
                right: *right,
            };
            statistics(column, &operator, Collation::C).is_some()
        });
        assert_eq!(rows(column), by_statistics && column != oid::NAME, "{column}");
    }
}

#[test]
fn no_strategy_means_no_comparison() {
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6].map(compare_op),
        [
            None,
            Some(CompareOp::Lt),
            Some(CompareOp::Le),
            Some(CompareOp::Eq),
            Some(CompareOp::Ge),
            Some(CompareOp::Gt),
            None
        ]
    );
}

#[test]
fn text_is_comparable_in_one_encoding_of_two() {
    assert!(text_comparable("UTF8", "UTF8") && text_comparable("SQL_ASCII", "SQL_ASCII"));
    assert!(!text_comparable("UTF8", "SQL_ASCII") && !text_comparable("LATIN1", "LATIN1"));
}
