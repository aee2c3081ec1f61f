//! The requests of a store, counted: any of them can be chosen to go wrong.

use super::errors::{cut, refused};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, GetResult, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt, PutOptions, PutPayload,
    PutResult, Result,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Objects that a store lists at once, unless a test says otherwise.
const PAGE: usize = 1000;

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It never reaches the store.
    Refused,
    /// The store does what it was asked, and the reply is lost.
    ReplyLost,
    /// The connection breaks in the middle of the body: nothing is created, half an object or half a page is read.
    Cut,
    /// As `Cut`, but a store that promises less keeps the part of a new object that arrived.
    Torn,
    /// It is never answered. It may be carried out much later: [`FaultyStore::land`].
    Stalled,
}

impl Mishap {
    /// Those that can happen on a store that keeps its promises.
    pub const ALL: [Self; 4] = [Self::Refused, Self::ReplyLost, Self::Cut, Self::Stalled];
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Verb {
    Put,
    Get,
    Head,
    Delete,
    /// A page of a listing.
    List,
}

/// A request that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub verb: Verb,
    /// The object or folder, with the prefix.
    pub path: String,
}

/// A stalled request that changes something.
#[derive(Debug)]
enum Late {
    Put(Path, PutPayload, PutOptions),
    Delete(Path),
}

#[derive(Debug)]
struct Book {
    made: Vec<Request>,
    mishaps: BTreeMap<usize, Mishap>,
    late: Vec<Late>,
    page: usize,
}

/// The requests of one store so far, and what is to happen to those that come.
#[derive(Debug)]
pub(super) struct Requests {
    book: Mutex<Book>,
    stalled: Notify,
}

impl Default for Requests {
    fn default() -> Self {
        let book = Book {
            made: Vec::new(),
            mishaps: BTreeMap::new(),
            late: Vec::new(),
            page: PAGE,
        };
        Self {
            book: Mutex::new(book),
            stalled: Notify::new(),
        }
    }
}

impl Requests {
    /// Those so far.
    pub(super) fn made(&self) -> Vec<Request> {
        self.book().made.clone()
    }

    pub(super) fn disturb(&self, number: usize, mishap: Mishap) {
        self.book().mishaps.insert(number, mishap);
    }

    /// Chosen ones that have not come.
    pub(super) fn to_come(&self) -> usize {
        self.book().mishaps.len()
    }

    pub(super) fn set_page(&self, page: usize) {
        self.book().page = page.max(1);
    }

    pub(super) async fn stalled(&self) {
        self.stalled.notified().await;
    }

    /// Carries out what stalled; nobody hears what becomes of it.
    pub(super) async fn land(&self, inner: &dyn ObjectStore) {
        let late = std::mem::take(&mut self.book().late);
        for request in late {
            match request {
                Late::Put(path, payload, options) => {
                    let _ = inner.put_opts(&path, payload, options).await;
                }
                Late::Delete(path) => {
                    let _ = inner.delete(&path).await;
                }
            }
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, and says what is to happen to it.
    fn enter(&self, verb: Verb, path: &Path) -> Option<Mishap> {
        let mut book = self.book();
        let number = book.made.len();
        book.made.push(Request {
            verb,
            path: path.to_string(),
        });
        book.mishaps.remove(&number)
    }

    /// Never answers.
    async fn stall<T>(&self, late: Option<Late>) -> T {
        self.book().late.extend(late);
        self.stalled.notify_one();
        futures::future::pending().await
    }

    pub(super) async fn put(
        &self,
        inner: &dyn ObjectStore,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Option<Result<PutResult>> {
        Some(match self.enter(Verb::Put, path)? {
            Mishap::Refused | Mishap::Cut => Err(refused()),
            Mishap::ReplyLost => inner.put_opts(path, payload, options).await.and(Err(cut())),
            Mishap::Torn => {
                let whole = Bytes::from(payload);
                let part = whole.slice(..whole.len() / 2);
                inner.put_opts(path, part.into(), options).await.and(Err(cut()))
            }
            Mishap::Stalled => self.stall(Some(Late::Put(path.clone(), payload, options))).await,
        })
    }

    pub(super) async fn get(
        &self,
        inner: &dyn ObjectStore,
        path: &Path,
        options: GetOptions,
    ) -> Option<Result<GetResult>> {
        let verb = if options.head { Verb::Head } else { Verb::Get };
        let mishap = self.enter(verb, path)?;
        if mishap == Mishap::Stalled {
            return self.stall(None).await;
        }
        if options.head || mishap == Mishap::Refused {
            return Some(Err(refused()));
        }
        Some(match inner.get_opts(path, options).await {
            Ok(result) if mishap != Mishap::ReplyLost => Ok(in_the_middle(result)),
            result => result.and(Err(cut())),
        })
    }

    /// Whether the deletion goes on to the store, and what its caller hears afterwards.
    pub(super) async fn delete(&self, path: &Path) -> Result<Option<object_store::Error>> {
        match self.enter(Verb::Delete, path) {
            None => Ok(None),
            Some(Mishap::Refused | Mishap::Cut | Mishap::Torn) => Err(refused()),
            Some(Mishap::ReplyLost) => Ok(Some(cut())),
            Some(Mishap::Stalled) => self.stall(Some(Late::Delete(path.clone()))).await,
        }
    }

    /// A listing in pages.
    pub(super) fn list(
        self: Arc<Self>,
        inner: BoxStream<'static, Result<ObjectMeta>>,
        folder: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let page = self.book().page;
        let pages = Pages {
            page,
            requests: self,
            inner,
            folder: folder.cloned().unwrap_or_default(),
            given: 0,
            breaks_at: None,
            is_over: false,
        };
        futures::stream::unfold(pages, Pages::next).boxed()
    }
}

/// A listing under way.
struct Pages {
    requests: Arc<Requests>,
    inner: BoxStream<'static, Result<ObjectMeta>>,
    folder: Path,
    page: usize,
    given: usize,
    breaks_at: Option<usize>,
    is_over: bool,
}

impl Pages {
    async fn next(mut self) -> Option<(Result<ObjectMeta>, Self)> {
        if self.is_over {
            return None;
        }
        let item = match self.given {
            // The first page is asked for, whatever it holds.
            0 => None,
            _ => Some(self.inner.next().await?),
        };
        if self.given.is_multiple_of(self.page) {
            match self.requests.enter(Verb::List, &self.folder) {
                None => {}
                Some(Mishap::Stalled) => return self.requests.stall(None).await,
                Some(Mishap::Cut | Mishap::Torn) => self.breaks_at = Some(self.given + self.page / 2),
                Some(Mishap::Refused | Mishap::ReplyLost) => return self.end(refused()),
            }
        }
        if self.breaks_at == Some(self.given) {
            return self.end(cut());
        }
        let item = match item {
            Some(item) => Some(item),
            None => self.inner.next().await,
        };
        match (item, self.breaks_at) {
            (Some(item), _) => {
                self.given += 1;
                Some((item, self))
            }
            // The page was shorter than that, and its end did not arrive either.
            (None, Some(_)) => self.end(cut()),
            (None, None) => None,
        }
    }

    fn end(mut self, error: object_store::Error) -> Option<(Result<ObjectMeta>, Self)> {
        self.is_over = true;
        Some((Err(error), self))
    }
}

/// The connection breaks when half of the body has arrived.
fn in_the_middle(result: GetResult) -> GetResult {
    let GetResult {
        meta,
        range,
        attributes,
        extensions,
        payload,
    } = result;
    let whole = GetResult {
        payload,
        meta: meta.clone(),
        range: range.clone(),
        attributes: attributes.clone(),
        extensions: Default::default(),
    };
    let body = async move {
        let bytes = whole.bytes().await?;
        Ok::<_, object_store::Error>(bytes.slice(..bytes.len() / 2))
    };
    let body = futures::stream::once(body).chain(futures::stream::iter([Err(cut())]));
    GetResult {
        payload: GetResultPayload::Stream(body.boxed()),
        meta,
        range,
        attributes,
        extensions,
    }
}
