//! Finds out whether a store keeps the promises that everything else here is built on.
//!
//! One procedure serves `enable_database`, `reauthorize` and the tests of every store; they differ in its [`Extent`].

use crate::disposable::{Disposable, PATIENCE, dispose, probe_folder};
use crate::error::EndpointError;
use crate::store::{Endpoint, PutNew};
use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};
use std::time::{Duration, Instant};

mod extent;
#[cfg(test)]
mod tests;

pub use extent::Extent;

/// Bytes of the object that is read back.
const BODY: usize = 4096;

/// Name of the object that is read back.
const BODY_NAME: &str = "body";

/// Name of the object that is never made.
const MISSING_NAME: &str = "missing";

/// Requests at a time where nothing is raced for.
const AT_ONCE: usize = 8;

/// What was probed, and how long it took.
pub type Step = (&'static str, Duration);

/// Probes the store below `probe/<scratch_name>/`. `scratch_name` must be new at each call (a random UUID, say) and
/// consist of letters, digits and hyphens. Its few small objects are deleted at the end, as far as the store permits.
///
/// # Errors
/// `BrokenPromise` naming the promise; `BadKey`; the store's own.
pub async fn probe(endpoint: &Endpoint, scratch_name: &str) -> Result<Vec<Step>, EndpointError> {
    probe_to(endpoint, scratch_name, Extent::SMALL).await
}

/// The same to another extent.
///
/// # Errors
/// As for [`probe`].
pub async fn probe_to(endpoint: &Endpoint, scratch_name: &str, extent: Extent) -> Result<Vec<Step>, EndpointError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if scratch_name.is_empty() || !scratch_name.bytes().all(plain) {
        return Err(EndpointError::BadKey("a scratch name is letters, digits and hyphens"));
    }
    let scratch = Scratch {
        endpoint,
        name: scratch_name,
        extent,
    };
    let result = scratch.keep_promises().await;
    scratch.tidy().await;
    result
}

/// A probe and the names of its objects.
struct Scratch<'a> {
    endpoint: &'a Endpoint,
    name: &'a str,
    extent: Extent,
}

impl Scratch<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}/{name}", probe_folder(self.name))
    }

    /// Names of all objects that are made.
    fn names(&self) -> impl Iterator<Item = String> {
        let races = (0..self.extent.races).map(race_name);
        let listed = (0..self.extent.listed).map(listed_name);
        std::iter::once(BODY_NAME.to_owned()).chain(races).chain(listed)
    }

    /// Deletes what the probe wrote, whatever came out of it. The names are known, so that nothing else can be meant.
    async fn tidy(&self) {
        let objects: Vec<Disposable> = self
            .names()
            .map(|name| Disposable::of_probe(self.name, &name))
            .collect();
        for some in objects.chunks(AT_ONCE * 8) {
            dispose(self.endpoint, some, PATIENCE).await;
        }
        self.endpoint.remove_empty_folder(&probe_folder(self.name)).await;
    }

    /// All steps, in a folder of their own.
    async fn keep_promises(&self) -> Result<Vec<Step>, EndpointError> {
        let mut steps = Vec::new();
        let mut clock = Instant::now();
        let mut done = |what| {
            steps.push((what, clock.elapsed()));
            clock = Instant::now();
        };
        let body = Bytes::from_iter((0..BODY).map(|i| (i % 251) as u8));
        // A lost reply of our own write looks like an object that exists; the content decides in the next step.
        self.endpoint.put_new(&self.key(BODY_NAME), &body).await?;
        done("create");
        self.read_after_write(&body).await?;
        done("read after write");
        self.read_ranges(&body).await?;
        done("range read");
        for number in 0..self.extent.races {
            self.race(&self.key(&race_name(number))).await?;
        }
        done("create-if-absent");
        self.list_all().await?;
        done("list");
        self.miss().await?;
        done("missing");
        self.delete_then_create().await?;
        done("delete, then create");
        Ok(steps)
    }

    async fn read_after_write(&self, body: &Bytes) -> Result<(), EndpointError> {
        match self.endpoint.get(&self.key(BODY_NAME)).await {
            Ok(read) if read == *body => Ok(()),
            Ok(_) => Err(broken("an object reads back as it was written")),
            Err(EndpointError::NotFound { .. } | EndpointError::Corrupt { .. }) => {
                Err(broken("an object can be read once it is written"))
            }
            Err(error) => Err(error),
        }
    }

    async fn read_ranges(&self, body: &Bytes) -> Result<(), EndpointError> {
        const PROMISE: &str = "ranges of an object can be read";
        let ranges = [10..20, (BODY as u64 - 5)..BODY as u64];
        let parts = match self.endpoint.get_ranges(&self.key(BODY_NAME), &ranges).await {
            Ok(parts) => parts,
            Err(EndpointError::Corrupt { .. } | EndpointError::Rejected { .. }) => return Err(broken(PROMISE)),
            Err(error) => return Err(error),
        };
        match parts[0] == body[10..20] && parts[1] == body[BODY - 5..] {
            true => Ok(()),
            false => Err(broken(PROMISE)),
        }
    }

    /// Several writers, one name: exactly one wins, and its bytes stay.
    async fn race(&self, key: &str) -> Result<(), EndpointError> {
        const PROMISE: &str = "of several writers that create the same object exactly one succeeds";
        const KEPT: &str = "an existing object is never overwritten";
        let bodies: Vec<Bytes> = (0..self.extent.racers)
            .map(|racer| Bytes::from(format!("racer {racer}")))
            .collect();
        let answers = join_all(bodies.iter().map(|body| self.endpoint.put_new(key, body))).await;
        let mut winners = Vec::new();
        for (racer, answer) in answers.into_iter().enumerate() {
            if let PutNew::Created { .. } = answer? {
                winners.push(racer);
            }
        }
        let there = match self.endpoint.get(key).await {
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
        if let PutNew::Created { .. } = self.endpoint.put_new(key, &late).await? {
            return Err(broken(KEPT));
        }
        match self.endpoint.get(key).await? == there {
            true => Ok(()),
            false => Err(broken(KEPT)),
        }
    }

    /// Every page, in order, with sizes; and from the middle on.
    async fn list_all(&self) -> Result<(), EndpointError> {
        const PROMISE: &str = "a listing shows every object with its size";
        let made = (0..self.extent.listed).map(|number| async move {
            let name = listed_name(number);
            let body = Bytes::from(name.clone());
            self.endpoint.put_new(&self.key(&name), &body).await
        });
        futures::stream::iter(made)
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?;
        let mut expected: Vec<String> = self.names().map(|name| self.key(&name)).collect();
        expected.sort();
        let folder = probe_folder(self.name);
        let listed = self.endpoint.list(&folder).await?;
        let sizes_are_right = listed.iter().all(|object| match object.key.rsplit_once('/') {
            Some((_, BODY_NAME)) => object.size == BODY as u64,
            Some((_, name)) if name.starts_with(LISTED) => object.size == name.len() as u64,
            _ => true,
        });
        let is_all = listed.iter().map(|object| &object.key).eq(&expected);
        if !is_all || !sizes_are_right {
            return Err(broken(PROMISE));
        }
        let middle = expected.len() / 2;
        let after = self.endpoint.list_after(&folder, Some(&expected[middle]), 3).await?;
        let rest = &expected[middle + 1..];
        match after.iter().map(|object| &object.key).eq(&rest[..rest.len().min(3)]) {
            true => Ok(()),
            false => Err(broken("a listing can begin after a name")),
        }
    }

    /// What is not there is said not to be there, which is another answer than "you may not know".
    async fn miss(&self) -> Result<(), EndpointError> {
        match self.endpoint.get(&self.key(MISSING_NAME)).await {
            Err(EndpointError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(broken("an object that nobody wrote is not there")),
        }
    }

    /// A name is free again once its object was deleted. A credential need not have the right to delete, nor does a
    /// store have to let anybody: then there is nothing to see.
    async fn delete_then_create(&self) -> Result<(), EndpointError> {
        let name = race_name(0);
        let key = self.key(&name);
        if self
            .endpoint
            .delete(&Disposable::of_probe(self.name, &name))
            .await
            .is_err()
        {
            return Ok(());
        }
        match self.endpoint.get(&key).await {
            Err(EndpointError::NotFound { .. }) => {}
            Err(error) => return Err(error),
            Ok(_) => return Err(broken("an object that was deleted is gone")),
        }
        let anew = Bytes::from_static(b"anew");
        self.endpoint.put_new(&key, &anew).await?;
        match self.endpoint.get(&key).await {
            Ok(there) if there == anew => Ok(()),
            Ok(_) | Err(EndpointError::NotFound { .. }) => {
                Err(broken("an object that was deleted can be created anew"))
            }
            Err(error) => Err(error),
        }
    }
}

fn race_name(number: usize) -> String {
    format!("race-{number}")
}

/// What the names of further objects begin with.
const LISTED: &str = "listed-";

fn listed_name(number: usize) -> String {
    format!("{LISTED}{number}")
}

fn broken(which: &'static str) -> EndpointError {
    EndpointError::BrokenPromise { which }
}
