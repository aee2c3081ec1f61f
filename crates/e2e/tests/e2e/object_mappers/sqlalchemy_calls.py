"""What SQLAlchemy's core and object mapper do with rows that are cold, hot or new."""

import decimal

from sqlalchemy import (
    FetchedValue, ForeignKey, Index, Integer, Numeric, String, UniqueConstraint, bindparam, create_engine, delete, event,
    exists, func, insert, select, text, type_coerce, cast, update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert as upsert
from sqlalchemy.orm import (
    DeclarativeBase, Mapped, Session, aliased, joinedload, mapped_column, relationship, selectinload, subqueryload,
)
from sqlalchemy.types import UserDefinedType

import twin
from twin import attempt, beside, say, scenario

engine = create_engine(
    "postgresql+psycopg://postgres@/postgres", connect_args={"host": twin.SOCKET, "options": twin.OPTIONS})
COLD, HOT, NEW = 7, 450, 9999
ALL = (COLD, HOT, NEW)


class Base(DeclarativeBase):
    pass


class Xid(UserDefinedType):
    """The type of the system column xmin, as text."""

    cache_ok = True

    def get_col_spec(self):
        return "xid"

    def bind_expression(self, bindvalue):
        return cast(type_coerce(bindvalue, String), self)

    def column_expression(self, column):
        return type_coerce(cast(column, String), self)


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    state: Mapped[str] = mapped_column(String(10), default="open")
    balance: Mapped[decimal.Decimal] = mapped_column(Numeric(12, 2), default=0)
    data: Mapped[dict | None] = mapped_column(JSONB)
    tags: Mapped[list | None] = mapped_column(ARRAY(String))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    version: Mapped[int] = mapped_column(nullable=False)
    entries: Mapped[list["Entry"]] = relationship(
        back_populates="account", cascade="all, delete-orphan", order_by="Entry.id")
    notes: Mapped[list["Note"]] = relationship(cascade="all, delete", passive_deletes=True, order_by="Note.id")
    children: Mapped[list["Account"]] = relationship()
    __table_args__ = (Index("account_low", func.lower(code), unique=True, postgresql_where=text("state <> 'void'")),)
    __mapper_args__ = {"version_id_col": version}


class Entry(Base):
    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    number: Mapped[int]
    amount: Mapped[int]
    account: Mapped[Account] = relationship(back_populates="entries")
    __table_args__ = (UniqueConstraint("account_id", "number"),)


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    text: Mapped[str]


class Document(Base):
    """Its version is the transaction that wrote it."""

    __tablename__ = "document"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    xmin: Mapped[str] = mapped_column("xmin", Xid(), system=True, server_default=FetchedValue())
    __mapper_args__ = {"version_id_col": xmin, "version_id_generator": False}


administrator = twin.Administrator(
    {"account": "state = 'done'", "entry": "account_id <= 400", "note": "id <= 600", "document": "id <= 300"})


def make():
    Base.metadata.create_all(engine)
    with engine.begin() as db:
        db.execute(insert(Account.__table__), [
            {"id": n, "code": f"a{n}", "state": "done" if n <= 400 else "open", "balance": n, "version": 1,
             "data": {"n": n % 5}, "tags": [f"t{n % 4}"], "parent_id": n // 9 or None} for n in range(1, 501)])
        db.execute(insert(Entry.__table__), [
            {"account_id": 1 + n % 500, "number": n // 500, "amount": n % 37} for n in range(1000)])
        db.execute(insert(Note.__table__), [{"account_id": 1 + n % 500, "text": f"note {n}"} for n in range(750)])
        db.execute(insert(Document.__table__), [{"title": f"title {n}"} for n in range(350)])
        db.execute(text("SELECT setval('account_id_seq', 500)"))


def accounts(*conditions):
    columns = (Account.id, Account.code, Account.state, Account.balance, Account.version)
    with engine.connect() as db:
        return [tuple(row) for row in db.execute(select(*columns).where(*conditions).order_by(Account.id))]


@scenario
def unit_of_work():
    for pk in ALL:
        with Session(engine) as session:
            account = session.get(Account, pk)
            if account is None:
                account = Account(id=pk, code=f"a{pk}", state="done", balance=0)
                session.add(account)
            account.balance += 1
            account.data = {"changed": True}
            account.entries.append(Entry(number=9, amount=5))
            session.flush()
            account.tags = [*(account.tags or ()), "new"]
            session.commit()
            say(f"account {pk}", (account.version, account.balance, account.tags, len(account.entries)))
            with session.begin_nested() as savepoint:
                account.state = "open"
                session.flush()
                savepoint.rollback()
            say("state", (account.state, account.version))
            session.expire(account)
            account.balance = Account.balance + 10
            session.commit()
            session.refresh(account, with_for_update=True)
            say("balance", (account.balance, account.version))
    with Session(engine) as session:
        rows = session.scalars(select(Account).where(Account.id.in_(range(390, 411)))).all()
        for row in rows:
            row.balance += row.id
        session.commit()
        say("many", sorted((row.id, row.balance, row.version) for row in rows))


@scenario
def two_sessions_and_a_version():
    for pk in (COLD, HOT):
        with Session(engine) as first, Session(engine) as second:
            one, two = first.get(Account, pk), second.get(Account, pk)
            one.balance, two.balance = 1, 2
            first.commit()
            attempt(f"stale {pk}", second.commit)
            second.rollback()
            two.balance = 3
            second.commit()
            first.refresh(one)
            first.delete(one.entries[0])
            second.delete(two)
            attempt("entries changed", first.commit)
            second.commit()
            one.state = "void"
            attempt("deleted", first.commit)
    say("accounts", accounts(Account.id.in_((COLD, HOT))))


@scenario
def xmin_as_a_version():
    for pk in (COLD, 320):
        with Session(engine) as first, Session(engine) as second:
            one, two = first.get(Document, pk), second.get(Document, pk)
            one.title = "first"
            first.flush()
            read = one.xmin
            one.title = "once more"
            first.commit()
            say("same transaction, same version", one.xmin == read)
            two.title = "second"
            attempt(f"stale {pk}", second.commit)
            second.rollback()
            two.title = "again"
            second.commit()
            say("title", second.get(Document, pk).title)
            second.delete(two)
            second.commit()
    with Session(engine) as session:
        rows = session.scalars(select(Document).where(Document.id.between(290, 310))).all()
        for row in rows:
            row.title += "!"
        session.commit()
        say("many", sorted(row.title for row in rows))


@scenario
def row_locks():
    options = [{}, {"read": True}, {"key_share": True}, {"read": True, "key_share": True}]
    for held in options:
        with engine.begin() as holder:
            holder.execute(select(Account.id).where(Account.id.in_((COLD, 8, HOT))).with_for_update(**held))
            for wanted in options:
                with engine.begin() as other:
                    free = select(Account.id).where(Account.id.in_((COLD, 8, 9, HOT, HOT + 1))).order_by(Account.id)
                    rows = other.scalars(free.with_for_update(skip_locked=True, **wanted)).all()
                    say(f"{held} {wanted}", rows)
                for pk in (COLD, 9, HOT):
                    def nowait(pk=pk, wanted=wanted):
                        with engine.begin() as other:
                            query = select(Account.code).where(Account.id == pk).with_for_update(nowait=True, **wanted)
                            return other.scalar(query)
                    attempt(f"nowait {pk}", nowait)
    with engine.begin() as holder:
        of = select(Account.id, Entry.number).join(Entry).where(Account.id.in_((COLD, HOT))).with_for_update(of=Entry)
        say("of entries", sorted(map(tuple, holder.execute(of))))
        with engine.begin() as other:
            free = select(Account.id).where(Account.id.in_((COLD, HOT))).order_by(Account.id)
            say("accounts", other.scalars(free.with_for_update(skip_locked=True)).all())
            say("entries", other.scalars(
                select(Entry.id).where(Entry.account_id.in_((COLD, HOT))).with_for_update(skip_locked=True)).all())


@scenario
def locks_that_wait():
    for pk in (12, HOT + 2):
        for ends in ("commit", "rollback"):
            def change(pk=pk):
                with engine.begin() as other:
                    change = update(Account.__table__).where(Account.id == pk).values(balance=Account.balance + 100)
                    return other.scalar(change.returning(Account.balance))

            with Session(engine) as session:
                account = session.get(Account, pk, with_for_update=True)
                end = beside(change)
                administrator.wait_for_a_waiter()
                account.balance += 1
                session.flush()
                getattr(session, ends)()
            say(f"waited for {pk}, {ends}", (end(), accounts(Account.id == pk)))


@scenario
def on_conflict_do_update():
    rows = [{"id": n, "code": f"a{n}", "state": "done", "balance": 5, "version": 1} for n in (3, 4, 399, 401, 402, 80_000, 80_001)]
    put = upsert(Account.__table__).values(rows)
    with engine.begin() as db:
        excluded = put.excluded
        say("by the key", sorted(map(tuple, db.execute(put.on_conflict_do_update(
            index_elements=[Account.id], set_={"balance": Account.balance + excluded.balance, "state": excluded.state},
        ).returning(Account.id, Account.balance)))))
        say("by a constraint", sorted(map(tuple, db.execute(put.on_conflict_do_update(
            constraint="account_code_key", set_={"balance": 0}, where=Account.id < 400,
        ).returning(Account.id, Account.balance)))))
        one = upsert(Account.__table__).values(id=90_000, code="A11", state="done", version=1, balance=1)
        say("by an expression", db.execute(one.on_conflict_do_update(
            index_elements=[func.lower(Account.code)], index_where=text("state <> 'void'"),
            set_={"tags": ["met"]}).returning(Account.id, Account.tags)).all())
    with Session(engine) as session:
        put = upsert(Account).values(rows[:4])
        made = session.scalars(put.on_conflict_do_update(index_elements=["id"], set_={"data": {"by": "orm"}})
                               .returning(Account), execution_options={"populate_existing": True})
        say("as objects", sorted((row.id, row.data["by"]) for row in made))
        session.commit()
    say("accounts", accounts(Account.id.in_([3, 4, 11, 399, 401, 402, 80_000, 80_001, 90_000])))


@scenario
def on_conflict_do_nothing():
    rows = [{"id": n + 50_000, "code": f"a{n}", "state": "done", "version": 1, "balance": 0} for n in (5, 6, 403, 2000, 2001)]
    with engine.begin() as db:
        nothing = upsert(Account.__table__).on_conflict_do_nothing().returning(Account.id)
        say("any key", sorted(db.scalars(nothing, rows)))
        nothing = upsert(Entry.__table__).on_conflict_do_nothing(index_elements=["account_id", "number"])
        done = db.execute(nothing.values([{"account_id": n, "number": n % 3, "amount": 1} for n in (20, 21, 22, 420, 421)]))
        say("entries", done.rowcount)
    attempt("without", lambda: accounts() and engine.connect().execute(insert(Account.__table__), rows[:1]))


@scenario
def inserts_with_returning():
    with Session(engine) as session:
        made = session.scalars(
            insert(Account).returning(Account, sort_by_parameter_order=True),
            [{"code": f"many {n}", "state": "done", "balance": n, "version": 1} for n in range(1300)])
        made = made.all()
        say("in order", [row.balance for row in made] == list(range(1300)))
        session.commit()
    administrator.settle()
    with Session(engine) as session:
        session.add_all(Entry(account_id=n, number=70 + n % 3, amount=n) for n in range(13, 440))
        session.flush()
        say("entries", session.scalar(select(func.count()).where(Entry.number >= 70)))
        session.rollback()
        attempt("one of many is taken", lambda: session.execute(
            insert(Account), [{"code": f"many {n}", "version": 1} for n in (2000, 2001, 77, 2002)]))
        session.rollback()
        gone = session.scalars(delete(Account).where(Account.code.like("many 1%")).returning(Account.balance))
        say("gone", sum(gone))
        session.commit()
        copied = insert(Account.__table__).from_select(
            ["code", "state", "balance", "version"],
            select("copy " + Account.code, Account.state, Account.balance, Account.version).where(Account.id < 30)
            .order_by(Account.id))
        say("copied", session.execute(copied.returning(Account.code)).all()[:3])
        session.commit()


@scenario
def bulk_updates():
    with Session(engine) as session:
        # By the primary key, one statement with many sets of parameters.
        session.execute(update(Entry), [{"id": n, "amount": 1000 + n} for n in range(380, 420)])
        session.commit()
        say("entries", session.execute(select(Entry.id, Entry.amount).where(Entry.amount > 1000).order_by(Entry.id)).all())
        changed = session.execute(
            update(Account).where(Account.data["n"].as_integer() == 2, Account.id < 420).values(
                balance=Account.balance * 2, tags=func.array_append(Account.tags, "bulk")),
            execution_options={"synchronize_session": "fetch"})
        say("changed", changed.rowcount)
        session.commit()
        with engine.begin() as db:
            table = Account.__table__
            db.execute(update(table).where(table.c.id == bindparam("pk")).values(state=bindparam("new")),
                       [{"pk": n, "new": "open" if n % 2 else "done"} for n in range(395, 406)])
        rows = session.execute(
            update(Account).where(Account.id == Entry.account_id, Entry.number == 1, Entry.amount.between(3, 5))
            .values(data={"joined": True}).returning(Account.id)).scalars()
        say("joined", sorted(set(rows)))
        session.commit()
    say("accounts", accounts(Account.id.between(380, 420)))
    # An object for each, with its version in the condition.
    with Session(engine) as session:
        for row in session.scalars(select(Account).where(Account.id.between(100, 140)).order_by(Account.id)):
            row.state = "open" if row.id % 2 else "void"
        session.commit()
    say("accounts", accounts(Account.id.between(100, 140)))


@scenario
def results_in_pieces():
    with engine.connect().execution_options(stream_results=True, max_row_buffer=40) as db:
        seen = []
        for part in db.execute(select(Note.id, Note.text).order_by(Note.id)).partitions(90):
            seen += [row.id for row in part]
            if len(seen) == 360:
                with engine.begin() as other:
                    other.execute(update(Note.__table__).where(Note.id.in_((400, 500, 700))).values(text="seen"))
                administrator.settle()
        say("partitions", (len(seen), seen == sorted(seen), len(set(seen))))
    with Session(engine) as session:
        query = select(Account).options(selectinload(Account.entries)).order_by(Account.id)
        total = 0
        for account in session.scalars(query.execution_options(yield_per=60)):
            total += sum(entry.amount for entry in account.entries)
        say("yield_per", total)


@scenario
def relationship_cascades():
    with Session(engine) as session:
        for pk in (50, HOT + 5):
            account = session.get(Account, pk)
            account.entries.pop()
            session.commit()
            say("without an orphan", len(account.entries))
            session.delete(account)
            session.commit()
            say("left", [session.scalar(select(func.count()).select_from(model).where(model.account_id == pk))
                         for model in (Entry, Note)])
        parent = session.get(Account, 2)
        say("children", sorted(child.id for child in parent.children))
        session.delete(parent)
        session.commit()
        say("no parent", session.scalars(select(Account.id).where(Account.parent_id.is_(None)).order_by(Account.id)).all())
        moved = session.get(Entry, 60)
        moved.account, moved.number = session.get(Account, 470), 33
        session.commit()
        say("moved", sorted((entry.id, entry.number) for entry in session.get(Account, 470).entries))
        session.merge(Account(id=61, code="merged", state="done", balance=1, version=1, entries=[]))
        attempt("merged", session.commit)
        session.rollback()
        attempt("a parent who is not there", lambda: session.execute(
            update(Account.__table__).where(Account.id == 62).values(parent_id=77_777)))
        session.rollback()
        attempt("a parent with children", lambda: session.execute(delete(Account.__table__).where(Account.id == 3)))


@scenario
def queries():
    child = aliased(Account)
    with Session(engine) as session:
        for load in (joinedload, selectinload, subqueryload):
            found = session.scalars(select(Account).options(load(Account.entries), load(Account.children)).where(
                Account.id.between(395, 405)).order_by(Account.id)).unique()
            say(load.__name__, [(row.id, len(row.entries), len(row.children)) for row in found])
            session.expire_all()
        say("groups", session.execute(select(Account.state, func.count(), func.sum(Account.balance)).group_by(
            Account.state).order_by(Account.state)).all())
        say("exists", session.scalars(select(Account.id).where(exists().where(
            child.parent_id == Account.id, child.state == "done")).order_by(Account.id)).all())
        ranked = select(Entry.account_id, Entry.amount, func.row_number().over(
            partition_by=Entry.account_id, order_by=(Entry.amount.desc(), Entry.id)).label("place")).subquery()
        say("ranked", session.execute(select(ranked.c.account_id, ranked.c.amount).where(
            ranked.c.place == 1, ranked.c.account_id.between(390, 410)).order_by(ranked.c.account_id)).all())
        tree = select(Account.id, Account.parent_id).where(Account.id == 1).cte(recursive=True)
        tree = tree.union_all(select(child.id, child.parent_id).join(tree, child.parent_id == tree.c.id))
        say("tree", session.scalar(select(func.count()).select_from(tree)))
        say("json", session.scalars(select(Account.id).where(
            Account.data.contains({"n": 3}), Account.tags.contains(["t1"]), Account.id < 200).order_by(Account.id)).all())


@scenario
def two_phases():
    for pk in (COLD + 5, HOT + 8):
        for ends in ("commit", "rollback"):
            with engine.connect() as db:
                phase = db.begin_twophase(f"{twin.SCHEMA} {pk} {ends}")
                say("updated", db.execute(update(Account.__table__).where(Account.id == pk).values(
                    balance=Account.balance + 7)).rowcount)
                say("deleted", db.execute(delete(Entry.__table__).where(Entry.account_id == pk + 1)).rowcount)
                phase.prepare()
                say("not yet", accounts(Account.id == pk))
                getattr(phase, ends)()
            say(ends, accounts(Account.id == pk))


@scenario
def serializable_transactions():
    strict = engine.execution_options(isolation_level="SERIALIZABLE")
    total = select(func.sum(Account.balance)).where(Account.id.in_((70, 71)))
    def change(db, pk, value):
        db.execute(update(Account.__table__).where(Account.id == pk).values(balance=value))
        db.commit()
        return "committed"

    # Each reads what the other writes: the second has to begin anew.
    with strict.connect() as first, strict.connect() as second:
        one, two = first.scalar(total), second.scalar(total)
        attempt("first", lambda: change(first, 70, one))
        attempt("second", lambda: change(second, 71, two))
        second.rollback()
        attempt("again", lambda: change(second, 71, second.scalar(total)))
    say("accounts", accounts(Account.id.in_((70, 71))))
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        with engine.execution_options(isolation_level=level).connect() as db:
            db.scalar(total)
            with engine.begin() as other:
                other.execute(update(Account.__table__).where(Account.id == 72).values(balance=0))
            attempt(level, lambda: db.execute(update(Account.__table__).where(Account.id == 72).values(balance=1)).rowcount)


make()
twin.run(administrator)
