//! A connection for plain, synchronous test code: simple and extended protocol, notices, COPY, cancel.

use crate::os;
use futures::{SinkExt, StreamExt};
use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Config, NoTls, Row, SimpleQueryMessage};

/// What the server said when a statement failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// Five characters; "08000" when the connection is gone without a word.
    pub code: String,
    pub message: String,
    pub detail: String,
    pub hint: String,
    /// Where it happened: functions and nested statements.
    pub context: String,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        for (label, text) in [("DETAIL", &self.detail), ("HINT", &self.hint)] {
            if !text.is_empty() {
                write!(f, "\n  {label}: {text}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for SqlError {}

impl From<tokio_postgres::Error> for SqlError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => SqlError {
                code: db.code().code().to_owned(),
                message: db.message().to_owned(),
                detail: db.detail().unwrap_or_default().to_owned(),
                hint: db.hint().unwrap_or_default().to_owned(),
                context: db.where_().unwrap_or_default().to_owned(),
            },
            None => SqlError {
                code: "08000".to_owned(),
                message: error.to_string(),
                detail: String::new(),
                hint: String::new(),
                context: String::new(),
            },
        }
    }
}

/// A NOTICE or WARNING that came on a connection.
#[derive(Debug, Clone)]
pub struct Notice {
    pub severity: String,
    pub code: String,
    pub message: String,
    pub detail: String,
    pub hint: String,
}

/// Rows as text, NULL as `None`.
pub type Rows = Vec<Vec<Option<String>>>;

/// One connection. It may be moved to another thread, and closes when dropped.
pub struct Client {
    runtime: Runtime,
    inner: tokio_postgres::Client,
    notices: Arc<Mutex<Vec<Notice>>>,
    pid: i32,
}

/// Cancels the running statement of the client it came from; usable from any thread.
#[derive(Clone)]
pub struct Canceller(tokio_postgres::CancelToken);

impl Canceller {
    /// Asks the server to cancel, as Ctrl-C in psql does.
    pub fn cancel(&self) {
        runtime()
            .block_on(self.0.cancel_query(NoTls))
            .expect("a cancel request can be sent");
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made")
}

impl Client {
    /// Connects; the error is the server's.
    pub fn try_connect(config: &Config) -> Result<Client, SqlError> {
        let runtime = runtime();
        let (inner, mut connection) = runtime.block_on(config.connect(NoTls))?;
        let notices = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&notices);
        runtime.spawn(async move {
            let mut messages = futures::stream::poll_fn(move |cx| connection.poll_message(cx));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notice(notice) = message {
                    sink.lock().expect("no panic while held").push(Notice {
                        severity: notice.severity().to_owned(),
                        code: notice.code().code().to_owned(),
                        message: notice.message().to_owned(),
                        detail: notice.detail().unwrap_or_default().to_owned(),
                        hint: notice.hint().unwrap_or_default().to_owned(),
                    });
                }
            }
        });
        let mut client = Client {
            runtime,
            inner,
            notices,
            pid: 0,
        };
        client.pid = client
            .try_text("SELECT pg_backend_pid()")?
            .and_then(|pid| pid.parse().ok())
            .unwrap_or_default();
        Ok(client)
    }

    /// Process id of the backend.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Runs statements by the simple protocol; panics when one fails.
    #[track_caller]
    pub fn sql(&self, sql: &str) {
        must(sql, self.try_sql(sql));
    }

    /// Runs statements by the simple protocol.
    pub fn try_sql(&self, sql: &str) -> Result<(), SqlError> {
        Ok(self.runtime.block_on(self.inner.batch_execute(sql))?)
    }

    /// Expects failure with this SQLSTATE, by the simple protocol, and returns what was said.
    #[track_caller]
    pub fn fails(&self, sql: &str, code: &str) -> SqlError {
        match self.try_rows(sql) {
            Ok(rows) => panic!("expected {code}, but it worked ({} rows): {sql}", rows.len()),
            Err(error) => {
                assert_eq!(error.code, code, "expected {code} of: {sql}\ngot {error}");
                error
            }
        }
    }

    /// All rows as text, by the simple protocol.
    pub fn try_rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        let messages = self.runtime.block_on(self.inner.simple_query(sql))?;
        Ok(messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect()),
                _ => None,
            })
            .collect())
    }

    /// All rows as text, and how many rows the last command tag counts, by the simple protocol.
    pub fn try_counted(&self, sql: &str) -> Result<(Rows, u64), SqlError> {
        let messages = self.runtime.block_on(self.inner.simple_query(sql))?;
        let (mut rows, mut count) = (Vec::new(), 0);
        for message in &messages {
            match message {
                SimpleQueryMessage::Row(row) => {
                    rows.push((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect());
                }
                SimpleQueryMessage::CommandComplete(tagged) => count = *tagged,
                _ => {}
            }
        }
        Ok((rows, count))
    }

    /// As [`Client::try_rows`]; panics on failure.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        must(sql, self.try_rows(sql))
    }

    /// One line per row as `psql -At` prints them: columns between `|`, NULL as nothing.
    #[track_caller]
    pub fn lines(&self, sql: &str) -> Vec<String> {
        let join = |row: Vec<Option<String>>| {
            let cells: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
            cells.join("|")
        };
        self.rows(sql).into_iter().map(join).collect()
    }

    /// The first column of the first row; `None` for NULL or no row.
    pub fn try_text(&self, sql: &str) -> Result<Option<String>, SqlError> {
        let first = self.try_rows(sql)?.into_iter().next();
        Ok(first.and_then(|row| row.into_iter().next().flatten()))
    }

    /// The first column of the first row; panics when that is NULL, nothing or an error.
    #[track_caller]
    pub fn text(&self, sql: &str) -> String {
        match must(sql, self.try_text(sql)) {
            Some(text) => text,
            None => panic!("no value from: {sql}"),
        }
    }

    /// As [`Client::text`], for a number.
    #[track_caller]
    pub fn int(&self, sql: &str) -> i64 {
        let text = self.text(sql);
        text.parse()
            .unwrap_or_else(|_| panic!("{text:?} is no number, from: {sql}"))
    }

    /// As [`Client::text`], for a boolean.
    #[track_caller]
    pub fn bool(&self, sql: &str) -> bool {
        self.text(sql) == "t"
    }

    /// The same by the extended protocol, with parameters and binary results.
    pub fn extended(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, SqlError> {
        Ok(self.runtime.block_on(self.inner.query(sql, params))?)
    }

    /// A statement to be run often with [`Client::execute_prepared`], to see plans already in use.
    pub fn prepare(&self, sql: &str) -> Result<tokio_postgres::Statement, SqlError> {
        Ok(self.runtime.block_on(self.inner.prepare(sql))?)
    }

    /// Runs a prepared statement.
    pub fn execute_prepared(
        &self,
        statement: &tokio_postgres::Statement,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SqlError> {
        Ok(self.runtime.block_on(self.inner.query(statement, params))?)
    }

    /// Feeds a `COPY … FROM STDIN`; returns the number of rows.
    #[track_caller]
    pub fn copy_in(&self, sql: &str, from: impl Read) -> u64 {
        must(sql, self.try_copy_in(sql, from))
    }

    /// COPY … FROM STDIN, which may fail.
    pub fn try_copy_in(&self, sql: &str, mut from: impl Read) -> Result<u64, SqlError> {
        self.runtime.block_on(async {
            let sink = self.inner.copy_in::<_, std::io::Cursor<Vec<u8>>>(sql).await?;
            let mut sink = std::pin::pin!(sink);
            loop {
                let mut piece = Vec::with_capacity(1 << 18);
                (&mut from)
                    .take(1 << 18)
                    .read_to_end(&mut piece)
                    .expect("the source can be read");
                if piece.is_empty() {
                    break;
                }
                sink.send(std::io::Cursor::new(piece)).await?;
            }
            Ok(sink.finish().await?)
        })
    }

    /// All bytes of a `COPY … TO STDOUT`.
    #[track_caller]
    pub fn copy_out(&self, sql: &str) -> Vec<u8> {
        must(sql, self.try_copy_out(sql))
    }

    /// COPY … TO STDOUT, which may fail.
    pub fn try_copy_out(&self, sql: &str) -> Result<Vec<u8>, SqlError> {
        self.runtime.block_on(async {
            let stream = self.inner.copy_out(sql).await?;
            let mut stream = std::pin::pin!(stream);
            let mut all = Vec::new();
            while let Some(piece) = stream.next().await {
                all.extend_from_slice(&piece?);
            }
            Ok(all)
        })
    }

    /// Notices since the last call.
    pub fn notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().expect("no panic while held"))
    }

    /// To cancel from another thread.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.inner.cancel_token())
    }

    /// Rows and md5 over the text of all rows of a query, in the order in which it returns them.
    #[track_caller]
    pub fn md5_of(&self, query: &str) -> String {
        self.lines(&format!(
            "SELECT count(*), md5(coalesce(string_agg(md5(q::text), ''), '')) FROM ({query}) q"
        ))
        .remove(0)
    }
}

#[track_caller]
fn must<T>(sql: &str, result: Result<T, SqlError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}\n  of: {}", os::tail(sql, 30)),
    }
}
