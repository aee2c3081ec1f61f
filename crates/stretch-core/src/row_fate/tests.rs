//! Each state of a row and its answer.

use super::*;

#[test]
fn answers_are_those_of_heap() {
    let other = |home| Fate::Dead(Killer::Other, home);
    let own = |command, home| Fate::Dead(Killer::Own(command), home);
    let table = [
        (Fate::Alive, Answer::Ok),
        (other(Home::None), Answer::Deleted),
        (other(Home::At('h')), Answer::Updated('h')),
        (other(Home::Elsewhere), Answer::Moved),
        (other(Home::Lost), Answer::Conflict),
        (own(4, Home::None), Answer::Invisible),
        (own(4, Home::At('h')), Answer::Invisible),
        (own(5, Home::None), Answer::SelfModified(5)),
        (own(5, Home::At('h')), Answer::SelfModified(5)),
        (own(6, Home::Lost), Answer::SelfModified(6)),
    ];
    for (fate, expected) in table {
        assert_eq!(answer(fate, 5), expected, "{fate:?}");
    }
}
