//! What the extension believes of its own catalog is what the install script makes.

use stretch_core::columns::{ALL, tombstone};
use testkit::Cluster;

#[test]
fn columns_have_the_numbers_that_they_are_read_by() {
    let cluster = Cluster::builder("catalog-columns").start();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch");
    for column in ALL {
        let (table, name) = (column.table, column.name);
        let number = db.int(&format!(
            "SELECT coalesce(max(attnum), 0)::bigint FROM pg_attribute
              WHERE attrelid = 'stretch.{table}'::regclass AND attname = '{name}' AND NOT attisdropped"
        ));
        assert_eq!(number, i64::from(column.number), "stretch.{table}.{name}");
    }
    let width = db.int("SELECT relnatts::bigint FROM pg_class WHERE oid = 'stretch.tombstone'::regclass");
    assert_eq!(
        width,
        tombstone::ALL.len() as i64,
        "tombstones are written with all their columns"
    );
}
