//! What a store must be like behind a network that delays, cuts and loses: nothing torn, nothing lost, and every
//! failure one that passes.

use super::contract::{PATIENT, Place, options, run};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use stretch_endpoint::{Endpoint, PutNew};
use testkit::{Faulty, Mode};

/// A time that a request which hangs does not meet, and any other does.
const SHORT: Duration = Duration::from_secs(3);

/// Bytes of an object that takes several packets.
const SIZE: usize = 1 << 20;

/// Bytes of one that fits into the buffers of a connection.
const SMALL: usize = 4096;

/// All faults, one after the other, on the store at this address.
pub fn trouble_is_survived(place: &Place, address: SocketAddr) {
    let faulty = Faulty::start(address);
    let patient = place.open(faulty.address(), options(3, PATIENT));
    let short = place.open(faulty.address(), options(0, SHORT));
    let honest = place.open(address, options(3, PATIENT));
    let body = Bytes::from_iter((0..SIZE).map(|i| (i % 253) as u8));
    let run_id = uuid::Uuid::from_bytes(rand::random());
    let key = |name: &str| format!("network/{run_id}/{name}");

    busy_stores_are_left_alone(&faulty, &patient, &key("busy"), &body);
    lost_replies(
        &faulty,
        [(&patient, key("lost-1")), (&short, key("lost-2"))],
        &honest,
        // A server that says "it exists" before it has read all of a large object cuts its own answer off.
        &body.slice(..SMALL),
    );
    cut_uploads(
        &faulty,
        [(&patient, key("cut-1")), (&short, key("cut-2"))],
        &honest,
        &body,
    );
    slow_and_cut_downloads(&faulty, &patient, &short, &key("slow"), &body);
}

/// 503, without and with a pause that is asked for.
fn busy_stores_are_left_alone(faulty: &Faulty, patient: &Endpoint, key: &str, body: &Bytes) {
    let hits = faulty.hits();
    faulty.set(Mode::Unavailable(2));
    assert!(matches!(run(patient.put_new(key, body)), Ok(PutNew::Created { .. })));
    assert_eq!(faulty.hits(), hits + 2, "it was unavailable");
    faulty.set(Mode::Busy(2, 1));
    let began = Instant::now();
    assert_eq!(run(patient.get(key)).as_ref(), Ok(body));
    assert_eq!(faulty.hits(), hits + 4, "it was busy");
    // Twice a second was asked for, and kept.
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

/// Whoever lost a reply hears that the object exists, whether the request is sent again or only the object looked for.
fn lost_replies(faulty: &Faulty, tries: [(&Endpoint, String); 2], honest: &Endpoint, body: &Bytes) {
    for (endpoint, key) in tries {
        let hits = faulty.hits();
        faulty.set(Mode::LoseReply(1));
        let said = run(endpoint.put_new(&key, body));
        assert_eq!(faulty.hits(), hits + 1, "the reply was lost");
        assert_eq!(said, Ok(PutNew::Exists));
        assert_eq!(run(honest.get(&key)).as_ref(), Ok(body));
        assert_eq!(run(honest.put_new(&key, body)), Ok(PutNew::Exists));
    }
}

/// An upload that ends in the middle leaves nothing, or all.
fn cut_uploads(faulty: &Faulty, tries: [(&Endpoint, String); 2], honest: &Endpoint, body: &Bytes) {
    for (endpoint, key) in tries {
        let hits = faulty.hits();
        faulty.set(Mode::CutRequest(1));
        let said = run(endpoint.put_new(&key, body));
        assert_eq!(faulty.hits(), hits + 1, "the upload was cut");
        println!("cut upload: {said:?}");
        match said {
            Ok(_) => {}
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                run(honest.put_new(&key, body)).expect("the next try");
            }
        }
        assert_eq!(run(honest.get(&key)).as_ref(), Ok(body));
    }
}

fn slow_and_cut_downloads(faulty: &Faulty, patient: &Endpoint, short: &Endpoint, key: &str, body: &Bytes) {
    let hits = faulty.hits();
    faulty.set(Mode::Slow);
    run(patient.put_new(key, body)).expect("slowly");
    assert_eq!(run(patient.get(key)).as_ref(), Ok(body));
    assert!(faulty.hits() > hits, "it was slow");
    for mode in [Mode::HangHeaders, Mode::HangBody, Mode::ResetBody] {
        let hits = faulty.hits();
        faulty.set(mode);
        let error = run(short.get(key)).expect_err("half of an object");
        println!("{mode:?}: {error}");
        assert!(error.is_transient(), "{mode:?}: {error}");
        assert!(faulty.hits() > hits, "{mode:?} never happened");
        faulty.set(Mode::Pass);
        assert_eq!(run(short.get(key)).as_ref(), Ok(body), "after {mode:?}");
    }
}
