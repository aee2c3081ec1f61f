//! Tests of quarantines.

use super::*;
use crate::bodies::FORMAT;
use crate::testing::{id, memory, run, text};

const DB: Uuid = Uuid::from_u128(1);
const BRANCH: Uuid = Uuid::from_u128(2);

fn body(keys: &[&str]) -> QuarantineBody {
    QuarantineBody {
        format: FORMAT,
        generation: 5,
        lsn: 100,
        created_by: "somebody".into(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    }
}

#[test]
fn what_is_listed_once_is_not_listed_again() {
    let endpoint = memory();
    run(async {
        let write = async |keys: &[&str]| quarantine(&endpoint, &DB, &BRANCH, body(keys)).await.expect("a list");
        assert_eq!(write(&["a", "b"]).await, 2);
        assert_eq!(write(&["a", "b"]).await, 0);
        assert_eq!(write(&["b", "c"]).await, 1);
        assert_eq!(write(&[]).await, 0);
        let found = quarantines(&endpoint, &DB, &BRANCH).await.expect("lists");
        assert_eq!(found, [(1, body(&["a", "b"])), (2, body(&["c"]))]);
        assert_eq!(quarantines(&endpoint, &DB, &id(3)).await, Ok(Vec::new()));
        assert_eq!(give_up(&endpoint, &DB, &BRANCH).await, Ok(3));
        assert_eq!(quarantines(&endpoint, &DB, &BRANCH).await, Ok(Vec::new()));
    });
}

#[test]
fn what_is_none_is_an_error() {
    let endpoint = memory();
    run(async {
        let key = format!("{}/x", Folder::Quarantine.path(&DB, &BRANCH));
        endpoint.put_new(&key, &text("x")).await.expect("an object");
        let found = quarantines(&endpoint, &DB, &BRANCH).await;
        assert!(matches!(found, Err(EndpointError::Corrupt { .. })), "{found:?}");
    });
}
