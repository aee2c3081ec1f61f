//! Tests of pins.

use super::*;
use crate::bodies::FORMAT;
use crate::testing::{id, memory, run, text};

#[test]
fn pins_are_written_once_and_read_together() {
    let (db, branch, child) = (id(1), id(2), id(3));
    let endpoint = memory();
    let body = |keys: &[&str]| PinBody {
        format: FORMAT,
        branch_id: child,
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        backup: None,
    };
    let backup = Pinner::Backup(Label::new("nightly-1").expect("a label"));
    run(async {
        assert_eq!(read_pins(&endpoint, &db, &branch).await, Ok(Vec::new()));
        let one = body(&["a", "b"]);
        let by_child = Pinner::Child(child);
        let write = async |who: &Pinner, n, body: &PinBody| write_pin(&endpoint, &db, &branch, who, n, body).await;
        write(&by_child, 1, &one).await.expect("a pin");
        write(&by_child, 1, &one).await.expect("the same pin");
        let other = write(&by_child, 1, &body(&["c"])).await;
        assert!(matches!(other, Err(EndpointError::Corrupt { .. })));
        write(&by_child, 2, &body(&["c"])).await.expect("a pin");
        write(&backup, 1, &body(&[])).await.expect("a pin");
        let pins = read_pins(&endpoint, &db, &branch).await.expect("pins");
        assert_eq!(pins.len(), 3);
        let of_child: Vec<&PinBody> = pins
            .iter()
            .filter(|(key, _)| matches!(key, Key::BranchPin { .. }))
            .map(|(_, body)| body)
            .collect();
        assert_eq!(of_child, [&one, &body(&["c"])]);
        // What cannot be understood may protect something.
        let strange = format!("{}/strange", Folder::Pin.path(&db, &branch));
        endpoint.put_new(&strange, &text("{}")).await.expect("a put");
        let unread = read_pins(&endpoint, &db, &branch).await;
        assert!(matches!(unread, Err(EndpointError::Corrupt { .. })));
    });
}
