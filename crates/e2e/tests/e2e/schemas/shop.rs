//! What customers, the warehouse and the accountants of a shop do in a day.

use super::app::{App, Unit};
use super::{Draw, Statement};

pub const APP: App = App {
    name: "shop",
    sql: include_str!("shop.sql"),
    stretched: &[
        ("orders", "invoice IS NOT NULL AND placed < '2024-12-01 00:00+00'"),
        ("order_line", "orders < 950"),
        ("payment", "received < '2024-12-01'"),
        ("shipment", "arrived < '2024-12-01'"),
        ("price_change", "day < '2025-01-01'"),
        ("product", "discontinued < '2024-06-01'"),
        ("review", "at < '2024-09-01'"),
        ("customer", "last_seen < '2024-01-01'"),
    ],
    looser: ("payment", "received < '2025-02-01'"),
    units: &[
        refresh,
        catalogue,
        search,
        account,
        turnover,
        best_sellers,
        basket,
        put,
        take_out,
        order,
        pay,
        refund,
        ship,
        arrive,
        give_back,
        cancel,
        price,
        stock_take,
        reserve,
        pick,
        review,
        register,
        delete_customer,
        vouchers,
        invoices,
        delete_product,
        retention,
        export,
        import,
        through_view,
        addresses,
        loyal,
    ],
};

fn customer(d: &mut Draw) -> u32 {
    1 + d.below(305)
}

fn product(d: &mut Draw) -> u32 {
    1 + d.below(225)
}

fn order_id(d: &mut Draw) -> u32 {
    1 + d.below(1110)
}

fn catalogue(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT p.id, p.name, p.gross, sum(s.pieces), avg(r.stars), count(DISTINCT r.customer) FROM product p
            LEFT JOIN stock s ON s.product = p.id LEFT JOIN review r ON r.product = p.id
         WHERE p.category IN (SELECT id FROM category WHERE path @> ARRAY[{}]) GROUP BY p.id ORDER BY p.gross, p.id
             LIMIT 12",
        1 + d.below(4)
    );
    Statement::new("catalogue", text).ordered().into()
}

fn refresh(d: &mut Draw) -> Unit {
    let how = d.pick(&["", "CONCURRENTLY "]);
    Unit::all(vec![
        Statement::new("refresh", format!("REFRESH MATERIALIZED VIEW {how}sold")),
        Statement::new(
            "refresh",
            "SELECT s.*, p.sku FROM sold s JOIN product p ON p.id = s.product",
        ),
    ])
}

fn search(d: &mut Draw) -> Unit {
    let small = d.below(7);
    let condition = match d.below(5) {
        0 => format!("attributes @> '{{\"size\": {small}}}'"),
        1 => format!("gross BETWEEN {small}0 AND {small}9.99"),
        2 => format!("sku LIKE 'SKU{small}%' AND discontinued IS NOT NULL"),
        3 => format!("attributes ->> 'colour' = 'red' AND category = {small}"),
        _ => "discontinued IS NULL AND tax < 0.1".to_owned(),
    };
    Statement::new(
        "search",
        format!("SELECT sku, name, net, gross, pictures FROM product WHERE {condition}"),
    )
    .into()
}

fn account(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT o.id, o.state, o.placed, o.total, s.carrier, s.arrived, sum(p.amount), array_agg(DISTINCT l.product)
         FROM orders o JOIN customer c ON c.id = o.customer LEFT JOIN shipment s ON s.orders = o.id
            LEFT JOIN payment p ON p.orders = o.id LEFT JOIN order_line l ON l.orders = o.id
         WHERE lower(c.email) = 'customer{}@example.org' GROUP BY o.id, s.orders ORDER BY o.placed DESC, o.id",
        customer(d)
    );
    Statement::new("account", text).ordered().into()
}

fn turnover(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => "SELECT * FROM turnover ORDER BY month, category".to_owned(),
        1 => format!(
            "SELECT extract(year FROM placed) AS year, state, count(*), sum(total), percentile_disc(0.5) WITHIN
                GROUP (ORDER BY total)
             FROM orders WHERE placed >= '2023-{:02}-01' GROUP BY GROUPING SETS ((1, 2), (1), ()) ORDER BY 1, 2, 3",
            1 + d.below(12)
        ),
        _ => "SELECT o.id, o.total - sum(p.amount) AS missing FROM orders o JOIN payment p ON p.orders = o.id
              GROUP BY o.id HAVING o.total <> sum(p.amount) ORDER BY o.id"
            .to_owned(),
    };
    Statement::new("turnover", text).ordered().into()
}

fn best_sellers(d: &mut Draw) -> Unit {
    let text = format!(
        "SELECT * FROM (SELECT p.category, p.id, sum(l.pieces) AS sold, row_number() OVER (PARTITION BY p.category
            ORDER BY sum(l.pieces) DESC, p.id) AS place FROM order_line l JOIN product p ON p.id = l.product
            JOIN orders o ON o.id = l.orders AND o.placed > '202{}-06-01' GROUP BY p.id) s WHERE place <= 3",
        2 + d.below(3)
    );
    Statement::new("best sellers", text).into()
}

fn basket(d: &mut Draw) -> Unit {
    let text = format!(
        "INSERT INTO orders (customer, note) VALUES ({}, 'new') ON CONFLICT (customer) WHERE state = 'basket'
         DO UPDATE SET note = orders.note || '+' RETURNING customer, state, note",
        customer(d)
    );
    Statement::new("basket", text).into()
}

fn put(d: &mut Draw) -> Unit {
    let order = if d.percent(60) {
        order_id(d).to_string()
    } else {
        "(SELECT max(id) FROM basket)".to_owned()
    };
    let text = format!(
        "INSERT INTO order_line (orders, line, product, pieces, price) SELECT {order}, {}, id, 2, net FROM product
            WHERE id = {}
         ON CONFLICT (orders, line) DO UPDATE SET pieces = order_line.pieces + excluded.pieces RETURNING *",
        1 + d.below(4),
        product(d)
    );
    Statement::new("put", text).into()
}

fn take_out(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "DELETE FROM order_line WHERE orders = {} AND line > 1 RETURNING *",
            order_id(d)
        ),
        _ => format!(
            "UPDATE order_line SET pieces = pieces + 1 WHERE product = {} RETURNING orders, worth",
            product(d)
        ),
    };
    Statement::new("take out", text).into()
}

/// A basket becomes an order, if it pays for what is there.
fn order(d: &mut Draw) -> Unit {
    let (customer, product) = (customer(d), product(d));
    Unit::all(vec![
        Statement::new(
            "order",
            format!(
                "INSERT INTO orders (customer) VALUES ({customer}) ON CONFLICT (customer) WHERE state = 'basket'
                DO NOTHING"
            ),
        ),
        Statement::new(
            "order",
            format!("SELECT id, net, discontinued FROM product WHERE id = {product} FOR SHARE"),
        ),
        Statement::new(
            "order",
            format!(
                "UPDATE stock SET pieces = pieces - 1 WHERE product = {product} AND place =
            'north'"
            ),
        ),
        Statement::new(
            "order",
            format!(
                "UPDATE orders SET state = 'placed', placed = clock(), ship_to = (SELECT id FROM address
                WHERE customer = {customer} AND standard) WHERE customer = {customer} AND state = 'basket' RETURNING
                    customer, ship_to"
            ),
        ),
    ])
}

fn pay(d: &mut Draw) -> Unit {
    let id = order_id(d);
    Unit::all(vec![
        Statement::new(
            "pay",
            format!(
                "INSERT INTO payment SELECT md5('p' || id)::uuid, id, total, clock()::date FROM orders WHERE id = {id}
                 ON CONFLICT (id) DO NOTHING RETURNING orders, amount"
            ),
        ),
        Statement::new(
            "pay",
            format!("UPDATE orders SET state = 'paid' WHERE id = {id} AND state = 'placed' RETURNING id"),
        ),
    ])
}

fn refund(d: &mut Draw) -> Unit {
    let id = order_id(d);
    Unit::all(vec![
        Statement::new(
            "refund",
            format!("SELECT id, state, total FROM orders WHERE id = {id} FOR UPDATE"),
        ),
        Statement::new(
            "refund",
            format!(
                "INSERT INTO payment SELECT md5('r' || orders)::uuid, orders, -amount, clock()::date, id FROM payment
                 WHERE orders = {id} AND amount > 0 RETURNING orders, amount, refund_of"
            ),
        ),
        Statement::new(
            "refund",
            format!("UPDATE orders SET state = 'returned' WHERE id = {id}"),
        ),
    ])
}

fn ship(d: &mut Draw) -> Unit {
    let text = format!(
        "WITH out AS (UPDATE orders SET state = 'shipped' WHERE id IN (SELECT id FROM orders WHERE state = 'paid'
            ORDER BY placed DESC, id LIMIT {} FOR UPDATE SKIP LOCKED) RETURNING id)
         INSERT INTO shipment SELECT id, 'carrier1', 'n' || id, clock()::date FROM out
         ON CONFLICT (orders) DO UPDATE SET code = excluded.code, arrived = NULL RETURNING orders, code",
        1 + d.below(5)
    );
    Statement::new("ship", text).into()
}

fn arrive(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "UPDATE shipment SET arrived = left_on + 2 WHERE arrived IS NULL AND orders % 5 = {} RETURNING *",
            d.below(5)
        ),
        _ => format!(
            "UPDATE shipment SET arrived = NULL WHERE orders = {} RETURNING *",
            order_id(d)
        ),
    };
    Statement::new("arrive", text).into()
}

fn give_back(d: &mut Draw) -> Unit {
    let id = order_id(d);
    Unit::all(vec![
        Statement::new(
            "give back",
            format!(
                "UPDATE orders SET state = 'returned', note = 'broken' WHERE id = {id}
            RETURNING total"
            ),
        ),
        Statement::new(
            "give back",
            format!(
                "INSERT INTO stock SELECT product, 'returns', sum(pieces), clock() FROM order_line WHERE orders =
                    {id} GROUP BY product
                 ON CONFLICT (product, place) DO UPDATE SET pieces = stock.pieces + excluded.pieces"
            ),
        ),
    ])
}

fn cancel(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "UPDATE orders SET state = 'cancelled', voucher = NULL WHERE customer = {} RETURNING id",
            customer(d)
        ),
        _ => format!(
            "DELETE FROM orders WHERE id = {} AND state IN ('basket', 'cancelled') RETURNING id, total",
            order_id(d)
        ),
    };
    Statement::new("cancel", text).into()
}

fn price(d: &mut Draw) -> Unit {
    let text = match d.below(3) {
        0 => format!(
            "UPDATE product SET net = net * 1.1 WHERE category = {} RETURNING id, net, gross",
            1 + d.below(12)
        ),
        1 => format!(
            "UPDATE product SET net = net - {} WHERE id = {} RETURNING gross",
            d.below(40),
            product(d)
        ),
        _ => format!(
            "UPDATE product SET tax = 0.16, discontinued = date '2024-05-05' WHERE attributes @> '{{\"size\": {}}}'",
            d.below(7)
        ),
    };
    Statement::new("price", text).into()
}

fn stock_take(d: &mut Draw) -> Unit {
    let text = format!(
        "MERGE INTO stock t USING (SELECT id, 'south' AS place, id % 9 AS n FROM product WHERE category = {}) s
            ON (t.product, t.place) = (s.id, s.place)
         WHEN MATCHED AND s.n = 0 THEN DELETE
         WHEN MATCHED AND t.pieces <> s.n THEN UPDATE SET pieces = s.n, counted = clock()
         WHEN NOT MATCHED AND s.n > 0 THEN INSERT VALUES (s.id, s.place, s.n, clock())",
        1 + d.below(12)
    );
    Statement::new("stock-taking", text).into()
}

fn reserve(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE stock s SET pieces = s.pieces - l.pieces FROM order_line l WHERE l.orders = {} AND s.product =
            l.product
         AND s.place = 'north' RETURNING s.product, s.pieces",
        order_id(d)
    );
    Statement::new("reserve", text).into()
}

/// Two people pack.
fn pick(d: &mut Draw) -> Unit {
    let take = |count: u32| {
        Statement::new(
            "pack",
            format!(
                "SELECT o.id, l.line FROM orders o JOIN order_line l ON l.orders = o.id WHERE o.state IN ('paid',
                    'placed')
                 ORDER BY o.id DESC, l.line LIMIT {count} FOR UPDATE OF o SKIP LOCKED"
            ),
        )
        .ordered()
    };
    let (mine, others) = (take(1 + d.below(6)), take(1 + d.below(6)));
    let again = format!(
        "SELECT id FROM orders WHERE id IN ({}, 1099) FOR SHARE NOWAIT",
        order_id(d)
    );
    Unit::all(vec![mine, Statement::new("pack", again)]).beside(
        vec![others],
        vec![Statement::new(
            "pack",
            "UPDATE orders SET note = 'packed' WHERE id IN (SELECT max(id) FROM orders)",
        )],
    )
}

fn review(d: &mut Draw) -> Unit {
    let text = match d.below(2) {
        0 => format!(
            "INSERT INTO review VALUES ({}, {}, {}, 'again', clock()::date) ON CONFLICT (product, customer)
             DO UPDATE SET stars = excluded.stars, text = coalesce(review.text, '') || excluded.text RETURNING *",
            product(d),
            customer(d),
            1 + d.below(6)
        ),
        _ => format!(
            "SELECT stars, count(*), min(at) FROM review WHERE product BETWEEN {0} AND {0} + 30 GROUP BY stars",
            product(d)
        ),
    };
    Statement::new("review", text).into()
}

fn register(d: &mut Draw) -> Unit {
    let n = if d.percent(50) { d.fresh() } else { customer(d) };
    let text = format!(
        "INSERT INTO customer (email, name, since, last_seen) VALUES ('CUSTOMER{n}@example.org', 'Again',
            clock()::date, clock()::date)
         ON CONFLICT (lower(email)) DO UPDATE SET last_seen = excluded.last_seen RETURNING email, name, since"
    );
    Statement::new("register", text).into()
}

fn delete_customer(d: &mut Draw) -> Unit {
    let id = customer(d);
    Unit::all(vec![
        Statement::new("leave", format!("DELETE FROM review WHERE customer = {id}")),
        Statement::new(
            "leave",
            format!("UPDATE customer SET email = 'gone{id}@example.org', name = NULL WHERE id = {id}"),
        ),
        Statement::new(
            "leave",
            format!("DELETE FROM customer WHERE id = {id} RETURNING id, referred_by"),
        ),
    ])
}

fn vouchers(d: &mut Draw) -> Unit {
    let n = 1 + d.below(60);
    let text = match d.below(3) {
        0 => format!("UPDATE voucher SET code = 'CODE-{n}' WHERE upper(code) = 'CODE{n}' RETURNING code"),
        1 => format!("DELETE FROM voucher WHERE upper(code) = 'CODE{n}'"),
        _ => "SELECT v.code, v.percent, count(o.id) FROM voucher v LEFT JOIN orders o ON o.voucher = v.code
              AND v.valid @> o.placed::date GROUP BY v.code"
            .to_owned(),
    };
    Statement::new("vouchers", text).into()
}

/// Numbers of invoices are exchanged, and checked at the end of a statement or of the transaction.
fn invoices(d: &mut Draw) -> Unit {
    let mode = d.pick(&[
        "SET CONSTRAINTS orders_invoice DEFERRED",
        "SET CONSTRAINTS ALL IMMEDIATE",
    ]);
    let (id, add) = (order_id(d), d.pick(&[1, 1, 20]));
    Unit::all(vec![
        Statement::new("invoices", mode),
        Statement::new(
            "invoices",
            format!("UPDATE orders SET invoice = invoice + {add} WHERE id BETWEEN {id} AND {id} + 4"),
        ),
        Statement::new(
            "invoices",
            format!("UPDATE orders SET invoice = invoice - {add} WHERE id BETWEEN {id} AND {id} + 4"),
        ),
    ])
}

fn delete_product(d: &mut Draw) -> Unit {
    let id = product(d);
    Unit::all(vec![
        Statement::new(
            "give up a product",
            format!("DELETE FROM order_line WHERE product = {id} AND pieces < 3"),
        ),
        Statement::new(
            "give up a product",
            format!("DELETE FROM product WHERE id = {id} RETURNING sku"),
        ),
    ])
}

fn retention(d: &mut Draw) -> Unit {
    let days = d.below(20);
    let text = match d.below(3) {
        0 => format!("DELETE FROM price_change WHERE day < date '2023-01-01' + {days}"),
        1 => format!("DELETE FROM shipment WHERE arrived < date '2023-01-06' + {days} RETURNING orders"),
        _ => format!(
            "WITH old AS (DELETE FROM payment p WHERE p.refund_of IS NOT NULL AND p.received < date '2023-02-01' +
                {days} RETURNING *)
             SELECT orders, sum(amount) FROM old GROUP BY orders"
        ),
    };
    Statement::new("retention", text).into()
}

fn export(d: &mut Draw) -> Unit {
    Statement::copy_out(match d.below(4) {
        0 => "COPY order_line TO STDOUT (FORMAT csv, HEADER)".to_owned(),
        1 => "COPY price_change_2023 TO STDOUT".to_owned(),
        2 => "COPY (SELECT * FROM turnover) TO STDOUT".to_owned(),
        _ => format!(
            "COPY (DELETE FROM review WHERE product = {} RETURNING *) TO STDOUT",
            product(d)
        ),
    })
    .into()
}

fn import(d: &mut Draw) -> Unit {
    let mut lines = String::new();
    for _ in 0..1 + d.below(5) {
        let id = if d.percent(96) { d.fresh() } else { product(d) };
        lines += &format!(
            "{id},NEW{id},{},Imported,{}.50,2022-05-05\n",
            1 + d.below(12),
            d.below(90)
        );
    }
    Statement::copy_in(
        "COPY product (id, sku, category, name, net, discontinued) FROM STDIN (FORMAT csv)",
        lines,
    )
    .into()
}

fn through_view(d: &mut Draw) -> Unit {
    let id = customer(d);
    let text = match d.below(3) {
        0 => format!(
            "UPDATE basket SET note = 'seen', voucher = 'Code{}' WHERE customer = {id} RETURNING *",
            1 + d.below(60)
        ),
        1 => format!("DELETE FROM basket WHERE customer BETWEEN {id} AND {id} + 9"),
        _ => format!("INSERT INTO basket (customer, note) VALUES ({id}, 'by view') RETURNING customer, note"),
    };
    Statement::new("through a view", text).into()
}

fn addresses(d: &mut Draw) -> Unit {
    let id = 1 + d.below(300);
    Unit::all(vec![
        Statement::new(
            "addresses",
            format!("UPDATE address SET standard = false WHERE customer = {id}"),
        ),
        Statement::new(
            "addresses",
            format!(
                "INSERT INTO address (customer, lines, standard) VALUES ({id}, '{{New,Town}}', true) RETURNING
                    standard"
            ),
        ),
    ])
}

fn loyal(d: &mut Draw) -> Unit {
    let text = format!(
        "UPDATE customer c SET last_seen = o.last::date FROM (SELECT customer, max(placed) AS last FROM orders WHERE
            state <> 'cancelled'
            GROUP BY customer HAVING count(*) > 3) o WHERE o.customer = c.id AND c.id % 9 = {} RETURNING c.id,
                c.last_seen",
        d.below(9)
    );
    Statement::new("loyal", text).into()
}
