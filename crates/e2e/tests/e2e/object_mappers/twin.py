"""What the scripts share: whose tables they use, what the administrator does to them, and what is printed to be compared.

Each script runs twice, in the schema `cold`, whose tables are stretched, and in `plain`. What it prints is to be the same,
but for lines that begin with `#`.
"""

import sys
import threading
import time

import psycopg

SOCKET, SCHEMA = sys.argv[1:3]
STRETCHED = SCHEMA == "cold"
OPTIONS = f"-c search_path={SCHEMA},public -c lock_timeout=60s -c application_name={SCHEMA}"

# Seconds after which nothing is waited for any more.
PATIENCE = 60

scenarios = []


def scenario(function):
    """Makes a function one of those that `run` calls, in their order."""
    scenarios.append(function)
    return function


class Administrator:
    """Who stretches the tables: a connection without transactions of its own."""

    def __init__(self, filters):
        self.filters = filters
        self.db = psycopg.connect(host=SOCKET, user="postgres", dbname="postgres", autocommit=True, options=OPTIONS)

    def value(self, query, *parameters):
        return self.db.execute(query, parameters).fetchone()[0]

    def stretch(self, *tables):
        for table in tables or self.filters:
            self.db.execute("SELECT stretch.enable_table(%s, %s)", (table, self.filters[table]))

    def bring_back(self, table):
        """As the hint of a refused change of the table says."""
        self.db.execute("SELECT stretch.set_migration_state(%s, 'paused')", (table,))
        self.db.execute(f"UPDATE {table} SET id = id WHERE {self.filters[table]}")
        self.db.execute("SELECT stretch.disable_table(%s, leave_remote_data => false)", (table,))

    def settle(self):
        """Moves all that the filters select, also what came home before."""
        for table in self.filters if STRETCHED else ():
            self.db.execute("SELECT stretch.drain(%s)", (table,))

    def wait_for_a_waiter(self):
        """Returns when a session of the script waits for a lock."""
        waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = %s)"
        end = time.monotonic() + PATIENCE
        while not self.value(waits, SCHEMA):
            if time.monotonic() > end:
                raise TimeoutError("no session waits for a lock")


def sqlstate(error):
    for cause in (error, error.__cause__, getattr(error, "orig", None)):
        if getattr(cause, "sqlstate", None):
            return cause.sqlstate
    return "no SQLSTATE"


def say(what, value):
    print(f"{what}: {value!r}")


def outcome(call):
    """What a call returns, or which error it raises."""
    try:
        return call()
    except Exception as error:  # pylint: disable=broad-except
        return f"{type(error).__name__} {sqlstate(error)}"


def attempt(what, call, refused=False):
    """Says what comes of a call, or that it is one which stretched tables refuse."""
    result = outcome(call)
    if refused:
        if STRETCHED and result != "NotSupportedError 0A000":
            raise AssertionError(f"{what} is not refused: {result}")
        result = "works on plain tables alone"
    say(what, result)


def beside(call):
    """Begins a call in another thread; what is returned waits for its end, and for what came of it."""
    results = []

    def run():
        results.append(outcome(call))

    thread = threading.Thread(target=run)
    thread.start()

    def end():
        thread.join()
        return results[0]

    return end


def run(administrator):
    """Each scenario begins when all is cold that can be."""
    if STRETCHED:
        administrator.stretch()
    for function in scenarios:
        administrator.settle()
        print(f"=== {function.__name__}")
        function()
    if STRETCHED:
        killed = administrator.value("SELECT count(*) FROM stretch.tombstone")
        print(f"# {len(scenarios)} scenarios, {killed} cold rows updated or deleted")
