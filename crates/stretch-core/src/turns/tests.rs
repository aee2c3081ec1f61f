//! The order of the queue, and whose turn is over.

use super::*;

fn wanted(database: u32, called: bool) -> Wanted<u32> {
    Wanted { database, called }
}

fn working(began: i64, asked: bool) -> Working {
    Working { began, asked }
}

#[test]
fn who_waits_keeps_the_place_and_callers_go_first() {
    let mut queue = VecDeque::from([1, 2]);
    line_up(&mut queue, &[wanted(3, false), wanted(1, false)]);
    assert_eq!(queue, [1, 2, 3]);
    line_up(&mut queue, &[wanted(3, true)]);
    assert_eq!(queue, [3, 1, 2]);
    // A caller that comes later stands behind those that wait already, however often the queue is looked at.
    for _ in 0..3 {
        line_up(&mut queue, &[wanted(9, true), wanted(3, true), wanted(1, false)]);
        assert_eq!(queue, [3, 9, 1, 2]);
    }
}

#[test]
fn the_longest_at_work_make_room_when_their_turn_is_over() {
    let workers = [
        working(50, false),
        working(10, false),
        working(30, false),
        working(95, false),
    ];
    assert_eq!(make_room(&workers, 100, 10, 1), [1]);
    assert_eq!(make_room(&workers, 100, 10, 2), [1, 2]);
    assert_eq!(
        make_room(&workers, 100, 10, 9),
        [1, 2, 0],
        "the turn of the last is not over"
    );
    assert_eq!(make_room(&workers, 100, 10, 0), [0usize; 0]);
}

#[test]
fn nobody_is_asked_twice_or_for_more_than_wait() {
    let workers = [working(10, true), working(20, false), working(30, false)];
    assert_eq!(make_room(&workers, 100, 10, 1), [0usize; 0]);
    assert_eq!(make_room(&workers, 100, 10, 2), [1]);
}
