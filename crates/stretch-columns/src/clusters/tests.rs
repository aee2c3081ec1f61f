//! Clusters of random row groups keep every order of their rows, and what overlaps is never taken apart.

use super::*;
use crate::seeded::runner;
use proptest::collection::vec;
use proptest::prelude::*;

fn stats(values: &[Option<i64>]) -> ColumnStats {
    let known = || values.iter().flatten();
    ColumnStats {
        null_count: values.iter().filter(|value| value.is_none()).count() as u64,
        min: known().min().map(|value| Bound::Int(*value)),
        max: known().max().map(|value| Bound::Int(*value)),
    }
}

/// The place of a value in the order: NULLs before or after the others.
fn key(value: Option<i64>, direction: Direction) -> (i8, i64) {
    match value {
        None if direction.nulls_first => (-1, 0),
        None => (1, 0),
        Some(value) if direction.descending => (0, -value),
        Some(value) => (0, value),
    }
}

#[test]
fn rows_of_a_cluster_come_before_those_of_later_ones() {
    let group = (-30..30i64, 0..6i64).prop_flat_map(|(start, width)| {
        let value = prop_oneof![1 => Just(None), 8 => (start..=start + width).prop_map(Some)];
        vec(value, 1..5)
    });
    let groups = vec(group, 0..12);
    let counts = std::cell::Cell::new((0, 0));
    runner(2_000)
        .run(
            &(groups, any::<bool>(), any::<bool>()),
            |(groups, descending, nulls_first)| {
                let direction = Direction {
                    descending,
                    nulls_first,
                };
                let all: Vec<ColumnStats> = groups.iter().map(|group| stats(group)).collect();
                let columns = all.iter().zip(&groups);
                let found = clusters(
                    columns.map(|(stats, rows)| (Column::Statistics(stats), rows.len() as u64)),
                    direction,
                );
                let mut members: Vec<usize> = found.iter().flat_map(|cluster| cluster.members.clone()).collect();
                members.sort_unstable();
                prop_assert_eq!(members, (0..groups.len()).collect::<Vec<_>>());
                let keys = |cluster: &Cluster| -> Vec<(i8, i64)> {
                    let values = cluster.members.iter().flat_map(|member| groups[*member].iter());
                    values.map(|value| key(*value, direction)).collect()
                };
                for (at, cluster) in found.iter().enumerate() {
                    let (first, last) = (keys(cluster).into_iter().min(), keys(cluster).into_iter().max());
                    prop_assert_eq!(cluster.rows, keys(cluster).len() as u64);
                    if let Some(Bound::Int(bound)) = cluster.first {
                        prop_assert!(first >= Some(key(Some(bound), direction)));
                    }
                    for (step, later) in found[at + 1..].iter().enumerate() {
                        let next = keys(later).into_iter().min();
                        let touches = step == 0 && cluster.touches_next && last == next;
                        prop_assert!(last < next || touches);
                        prop_assert!(later.first.is_some());
                        let (apart, touching) = counts.get();
                        counts.set((apart + usize::from(!touches), touching + usize::from(touches)));
                    }
                    // A value goes over one border only.
                    let is_one = first == last && at > 0;
                    prop_assert!(!(is_one && cluster.touches_next && found[at - 1].touches_next));
                }
                Ok(())
            },
        )
        .unwrap();
    let (apart, touching) = counts.get();
    assert!(apart > 500 && touching > 50, "{apart} {touching}");
}

#[test]
fn groups_apart_are_clusters_of_their_own() {
    let up = Direction {
        descending: false,
        nulls_first: false,
    };
    let all = [
        stats(&[Some(5), Some(6)]),
        stats(&[Some(1), Some(2)]),
        stats(&[Some(2), Some(4)]),
    ];
    let found = |direction| {
        let columns = all.iter().map(|stats| (Column::Statistics(stats), 2));
        clusters(columns, direction)
            .into_iter()
            .map(|cluster| (cluster.members, cluster.first, cluster.touches_next))
            .collect::<Vec<_>>()
    };
    let int = |value| Some(Bound::Int(value));
    assert_eq!(
        found(up),
        vec![
            (vec![1], int(1), true),
            (vec![2], int(2), false),
            (vec![0], int(5), false)
        ]
    );
    let down = Direction { descending: true, ..up };
    assert_eq!(
        found(down),
        vec![
            (vec![0], int(6), false),
            (vec![2], int(4), true),
            (vec![1], int(2), false)
        ]
    );
}

#[test]
fn what_holds_one_value_is_not_carried_from_group_to_group() {
    let up = Direction {
        descending: false,
        nulls_first: false,
    };
    let all = [[1, 5], [5, 5], [5, 5], [5, 9]].map(|values| stats(&values.map(Some)));
    let found = clusters(all.iter().map(|stats| (Column::Statistics(stats), 2)), up);
    let shown: Vec<_> = found
        .iter()
        .map(|cluster| (&cluster.members[..], cluster.touches_next))
        .collect();
    assert_eq!(shown, [(&[0, 1, 2][..], true), (&[3][..], false)]);
}

#[test]
fn what_is_unknown_comes_first_and_with_all_others() {
    let up = Direction {
        descending: false,
        nulls_first: false,
    };
    let known = stats(&[Some(1)]);
    let columns = [(Column::Statistics(&known), 1), (Column::Unknown, 1)];
    let found = clusters(columns.into_iter(), up);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].members.clone(), found[0].first.clone()), (vec![0, 1], None));
    // NULL alone comes last.
    let columns = [(Column::Missing, 1), (Column::Statistics(&known), 1)];
    let found = clusters(columns.into_iter(), up);
    assert_eq!(found.len(), 1);
}
