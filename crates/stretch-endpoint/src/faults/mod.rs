//! A store that fails or lies on demand, for tests of this and other crates.
//!
//! Wrap any store, plan faults, and hand the wrapper to [`crate::Endpoint::from_store`]. Each planned fault hits
//! operations whose key contains a text, a given number of times; [`FaultyStore::hits`] tells how often faults hit,
//! so that a test can prove that it tested something. The store also counts its requests, and the n-th of them can be
//! made to go wrong ([`FaultyStore::disturb`]).

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod errors;
mod requests;

use errors::{cut, refused};
use requests::Requests;
pub use requests::{Mishap, Request, Verb};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A put fails before anything is written: connection refused.
    PutFails,
    /// A put succeeds, its caller is told that the connection broke.
    PutReplyLost,
    /// A put succeeds, and its client's own repetition is told that the object exists.
    PutRepeated,
    /// A put is confirmed and forgotten.
    PutForgotten,
    /// A put writes all but the last byte and confirms.
    PutTorn,
    /// A create-if-absent overwrites and says "created".
    CreateOverwrites,
    /// A create-if-absent says "created" and keeps what was there.
    CreatePretends,
    /// A get fails: connection refused.
    GetFails,
    /// A get has one bit wrong.
    GetCorrupt,
    /// A get lacks its last byte.
    GetShort,
    /// A get does not find what is there.
    GetMissing,
    /// A deletion fails: connection refused.
    DeleteFails,
    /// A deletion is confirmed and forgotten.
    DeletePretends,
    /// Neither puts nor gets nor deletions nor listings (of a folder whose name fits) ever answer.
    Hang,
    /// A listing leaves the object out.
    ListHides,
    /// A listing shows the object with one byte too few.
    ListWrongSize,
}

#[derive(Debug)]
struct Planned {
    fault: Fault,
    key_contains: String,
    times: usize,
}

/// The wrapper; share it in an `Arc` to plan faults while it is in use.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Mutex<Vec<Planned>>>,
    /// What goes behind a listing: a part of the folder's name, and one of the keys.
    going: Mutex<Vec<(String, String)>>,
    hits: Arc<AtomicUsize>,
    requests: Arc<Requests>,
}

impl FaultyStore {
    /// Without faults at first.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            plan: Arc::default(),
            going: Mutex::default(),
            hits: Arc::default(),
            requests: Arc::default(),
        })
    }

    /// Over a new in-memory store.
    pub fn in_memory() -> Arc<Self> {
        Self::new(Arc::new(object_store::memory::InMemory::new()))
    }

    /// The next `times` fitting operations on keys containing `key_contains` suffer `fault`.
    pub fn plan(&self, fault: Fault, key_contains: &str, times: usize) {
        self.lock().push(Planned {
            fault,
            key_contains: key_contains.to_owned(),
            times,
        });
    }

    /// Behind the next listing of a folder whose name contains `folder`, objects whose keys contain `key` are gone:
    /// somebody deletes them while the client goes on.
    pub fn plan_deletion(&self, folder: &str, key: &str) {
        let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        going.push((folder.to_owned(), key.to_owned()));
    }

    /// No more faults.
    pub fn heal(&self) {
        self.lock().clear();
    }

    /// How often a fault hit so far.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.made()
    }

    /// Request number `number` goes wrong, counted from 0 over the life of this store.
    pub fn disturb(&self, number: usize, mishap: Mishap) {
        self.requests.disturb(number, mishap);
    }

    /// How many of the chosen requests have not come.
    pub fn undisturbed(&self) -> usize {
        self.requests.to_come()
    }

    /// Lists `page` objects at once.
    pub fn set_page(&self, page: usize) {
        self.requests.set_page(page);
    }

    /// Returns when a request stalls.
    pub async fn stalled(&self) {
        self.requests.stalled().await;
    }

    /// The stalled requests reach the store at last; nobody hears what became of them.
    pub async fn land(&self) {
        self.requests.land(&self.inner).await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Planned>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which keys go behind a listing of this folder.
    fn take_going(&self, folder: Option<&Path>) -> Option<String> {
        let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |(part, _): &(String, String)| folder.is_some_and(|folder| folder.as_ref().contains(part));
        let place = going.iter().position(fits)?;
        self.hits.fetch_add(1, Ordering::SeqCst);
        Some(going.remove(place).1)
    }

    /// Takes the first planned fault of `kinds` for this key.
    fn take(&self, key: &Path, kinds: &[Fault]) -> Option<Fault> {
        take(&self.plan, &self.hits, key, kinds)
    }
}

fn take(plan: &Mutex<Vec<Planned>>, hits: &AtomicUsize, key: &Path, kinds: &[Fault]) -> Option<Fault> {
    let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
    let found = plan.iter_mut().find(|planned| {
        planned.times > 0 && kinds.contains(&planned.fault) && key.as_ref().contains(&planned.key_contains)
    })?;
    found.times -= 1;
    hits.fetch_add(1, Ordering::SeqCst);
    Some(found.fault)
}

/// An honest listing of a folder, before whose end the objects with such keys are deleted wherever they are.
fn listed_then_gone(
    store: Arc<dyn ObjectStore>,
    folder: Option<Path>,
    key: String,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let listed = async move {
        let listed: Vec<_> = store.list(folder.as_ref()).collect().await;
        let everything: Vec<_> = store.list(None).collect().await;
        for object in everything.into_iter().flatten() {
            if object.location.as_ref().contains(&key) {
                store.delete(&object.location).await?;
            }
        }
        Ok::<_, Error>(listed)
    };
    let listed = futures::stream::once(listed);
    let listed = listed.map(|listed| listed.unwrap_or_else(|error| vec![Err(error)]));
    listed.flat_map(futures::stream::iter).boxed()
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty({})", self.inner)
    }
}

fn made() -> PutResult {
    PutResult {
        e_tag: Some("\"made\"".into()),
        version: None,
        extensions: Default::default(),
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let creates = options.mode == PutMode::Create;
        let mut kinds = vec![
            Fault::PutFails,
            Fault::PutReplyLost,
            Fault::PutRepeated,
            Fault::PutForgotten,
            Fault::PutTorn,
            Fault::Hang,
        ];
        if creates {
            kinds.extend([Fault::CreateOverwrites, Fault::CreatePretends]);
        }
        let fault = self.take(location, &kinds);
        if let Some(disturbed) = self
            .requests
            .put(&self.inner, location, payload.clone(), options.clone())
            .await
        {
            return disturbed;
        }
        match fault {
            None => self.inner.put_opts(location, payload, options).await,
            Some(Fault::PutReplyLost) => {
                self.inner.put_opts(location, payload, options).await?;
                Err(cut())
            }
            Some(Fault::PutRepeated) => {
                let again = options.clone();
                self.inner.put_opts(location, payload.clone(), options).await?;
                self.inner.put_opts(location, payload, again).await
            }
            Some(Fault::PutForgotten) => Ok(made()),
            Some(Fault::PutTorn) => {
                let whole = Bytes::from(payload);
                let torn = whole.slice(..whole.len().saturating_sub(1));
                self.inner.put_opts(location, torn.into(), options).await
            }
            Some(Fault::CreateOverwrites) => {
                let overwrite = PutOptions {
                    mode: PutMode::Overwrite,
                    ..options
                };
                self.inner.put_opts(location, payload, overwrite).await
            }
            Some(Fault::CreatePretends) => match self.inner.put_opts(location, payload, options).await {
                Err(Error::AlreadyExists { .. }) => Ok(made()),
                other => other,
            },
            Some(Fault::Hang) => futures::future::pending().await,
            Some(_) => Err(refused()),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let kinds: &[Fault] = if options.head {
            &[Fault::GetFails, Fault::GetMissing, Fault::Hang]
        } else {
            &[
                Fault::GetFails,
                Fault::GetCorrupt,
                Fault::GetShort,
                Fault::GetMissing,
                Fault::Hang,
            ]
        };
        if let Some(disturbed) = self.requests.get(&self.inner, location, options.clone()).await {
            return disturbed;
        }
        match self.take(location, kinds) {
            None => self.inner.get_opts(location, options).await,
            Some(Fault::Hang) => futures::future::pending().await,
            Some(Fault::GetMissing) => Err(Error::NotFound {
                path: location.to_string(),
                source: "hidden".into(),
            }),
            Some(fault @ (Fault::GetCorrupt | Fault::GetShort)) => {
                let result = self.inner.get_opts(location, options).await?;
                let GetResult {
                    meta,
                    range,
                    attributes,
                    extensions,
                    ..
                } = &result;
                let (meta, range) = (meta.clone(), range.clone());
                let (attributes, extensions) = (attributes.clone(), extensions.clone());
                let mut bytes = result.bytes().await?.to_vec();
                if fault == Fault::GetShort {
                    bytes.pop();
                } else if let Some(first) = bytes.first_mut() {
                    *first ^= 1;
                }
                let body = futures::stream::iter([Ok(Bytes::from(bytes))]).boxed();
                Ok(GetResult {
                    payload: GetResultPayload::Stream(body),
                    meta,
                    range,
                    attributes,
                    extensions,
                })
            }
            Some(_) => Err(refused()),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (plan, hits, requests) = (
            Arc::clone(&self.plan),
            Arc::clone(&self.hits),
            Arc::clone(&self.requests),
        );
        let inner = Arc::clone(&self.inner);
        let one = move |location: Result<Path>| {
            let fault = location.as_ref().ok().and_then(|key| {
                let kinds = [Fault::DeleteFails, Fault::DeletePretends, Fault::Hang];
                take(&plan, &hits, key, &kinds)
            });
            let (inner, requests) = (Arc::clone(&inner), Arc::clone(&requests));
            async move {
                let location = location?;
                let afterwards = requests.delete(&location).await?;
                match fault {
                    None => inner.delete(&location).await?,
                    Some(Fault::Hang) => futures::future::pending().await,
                    Some(Fault::DeletePretends) => {}
                    Some(_) => return Err(refused()),
                }
                afterwards.map_or(Ok(location), Err)
            }
        };
        locations.then(one).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if prefix.is_some_and(|folder| self.take(folder, &[Fault::Hang]).is_some()) {
            return futures::stream::pending().boxed();
        }
        if let Some(key) = self.take_going(prefix) {
            return listed_then_gone(Arc::clone(&self.inner), prefix.cloned(), key);
        }
        let mut lies: Vec<(Fault, String, usize)> = Vec::new();
        for planned in self.lock().iter_mut() {
            if matches!(planned.fault, Fault::ListHides | Fault::ListWrongSize) {
                lies.push((planned.fault, planned.key_contains.clone(), planned.times));
            }
        }
        let hits = Arc::clone(&self.hits);
        let honest = Arc::clone(&self.requests).list(self.inner.list(prefix), prefix);
        honest
            .filter_map(move |item| {
                let mut item = item;
                let mut shown = true;
                if let Ok(meta) = &mut item {
                    for (fault, text, times) in &mut lies {
                        if *times > 0 && meta.location.as_ref().contains(text.as_str()) {
                            *times -= 1;
                            hits.fetch_add(1, Ordering::SeqCst);
                            shown &= *fault != Fault::ListHides;
                            meta.size = meta.size.saturating_sub(1);
                        }
                    }
                }
                futures::future::ready(shown.then_some(item))
            })
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
