//! A note is read back as it was written.

use super::*;

fn note(columns: Columns, quals: Vec<Tree>) -> PlanNote {
    PlanNote {
        columns,
        quals,
        shows_system: false,
        secured: false,
    }
}

fn quals() -> Vec<Tree> {
    let mut trees: Vec<Tree> = KINDS
        .iter()
        .enumerate()
        .map(|(at, kind)| {
            Tree::Qual(Qual {
                attribute: at as i16 + 1,
                kind: *kind,
                strategy: at as i32,
                // More than an i32 holds.
                value_type: pg_sys::Oid::from(u32::MAX - at as u32),
                expression: at as i32 - 1,
            })
        })
        .collect();
    trees.push(Tree::Or(vec![
        Tree::And(trees[..2].to_vec()),
        Tree::Not(Box::new(trees[3].clone())),
        Tree::And(Vec::new()),
    ]));
    trees
}

#[test]
fn notes_come_back_as_they_went() {
    for columns in [
        Columns::WholeRow,
        Columns::Some(vec![]),
        Columns::Some(vec![1, 7, 1600]),
    ] {
        for at in 0..4 {
            let note = PlanNote {
                shows_system: at & 1 != 0,
                secured: at & 2 != 0,
                ..note(columns.clone(), quals())
            };
            assert_eq!(PlanNote::from_numbers(&note.numbers()), Some(note));
        }
    }
}

#[test]
fn what_is_no_note_is_none() {
    let good = note(Columns::Some(vec![2]), quals()).numbers();
    let broken = |list: usize, change: fn(&mut Vec<i32>)| {
        let mut numbers = good.clone();
        change(&mut numbers[list]);
        PlanNote::from_numbers(&numbers)
    };
    assert_eq!(broken(0, |columns| columns.push(40_000)), None);
    assert_eq!(broken(1, |quals| quals.truncate(7)), None);
    assert_eq!(broken(1, |quals| quals[1] = KINDS.len() as i32), None);
    assert_eq!(broken(1, |quals| quals[1] = NOT - 1), None);
    assert_eq!(broken(1, |quals| quals.truncate(quals.len() - WIDTH)), None);
    assert_eq!(broken(2, |flags| flags.push(0)), None);
}

#[test]
fn a_whole_row_contains_every_column() {
    assert!(Columns::WholeRow.contain(3));
    assert!(Columns::Some(vec![3]).contain(3));
    assert!(!Columns::Some(vec![3]).contain(2));
}
