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

    def stretch(self):
        for table, condition in self.filters.items() if STRETCHED else ():
            self.db.execute("SELECT stretch.enable_table(%s, %s)", (table, condition))

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


def attempt(what, call):
    """Says what a call returns, or which error it raises."""
    try:
        say(what, call())
    except Exception as error:  # pylint: disable=broad-except
        say(what, f"{type(error).__name__} {sqlstate(error)}")


def beside(call):
    """Begins a call in another thread; what is returned waits for its end, and for what came of it."""
    results = []

    def run():
        try:
            results.append(call())
        except Exception as error:  # pylint: disable=broad-except
            results.append(f"{type(error).__name__} {sqlstate(error)}")

    thread = threading.Thread(target=run)
    thread.start()

    def end():
        thread.join()
        return results[0]

    return end


def run(administrator):
    """Each scenario begins when all is cold that can be."""
    administrator.stretch()
    for function in scenarios:
        administrator.settle()
        print(f"=== {function.__name__}")
        function()
    if STRETCHED:
        killed = administrator.value("SELECT count(*) FROM stretch.tombstone")
        print(f"# {len(scenarios)} scenarios, {killed} cold rows updated or deleted")
