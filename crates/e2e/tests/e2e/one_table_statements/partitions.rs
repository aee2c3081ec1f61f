//! Leaf partitions that are stretched: pruned, joined, ordered and changed through their parent as any other.

use super::Twins;

const ORDERS: &str = "
    CREATE TABLE orders (id int, day date NOT NULL, n int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE orders_3 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    INSERT INTO orders SELECT g, date '2024-01-01' + g % 1000, g FROM generate_series(1, 3000) g;
    CREATE INDEX ON orders (n)";

#[test]
fn stretched_partitions_are_partitions() {
    let twins = Twins::new(
        "one-partitions",
        ORDERS,
        &[("orders_1", "day < '2024-07-01'"), ("orders_2", "n % 2 = 0")],
    );
    let queries = [
        "SELECT count(*), sum(n) FROM orders",
        "SELECT * FROM orders WHERE day = '2024-03-01'",
        "SELECT id FROM orders WHERE n BETWEEN 100 AND 140",
        "SELECT day, count(*) FROM orders GROUP BY day",
        "SELECT a.id FROM orders a JOIN orders b USING (id, day) WHERE a.n < 500",
        "SELECT min(n), max(n) FROM orders WHERE day > '2024-06-30'",
    ];
    for settings in [
        "SET enable_partitionwise_join = on; SET enable_partitionwise_aggregate = on",
        "SET enable_seqscan = off; SET enable_sort = off",
        "RESET enable_seqscan; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
         SET min_parallel_table_scan_size = 0",
    ] {
        for query in queries {
            twins.works(query);
        }
        twins.works(settings);
    }
    twins.works("PREPARE day (date) AS SELECT count(*) FROM orders WHERE day = $1");
    twins.works("SET plan_cache_mode = force_generic_plan");
    twins.works("EXECUTE day ('2024-02-02')");
    twins.works("EXECUTE day ('2025-02-02')");
    // Rows change, and move between partitions, hot and cold.
    twins.works("UPDATE orders SET n = -n WHERE id BETWEEN 50 AND 60 RETURNING *");
    twins.works("UPDATE orders SET day = day + 366 WHERE id IN (5, 400, 1005) RETURNING *");
    for (table, id, day) in [("orders", 821, "2026-04-01"), ("orders_1", 90, "2024-03-31")] {
        twins.works(&format!(
            "INSERT INTO {table} VALUES ({id}, '{day}', 1) ON CONFLICT (id, day) DO UPDATE SET n = 0 RETURNING *"
        ));
    }
    twins.fails("INSERT INTO orders VALUES (91, '2024-04-01', 1)", "23505");
    twins.works("SELECT * FROM orders");
}
