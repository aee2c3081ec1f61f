"""What Django's object mapper does with rows that are cold, hot or new."""

import datetime
import decimal
import uuid

import django
from django.conf import settings

import twin
from twin import attempt, beside, say, scenario


def database(**options):
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": twin.SOCKET,
        "USER": "postgres",
        "NAME": "postgres",
        "OPTIONS": {"options": twin.OPTIONS, **options},
    }


settings.configure(
    DATABASES={"default": database(), "other": database(), "binding": database(server_side_binding=True)},
    INSTALLED_APPS=["shop"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

# pylint: disable=wrong-import-position
from django.db import IntegrityError, connection, connections, models, transaction
from django.db.models import Avg, Case, Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, Sum, Value, When, Window
from django.db.models.functions import Lag, Lower, TruncMonth
from shop.models import Customer, Event, Label, Line, Order, Payment, Product, Shipment

COLD, HOT, NEW = 7, 450, 9999
ALL = (COLD, HOT, NEW)
DAY = datetime.date(2024, 1, 1)

administrator = twin.Administrator(
    {
        "shop_order": "state = 'done'",
        "shop_line": "order_id <= 400",
        "shop_customer": "NOT active",
        "shop_payment": "settled",
        "shop_shipment": "arrived",
        "shop_event": "id <= 1200",
        "shop_order_labels": "order_id <= 400",
        "shop_product": "stock < 15",
    }
)


def make():
    with connection.schema_editor() as editor:
        for model in (Customer, Product, Label, Order, Line, Payment, Shipment, Event):
            editor.create_model(model)
        editor.execute("ALTER TABLE shop_shipment ADD FOREIGN KEY (order_id) REFERENCES shop_order ON DELETE CASCADE")
    Customer.objects.bulk_create(
        Customer(email=f"c{n}@example.org", name=f"Name {n}", active=n > 70, notes={"n": n % 5}, tags=[f"t{n % 4}"],
                 invited_by_id=n // 5 or None)
        for n in range(1, 101)
    )
    Product.objects.bulk_create(Product(sku=f"p{n}", price=n, stock=n % 20) for n in range(1, 31))
    Label.objects.bulk_create(Label(name=f"label {n}") for n in range(1, 9))
    Order.objects.bulk_create(
        Order(number=f"n{n}", customer_id=1 + n % 100, state="done" if n <= 400 else "open", total=n,
              placed=DAY + datetime.timedelta(days=n % 300), replaces_id=n // 7 or None)
        for n in range(1, 501)
    )
    Line.objects.bulk_create(
        Line(order_id=n, product_id=1 + (n + k) % 30, number=k, pieces=1 + n % 5) for n in range(1, 501) for k in (1, 2)
    )
    Payment.objects.bulk_create(
        Payment(id=uuid.UUID(int=n), order_id=n, amount=n, settled=n <= 380) for n in range(1, 501, 2)
    )
    Shipment.objects.bulk_create(Shipment(order_id=n, carrier=f"by {n % 3}", arrived=n < 390) for n in range(1, 501, 3))
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    Event.objects.bulk_create(
        Event(kind=f"kind {n % 4}", at=start + datetime.timedelta(hours=n), payload={"n": n % 7} if n % 3 else None)
        for n in range(1, 1501)
    )
    Order.labels.through.objects.bulk_create(
        Order.labels.through(order_id=n, label_id=1 + n % 8) for n in range(1, 501)
    )


def orders(**conditions):
    fields = ("id", "number", "state", "total", "version", "customer_id")
    return list(Order.objects.filter(**conditions).order_by("id").values_list(*fields))


@scenario
def update_or_create():
    for n in ALL:
        for total in (11, 12):
            order, created = Order.objects.update_or_create(
                number=f"n{n}",
                defaults={"total": total, "version": F("version") + 1} if n != NEW else {"total": total},
                create_defaults={"total": 1, "customer_id": 5, "placed": DAY},
            )
            order.refresh_from_db()
            say(f"order {n}", (created, order.total, order.version))
    attempt("of a customer", lambda: Customer.objects.get(pk=5).orders.update_or_create(
        number=f"n{COLD + 4}", defaults={"customer_id": 6, "placed": DAY})[1])


@scenario
def get_or_create():
    for n in ALL:
        customer, created = Customer.objects.get_or_create(email=f"c{n % 101}@example.org", defaults={"name": f"Got {n}"})
        say(f"customer {n}", (created, customer.name, customer.tags))
    # Another key is taken, by a cold row and by a hot one.
    for name in ("NAME 9", "name 91"):
        attempt(name, lambda: Customer.objects.get_or_create(email=f"{name[-2:]}@x.org", defaults={"name": name}))
    attempt("by the name", lambda: Customer.objects.annotate(low=Lower("name")).get(low="name 9").pk)


@scenario
def locks_that_do_not_wait():
    others = Order.objects.using("other")
    for options in ({}, {"no_key": True}, {"of": ("self",)}):
        with transaction.atomic():
            rows = Order.objects.select_related("customer").select_for_update(**{"of": ("self",), **options})
            say(f"locked {options}", [row.pk for row in rows.filter(pk__in=(COLD, 8, HOT)).order_by("pk")])
            with transaction.atomic(using="other"):
                left = others.filter(pk__in=(COLD, 8, 9, HOT, HOT + 1)).order_by("pk")
                say("left", [row.pk for row in left.select_for_update(skip_locked=True)])
                # What refers to a row that is locked without its key may come and go.
                if "no_key" in options:
                    attempt("a line", lambda: Line.objects.using("other").create(
                        order_id=COLD, product_id=1, number=7, pieces=1).number)
            for pk in (COLD, 9, HOT, HOT + 1):
                def nowait(pk=pk):
                    with transaction.atomic(using="other"):
                        return others.select_for_update(nowait=True).get(pk=pk).number
                attempt(f"nowait {pk}", nowait)
            with transaction.atomic(using="other"):
                customers = Customer.objects.using("other").select_for_update(skip_locked=True, of=("self",))
                say("customers", [row.pk for row in customers.filter(orders__in=(COLD, HOT)).order_by("pk")])


@scenario
def locks_that_wait():
    for first in (COLD, HOT):
        for pk, commits in ((first, True), (first + 1, False)):
            def change(pk=pk):
                try:
                    return Order.objects.using("other").filter(pk=pk, version__lt=50).update(version=F("version") + 10)
                finally:
                    connections["other"].close()

            transaction.set_autocommit(False)
            order = Order.objects.select_for_update().get(pk=pk)
            end = beside(change)
            administrator.wait_for_a_waiter()
            order.version += 100
            order.save()
            transaction.commit() if commits else transaction.rollback()
            transaction.set_autocommit(True)
            say(f"waited for {pk}, commits {commits}", (end(), orders(pk=pk)))


@scenario
def queue():
    for taken in range(3):
        with transaction.atomic(), transaction.atomic(using="other"):
            mine = Order.objects.select_for_update(skip_locked=True).filter(state="done").order_by("placed", "pk")[:4]
            say("mine", [row.pk for row in mine])
            others = Order.objects.using("other").select_for_update(skip_locked=True).filter(state="done")
            say("theirs", [row.pk for row in others.order_by("placed", "pk")[: 3 + taken]])
            Order.objects.filter(pk__in=[row.pk for row in mine]).update(state="taken")


@scenario
def bulk_create_with_updates():
    made = Order.objects.bulk_create(
        [Order(number=f"n{n}", customer_id=9, total=n % 50, placed=DAY, state="done") for n in range(390, 411)]
        + [Order(number=f"new {n}", customer_id=9, placed=DAY) for n in range(5)],
        update_conflicts=True, unique_fields=["number"], update_fields=["total", "state", "customer"],
    )
    say("made", sorted(row.pk for row in made if row.pk <= 500))
    say("orders", orders(customer_id=9))
    Line.objects.bulk_create(
        [Line(order_id=n, product_id=2, number=1 + n % 3, pieces=n) for n in range(395, 406)],
        update_conflicts=True, unique_fields=["order", "number"], update_fields=["pieces"],
    )
    say("lines", sorted(Line.objects.filter(order__gte=395, order__lte=405).values_list("order_id", "number", "pieces")))
    attempt("twice", lambda: Order.objects.bulk_create(
        [Order(number="n3", customer_id=3, placed=DAY), Order(number="n3", customer_id=4, placed=DAY)],
        update_conflicts=True, unique_fields=["number"], update_fields=["customer"]))


@scenario
def bulk_create_without_conflicts():
    Customer.objects.bulk_create(
        [Customer(email=f"c{n}@example.org", name=f"Other {n}") for n in range(60, 110)], ignore_conflicts=True)
    # By the key that is an expression.
    Customer.objects.bulk_create(
        [Customer(email=f"d{n}@example.org", name=f"NAME {n}") for n in range(60, 105)], ignore_conflicts=True)
    say("customers", sorted(Customer.objects.filter(pk__gt=100).values_list("email", "name")))
    attempt("with conflicts", lambda: Customer.objects.bulk_create(
        [Customer(email="fresh@example.org", name="Fresh"), Customer(email="c8@example.org", name="Taken")]))
    say("fresh", Customer.objects.filter(email="fresh@example.org").count())


@scenario
def bulk_update():
    rows = list(Order.objects.filter(pk__range=(380, 420)).order_by("pk"))
    for row in rows:
        row.total += row.pk
        row.state = "open" if row.pk % 3 else "done"
    say("updated", Order.objects.bulk_update(rows, ["total", "state"], batch_size=15))
    say("orders", orders(pk__range=(380, 420)))
    rows = list(Customer.objects.filter(pk__in=range(60, 80)).order_by("pk"))
    for row in rows:
        row.notes = {"bulk": row.pk}
        row.tags = row.tags + ["bulk"]
        row.score = F("score") + row.pk
    say("updated", Customer.objects.bulk_update(rows, ["notes", "tags", "score"]))
    say("customers", sorted(Customer.objects.filter(tags__contains=["bulk"]).values_list("pk", "score", "notes__bulk")))


@scenario
def updates_by_expressions():
    done = Order.objects.filter(state="done", pk__lte=40)
    say("plus", done.update(total=F("total") + 1, version=F("version") * 2))
    say("by the case", Order.objects.filter(pk__in=(1, 2, 401, 402)).update(
        total=Case(When(state="done", then=F("total") * 2), default=Value(decimal.Decimal("5.5")))))
    pieces = Line.objects.filter(order=OuterRef("pk")).values("order").annotate(n=Sum("pieces")).values("n")
    say("by a subquery", Order.objects.filter(pk__lte=30).update(total=Subquery(pieces)))
    say("through a relation", Order.objects.filter(customer__active=False, labels__name="label 3").update(version=50))
    say("json", Customer.objects.filter(notes__n=3).update(score=77))
    say("product", Product.objects.filter(stock__lt=3).update(price=F("price") + 1))
    say("products", sorted(Product.objects.values_list("pk", "worth")))
    say("orders", orders(pk__lte=60))
    attempt("check", lambda: done.update(total=-1))
    attempt("key", lambda: Order.objects.filter(pk=COLD).update(number="n8"))


@scenario
def optimistic_versions():
    for pk in (COLD, HOT):
        first, second = Order.objects.get(pk=pk), Order.objects.get(pk=pk)
        for row in (first, second):
            changed = Order.objects.filter(pk=pk, version=row.version).update(version=row.version + 1, state="open")
            say(f"changed {pk}", changed)


@scenario
def saves():
    for pk in (COLD, HOT):
        order = Order.objects.get(pk=pk)
        order.total = F("total") + 5
        order.save(update_fields=["total"])
        order.refresh_from_db()
        say("total", order.total)
        order.state = "open"
        order.save()
        with transaction.atomic():
            order.refresh_from_db(from_queryset=Order.objects.select_for_update())
        say("state", (order.state, order.total))
        attempt("again", lambda: order.save(force_insert=True))
        copy = Order.objects.get(pk=pk)
        copy.pk, copy.number = None, f"copy of {pk}"
        copy.save()
        say("copied", orders(number=copy.number))
        Payment.objects.filter(order=order).delete()
        order.delete()
        attempt("gone", lambda: Order(pk=pk, number=f"n{pk}", customer_id=1, placed=DAY).save(force_update=True))
        Order(pk=pk, number=f"n{pk}", customer_id=1, placed=DAY, state="done").save()
        say("back", orders(pk=pk))
    attempt("unique", lambda: Order(number="n12", customer_id=1, placed=DAY).validate_unique())
    attempt("constraints", lambda: Customer(email="x@x.org", name="NAME 12").validate_constraints())


@scenario
def deletes():
    # The collector looks for what refers to them, and deletes it itself.
    for pk in (20, 21, 91):
        say(f"customer {pk}", Customer.objects.get(pk=pk).delete())
    say("orders", Order.objects.filter(pk__in=(120, 440)).delete())
    say("invited", sorted(Customer.objects.filter(invited_by=None).values_list("pk", flat=True)))
    say("replaced", Order.objects.filter(replaces=None).count())
    attempt("protected", lambda: Product.objects.get(pk=4).delete())
    # The database does it.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM shop_payment WHERE order_id IN (31, 430)")
        cursor.execute("DELETE FROM shop_line WHERE order_id IN (31, 430)")
        cursor.execute("DELETE FROM shop_order_labels WHERE order_id IN (31, 430)")
        cursor.execute("UPDATE shop_order SET replaces_id = NULL WHERE replaces_id IN (31, 430)")
        cursor.execute("DELETE FROM shop_order WHERE id IN (31, 430)")
        say("by the database", cursor.rowcount)
    say("shipments", sorted(Shipment.objects.values_list("order_id", flat=True)))
    say("events", Event.objects.filter(kind="kind 2", at__lt="2024-01-20T00:00Z").delete())
    say("nothing", Order.objects.filter(pk=NEW * 2).delete())


@scenario
def savepoints():
    with transaction.atomic():
        Order.objects.filter(pk=40).update(version=100)
        try:
            with transaction.atomic():
                Order.objects.filter(pk=41).update(version=100)
                Order.objects.create(number="n42", customer_id=1, placed=DAY)
        except IntegrityError as error:
            say("within", twin.sqlstate(error))
        Order.objects.filter(pk=43).update(version=100)
        with transaction.atomic():
            Order.objects.filter(pk=44).delete()
            transaction.set_rollback(True)
    say("orders", orders(pk__range=(40, 44)))
    try:
        with transaction.atomic():
            Line.objects.filter(order_id=45).delete()
            raise KeyError("undone")
    except KeyError:
        say("lines", Line.objects.filter(order_id=45).count())


@scenario
def deferred_keys():
    def early():
        with transaction.atomic():
            Line.objects.create(order_id=70_000, product_id=1, number=1, pieces=1)
            Order.objects.create(pk=70_000, number="late", customer_id=2, placed=DAY, state="done")
    attempt("a line before its order", early)

    def late():
        with transaction.atomic():
            Order.objects.filter(pk=60).update(customer_id=123_456)
    attempt("a customer who never comes", late)

    def gone():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM shop_order WHERE id = 62")
    attempt("an order with lines", gone)
    say("orders", orders(pk__in=(60, 62, 70_000)))


@scenario
def server_side_cursors():
    for chunk in (7, 200):
        seen = []
        for number, event in enumerate(Event.objects.order_by("pk").iterator(chunk_size=chunk)):
            seen.append(event.pk)
            if number == 500:
                # Rows go and come under the cursor.
                Event.objects.filter(pk__in=(900, 1400)).update(kind="seen")
                administrator.settle()
        say("held", (len(seen), seen == sorted(seen), seen[-1]))
    with transaction.atomic():
        read = Order.objects.filter(state="done").prefetch_related("lines", "labels").order_by("pk")
        total = 0
        for order in read.iterator(chunk_size=50):
            total += sum(line.pieces for line in order.lines.all()) + len(order.labels.all())
            if order.pk % 100 == 0:
                order.version = 7
                order.save()
        say("in a transaction", total)
    say("values", sum(1 for _ in Event.objects.using("binding").values_list("payload__n").iterator(chunk_size=33)))


@scenario
def aggregates():
    say("all", Order.objects.aggregate(Sum("total"), Avg("version"), Max("placed"), n=Count("customer", distinct=True)))
    say("by state", list(Order.objects.values("state").annotate(n=Count("pk"), t=Sum("total")).order_by("state")))
    say("by month", list(Order.objects.annotate(m=TruncMonth("placed")).values("m").annotate(n=Count("lines")).order_by("m")))
    say("customers", list(Customer.objects.annotate(
        n=Count("orders", filter=Q(orders__state="done")), t=Sum("orders__total")).filter(n__gt=3)
        .order_by("pk").values_list("pk", "n", "t")))
    previous = Window(Lag("total"), partition_by="customer", order_by="pk")
    say("window", list(Order.objects.annotate(p=previous).filter(pk__range=(90, 230)).order_by("pk").values_list("pk", "p")))
    say("exists", list(Customer.objects.filter(Exists(Order.objects.filter(customer=OuterRef("pk"), total__gt=420)))
        .order_by("pk").values_list("pk", flat=True)))
    say("union", sorted(Order.objects.filter(pk__lt=5).values_list("pk").union(
        Order.objects.filter(pk__range=(3, 8)).values_list("pk"))))
    say("difference", sorted(Order.objects.filter(pk__range=(395, 405)).values_list("pk").difference(
        Order.objects.filter(state="done").values_list("pk"))))
    say("in bulk", sorted(Order.objects.in_bulk(["n1", "n77", "n470"], field_name="number")))
    say("distinct on", list(Order.objects.order_by("customer", "-placed", "pk").distinct("customer").values_list("pk")[:20]))
    say("json", Event.objects.filter(payload__n=3).count())
    say("json keys", Event.objects.filter(payload__has_key="n", kind="kind 1").exclude(payload__n__gt=4).count())
    say("dates", list(Order.objects.dates("placed", "month")))
    say("first and last", (Order.objects.earliest("placed", "pk").pk, Order.objects.latest("placed", "pk").pk))


@scenario
def joins():
    related = Line.objects.select_related("order__customer__invited_by", "product").order_by("pk")
    say("select_related", [
        (line.pk, line.order.number, line.order.customer.email, line.product.sku)
        for line in related.filter(order__total__range=(390, 412))])
    lines = Prefetch("lines", Line.objects.filter(pieces__gt=2).order_by("number"), to_attr="many")
    for customer in Customer.objects.prefetch_related("orders__labels", Prefetch("orders", to_attr="all_orders")).filter(
            pk__in=(3, 8, 88)).order_by("pk"):
        say(customer.email, sorted(order.number for order in customer.all_orders))
    say("prefetch", [(order.pk, [line.number for line in order.many], [label.name for label in order.labels.all()])
        for order in Order.objects.prefetch_related(lines, "labels").filter(pk__range=(396, 404)).order_by("pk")])
    say("one to one", sorted((order.pk, order.payment.amount) for order in
        Order.objects.select_related("payment").filter(payment__settled=True, pk__lt=30)))
    say("excluded", Order.objects.exclude(lines__pieces__gt=2).exclude(labels__name="label 1").count())


@scenario
def many_to_many():
    for pk in (COLD, HOT):
        order = Order.objects.get(pk=pk)
        order.labels.add(1, 2, 1 + pk % 8)
        say("added", sorted(order.labels.values_list("pk", flat=True)))
        order.labels.set([2, 5])
        say("set", sorted(order.labels.values_list("pk", flat=True)))
        order.labels.remove(2)
        order.labels.create(name=f"own {pk}")
        say("own", sorted(order.labels.values_list("name", flat=True)))
        order.labels.clear()
        say("cleared", order.labels.count())
    say("by the label", Label.objects.get(pk=4).order_set.filter(state="done").count())


@scenario
def parameters_bound_by_the_server():
    using = Order.objects.using("binding")
    for n in (*ALL, 8, 9, 10, 11):
        order, created = using.update_or_create(
            number=f"n{n}", defaults={"version": 3}, create_defaults={"customer_id": 4, "placed": DAY})
        say(f"order {n}", (created, order.state))
        say("filtered", using.filter(pk=n, state="done", placed__gte=DAY).count())
    say("updated", using.filter(customer__active=False, total__lt=200).update(total=F("total") + 1))
    say("orders", orders(version=3))
    say("deleted", Line.objects.using("binding").filter(order__in=(50, 51, 460)).delete())


@scenario
def migrations():
    def field(kind, name, **options):
        made = kind(**options)
        made.set_attributes_from_name(name)
        made.model = Order
        return made

    def own(name):
        return Order._meta.get_field(name)

    # What makes all rows anew is refused as long as there are cold rows.
    changes = ("a wider field",)
    steps = {
        "a field that may be null": lambda e: e.add_field(Order, field(models.TextField, "a", null=True)),
        "a field with a default": lambda e: e.add_field(Order, field(models.IntegerField, "b", db_default=7)),
        "a longer field": lambda e: e.alter_field(Order, own("state"), field(models.CharField, "state", max_length=90)),
        "a wider field": lambda e: e.alter_field(Order, own("version"), field(models.BigIntegerField, "version")),
        "a field that may be null now": lambda e: e.alter_field(
            Order, own("version"), field(models.IntegerField, "version", null=True)),
        "another name": lambda e: e.alter_field(Order, own("version"), field(models.IntegerField, "revision")),
        "no field": lambda e: e.remove_field(Order, own("version")),
        "an index": lambda e: e.add_index(Order, models.Index(fields=["placed"], name="order_placed")),
        "a partial index": lambda e: e.add_index(Order, models.Index(
            fields=["total"], condition=Q(state="open"), name="order_open")),
        "a unique constraint": lambda e: e.add_constraint(Order, models.UniqueConstraint(
            fields=["placed", "number"], name="order_once")),
        "a unique constraint that is broken": lambda e: e.add_constraint(Order, models.UniqueConstraint(
            fields=["placed"], name="order_day")),
        "a check": lambda e: e.add_constraint(Order, models.CheckConstraint(
            condition=Q(version__gte=0), name="order_version")),
        "a check that is broken": lambda e: e.add_constraint(Order, models.CheckConstraint(
            condition=Q(total__gt=100), name="order_big")),
        "no unique constraint": lambda e: e.remove_constraint(Order, Order._meta.constraints[0]),
        "no check": lambda e: e.remove_constraint(Order, Order._meta.constraints[1]),
        "another table name": lambda e: e.alter_db_table(Order, "shop_order", "shop_orders"),
        "no table": lambda e: e.delete_model(Shipment),
    }
    for what, step in steps.items():
        def migrate(step=step):
            with transaction.atomic():
                with connection.schema_editor(atomic=False) as editor:
                    step(editor)
                transaction.set_rollback(True)
            return "done"
        attempt(what, migrate, refused=what in changes)
    # The way round: the rows come home, the table changes, and they become cold again.
    if twin.STRETCHED:
        administrator.bring_back("shop_order")
    with connection.schema_editor() as editor:
        editor.add_field(Order, field(models.IntegerField, "rank", db_default=7))
    if twin.STRETCHED:
        administrator.stretch("shop_order")
        administrator.settle()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shop_order SET rank = id WHERE id IN (3, 470)")
        cursor.execute("SELECT rank, count(*), sum(id) FROM shop_order GROUP BY rank ORDER BY rank")
        say("ranks", cursor.fetchall())


make()
twin.run(administrator)
