//! Real and generated data: the flights of New York in 2013, and orders of TPC-H at any size.

use crate::client::Client;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use tpchgen::generators::{LineItemGenerator, OrderGenerator};

/// Rows of the flights.
pub const FLIGHTS: u64 = 336_776;

/// The table of the demo; a flight is known by scheduled hour, carrier and number.
pub const CREATE_FLIGHTS: &str = "CREATE TABLE flights (
    year int NOT NULL, month int NOT NULL, day int NOT NULL,
    dep_time int, sched_dep_time int NOT NULL, dep_delay int,
    arr_time int, sched_arr_time int NOT NULL, arr_delay int,
    carrier text NOT NULL, flight int NOT NULL, tailnum text, origin text NOT NULL, dest text NOT NULL,
    air_time int, distance int NOT NULL, hour int NOT NULL, minute int NOT NULL,
    time_hour timestamptz NOT NULL,
    PRIMARY KEY (time_hour, carrier, flight))";

/// Selects the oldest 90 % of the flights.
pub const FLIGHTS_FILTER: &str = "time_hour < timestamptz '2013-11-25 00:00+00'";

/// Makes the table `flights` and fills it; returns the number of rows. `seen` gets each piece's length
/// in bytes of about 31 MB in all.
pub fn load_flights(client: &Client, mut seen: impl FnMut(u64)) -> u64 {
    client.sql(CREATE_FLIGHTS);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights.csv.xz");
    let mut xz = Command::new("xz")
        .args(["--decompress", "--stdout"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("xz is installed; `cargo xtask prepare` sees to it");
    let out = xz.stdout.take().expect("piped");
    let rows = client.copy_in(
        "COPY flights FROM STDIN (FORMAT csv, HEADER, NULL 'NA')",
        Counted {
            inner: out,
            seen: &mut seen,
        },
    );
    assert!(xz.wait().expect("xz ends").success(), "{} is damaged", file.display());
    client.sql("ANALYZE flights");
    rows
}

struct Counted<'a, R> {
    inner: R,
    seen: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        (self.seen)(length as u64);
        Ok(length)
    }
}

/// Makes and fills `orders` of TPC-H: 1,500,000 rows and about 200 MB of heap per unit of scale.
pub fn load_orders(client: &Client, scale: f64) -> u64 {
    client.sql(
        "CREATE TABLE orders (o_orderkey bigint PRIMARY KEY, o_custkey bigint NOT NULL, o_orderstatus text NOT NULL,
            o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority text NOT NULL,
            o_clerk text NOT NULL, o_shippriority int NOT NULL, o_comment text NOT NULL)",
    );
    let generator = OrderGenerator::new(scale, 1, 1);
    copy_lines(client, "orders", generator.iter().map(|row| row.to_string()))
}

/// Makes and fills `lineitem` of TPC-H: about 6,000,000 rows and 880 MB of heap per unit of scale.
pub fn load_lineitem(client: &Client, scale: f64) -> u64 {
    client.sql(
        "CREATE TABLE lineitem (l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL,
            l_linenumber int NOT NULL, l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL,
            l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, l_returnflag text NOT NULL,
            l_linestatus text NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, \
            l_receiptdate date NOT NULL,
            l_shipinstruct text NOT NULL, l_shipmode text NOT NULL, l_comment text NOT NULL)",
    );
    let generator = LineItemGenerator::new(scale, 1, 1);
    copy_lines(client, "lineitem", generator.iter().map(|row| row.to_string()))
}

/// TPC-H's own text form ends each line with a separator, which COPY would read as one more column.
fn copy_lines(client: &Client, table: &str, lines: impl Iterator<Item = String>) -> u64 {
    let rows = client.copy_in(
        &format!("COPY {table} FROM STDIN (DELIMITER '|')"),
        Lines {
            lines,
            pending: Vec::new(),
            at: 0,
        },
    );
    client.sql(&format!("ANALYZE {table}"));
    rows
}

struct Lines<I> {
    lines: I,
    pending: Vec<u8>,
    at: usize,
}

impl<I: Iterator<Item = String>> Read for Lines<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.pending.len() {
            self.pending.clear();
            self.at = 0;
            for line in self.lines.by_ref().take(500) {
                self.pending.extend_from_slice(line.trim_end_matches('|').as_bytes());
                self.pending.push(b'\n');
            }
        }
        let length = buffer.len().min(self.pending.len() - self.at);
        buffer[..length].copy_from_slice(&self.pending[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
