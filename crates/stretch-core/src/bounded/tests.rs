//! What was used last stays, and the weights are kept.

use super::*;

fn keys(map: &Bounded<u32, &str>) -> Vec<u32> {
    map.by_use.values().copied().collect()
}

#[test]
fn the_one_not_used_longest_makes_room() {
    let mut map = Bounded::new(2);
    map.insert(1, "a", 1);
    map.insert(2, "b", 1);
    assert_eq!(map.get(&1), Some(&"a"));
    map.insert(3, "c", 1);
    assert_eq!(map.get(&2), None);
    assert_eq!(keys(&map), [1, 3]);
}

#[test]
fn a_new_value_replaces_the_old_one_alone() {
    let mut map = Bounded::new(2);
    map.insert(1, "a", 1);
    map.insert(2, "b", 1);
    map.insert(1, "c", 1);
    assert_eq!(keys(&map), [2, 1]);
    assert_eq!(map.get(&1), Some(&"c"));
    assert_eq!(map.get(&2), Some(&"b"));
}

#[test]
fn heavy_values_make_as_much_room_as_they_need() {
    let mut map = Bounded::new(10);
    map.insert(1, "a", 4);
    map.insert(2, "b", 4);
    map.insert(3, "c", 2);
    map.insert(4, "d", 5);
    assert_eq!(keys(&map), [3, 4]);
    map.insert(5, "too heavy", 11);
    assert_eq!(keys(&map), [5]);
    map.insert(6, "e", 1);
    assert_eq!(keys(&map), [6]);
}
