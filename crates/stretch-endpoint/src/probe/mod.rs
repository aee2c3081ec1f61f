//! Finds out whether a store keeps the promises that everything else here is built on.

use crate::disposable::{Disposable, PATIENCE, dispose, probe_folder};
use crate::error::EndpointError;
use crate::store::{Endpoint, PutNew};
use bytes::Bytes;
use futures::future::join_all;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Races per probe; a store that checks and then writes loses at least one of them nearly always.
const ROUNDS: usize = 8;
/// Writers per race.
const RACERS: usize = 4;
/// Bytes of the object that is read back.
const BODY: usize = 4096;

/// Name of the object that is read back.
const BODY_NAME: &str = "body";

/// What was probed, and how long it took.
pub type Step = (&'static str, Duration);

/// Probes the store below `probe/<scratch_name>/`. `scratch_name` must be new at each call (a random UUID, say) and
/// consist of letters, digits and hyphens. Its few small objects are deleted at the end, as far as the store permits.
///
/// # Errors
/// `BrokenPromise` naming the promise; `BadKey`; the store's own.
pub async fn probe(endpoint: &Endpoint, scratch_name: &str) -> Result<Vec<Step>, EndpointError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if scratch_name.is_empty() || !scratch_name.bytes().all(plain) {
        return Err(EndpointError::BadKey("a scratch name is letters, digits and hyphens"));
    }
    let folder = probe_folder(scratch_name);
    let result = keep_promises(endpoint, &folder).await;
    tidy(endpoint, scratch_name).await;
    result
}

/// Deletes what the probe wrote, whatever came out of it. The names are known, so that nothing else can be meant.
async fn tidy(endpoint: &Endpoint, scratch_name: &str) {
    let races = (0..ROUNDS).map(race_name);
    let names = std::iter::once(BODY_NAME.to_owned()).chain(races);
    let objects: Vec<Disposable> = names.map(|name| Disposable::of_probe(scratch_name, &name)).collect();
    dispose(endpoint, &objects, PATIENCE).await;
    endpoint.remove_empty_folder(&probe_folder(scratch_name)).await;
}

fn race_name(round: usize) -> String {
    format!("race-{round}")
}

/// All steps, in a folder of their own.
async fn keep_promises(endpoint: &Endpoint, folder: &str) -> Result<Vec<Step>, EndpointError> {
    let mut steps = Vec::new();
    let mut clock = Instant::now();
    let mut done = |steps: &mut Vec<Step>, what| {
        steps.push((what, clock.elapsed()));
        clock = Instant::now();
    };

    let body = Bytes::from_iter((0..BODY).map(|i| (i % 251) as u8));
    let key = format!("{folder}/{BODY_NAME}");
    match endpoint.put_new(&key, &body).await? {
        PutNew::Created { .. } => {}
        // A lost reply of our own write looks the same; the content decides in the next step.
        PutNew::Exists => {}
    }
    done(&mut steps, "create");
    match endpoint.get(&key).await {
        Ok(read) if read == body => {}
        Ok(_) => return Err(broken("an object reads back as it was written")),
        Err(EndpointError::NotFound { .. } | EndpointError::Corrupt { .. }) => {
            return Err(broken("an object can be read once it is written"));
        }
        Err(error) => return Err(error),
    }
    done(&mut steps, "read after write");
    let ranges = [10..20, (BODY as u64 - 5)..BODY as u64];
    let parts = match endpoint.get_ranges(&key, &ranges).await {
        Ok(parts) => parts,
        Err(EndpointError::Corrupt { .. } | EndpointError::Rejected { .. }) => {
            return Err(broken("ranges of an object can be read"));
        }
        Err(error) => return Err(error),
    };
    if parts[0] != body[10..20] || parts[1] != body[BODY - 5..] {
        return Err(broken("ranges of an object can be read"));
    }
    done(&mut steps, "range read");
    for round in 0..ROUNDS {
        race(endpoint, &format!("{folder}/{}", race_name(round))).await?;
    }
    done(&mut steps, "create-if-absent");
    let listed = endpoint.list(folder).await?;
    let shown = listed
        .iter()
        .any(|object| object.key == key && object.size == BODY as u64);
    if !shown || listed.len() != ROUNDS + 1 {
        return Err(broken("a listing shows every object with its size"));
    }
    done(&mut steps, "list");
    Ok(steps)
}

/// Several writers, one name: exactly one wins, and its bytes stay.
async fn race(endpoint: &Endpoint, key: &str) -> Result<(), EndpointError> {
    const PROMISE: &str = "of several writers that create the same object exactly one succeeds";
    let bodies: Vec<Bytes> = (0..RACERS).map(|racer| Bytes::from(format!("racer {racer}"))).collect();
    let answers = join_all(bodies.iter().map(|body| endpoint.put_new(key, body))).await;
    let mut winners = Vec::new();
    for (racer, answer) in answers.into_iter().enumerate() {
        if let PutNew::Created { .. } = answer? {
            winners.push(racer);
        }
    }
    let there = match endpoint.get(key).await {
        Err(EndpointError::NotFound { .. }) => return Err(broken(PROMISE)),
        other => other?,
    };
    match winners.as_slice() {
        [winner] if there == bodies[*winner] => {}
        // The winner's reply was lost and its repetition was told "exists": still one object, one writer's.
        [] if bodies.contains(&there) => {}
        _ => return Err(broken(PROMISE)),
    }
    let late = Bytes::from_static(b"late");
    match endpoint.put_new(key, &late).await? {
        PutNew::Created { .. } => return Err(broken("an existing object is never overwritten")),
        PutNew::Exists => {}
    }
    if endpoint.get(key).await? == there {
        Ok(())
    } else {
        Err(broken("an existing object is never overwritten"))
    }
}

fn broken(which: &'static str) -> EndpointError {
    EndpointError::BrokenPromise { which }
}
