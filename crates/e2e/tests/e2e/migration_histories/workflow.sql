-- A workflow engine of the kind of Airflow: about ten years of its table of task instances, of which every run of every
-- workflow adds some, and of its log, in our own words, after its public release notes. Its tool (Alembic) issues one
-- statement per change, and many changes in one transaction. The key of the big table was a triple with a date, then
-- one with the name of a run, then four columns, and then a number of its own.

--: release as it began
CREATE TABLE dag (dag_id varchar(250) PRIMARY KEY, is_paused boolean, owners varchar(2000));
CREATE TABLE dag_run (id serial PRIMARY KEY, dag_id varchar(250), execution_date timestamp, state varchar(50),
    run_id varchar(250), external_trigger boolean, conf bytea, start_date timestamp, end_date timestamp,
    UNIQUE (dag_id, execution_date), UNIQUE (dag_id, run_id));
CREATE TABLE task_instance (
    task_id varchar(250) NOT NULL, dag_id varchar(250) NOT NULL, execution_date timestamp NOT NULL,
    start_date timestamp, end_date timestamp, duration double precision, state varchar(20), try_number integer,
    hostname varchar(1000), unixname varchar(1000), job_id integer, pool varchar(50), queue varchar(50),
    priority_weight integer, PRIMARY KEY (task_id, dag_id, execution_date));
CREATE INDEX ti_dag_state ON task_instance (dag_id, state);
CREATE INDEX ti_pool ON task_instance (pool, state, priority_weight);
CREATE INDEX ti_state_lkp ON task_instance (dag_id, task_id, execution_date, state);
CREATE TABLE log (id serial PRIMARY KEY, dttm timestamp, dag_id varchar(250), task_id varchar(250), event varchar(30),
    execution_date timestamp, owner varchar(500));
INSERT INTO dag SELECT 'dag_' || g, g % 9 = 0, 'team ' || g % 4 FROM generate_series(1, 20) g;
INSERT INTO dag_run (dag_id, execution_date, state, run_id, external_trigger, conf, start_date, end_date)
    SELECT 'dag_' || d, at, CASE WHEN n = 50 THEN 'running' WHEN n % 7 = 0 THEN 'failed' ELSE 'success' END,
        CASE WHEN n % 6 = 0 THEN 'manual__' ELSE 'scheduled__' END || to_char(at, 'YYYY-MM-DD'), n % 6 = 0,
        CASE WHEN n % 6 = 0 THEN convert_to('{"n": ' || n || '}', 'UTF8') END, at + interval '1 hour',
        CASE WHEN n < 50 THEN at + interval '2 hours' END
    FROM generate_series(1, 20) d, generate_series(1, 50) n, LATERAL (SELECT timestamp '2019-01-01' + n * interval '30 days'
        + d * interval '1 hour') a(at) ORDER BY n, d;
INSERT INTO task_instance
    SELECT 'task_' || t, dag_id, execution_date, start_date + t * interval '5 min', end_date + t * interval '5 min', 300.5 + t,
        CASE WHEN end_date IS NULL THEN 'running' WHEN t = 3 AND state = 'failed' THEN 'failed' ELSE 'success' END,
        1 + id % 3, 'host-' || id % 5, 'root', id * 4 + t, CASE WHEN id % 3 > 0 THEN 'default' END, 'queue', t
    FROM dag_run, generate_series(1, 3) t ORDER BY id, t;
INSERT INTO log (dttm, dag_id, task_id, event, execution_date, owner)
    SELECT start_date, dag_id, task_id, CASE WHEN n = 1 THEN 'running' ELSE coalesce(state, 'none') END, execution_date,
        'team ' || n FROM task_instance, generate_series(1, 2) n ORDER BY execution_date, dag_id, task_id, n;
--: stretch task_instance where execution_date < '2022-11-01'
--: stretch log where id <= 5600

--: release operators and processes
ALTER TABLE task_instance ADD COLUMN operator varchar(1000);
ALTER TABLE task_instance ADD COLUMN queued_dttm timestamp;
ALTER TABLE log ADD COLUMN extra text;
ALTER TABLE task_instance ADD COLUMN pid integer;
CREATE INDEX ti_state ON task_instance (state);
CREATE INDEX ti_job_id ON task_instance (job_id);
--: code
INSERT INTO log (dttm, dag_id, event, extra) VALUES ('2019-05-05', 'dag_1', 'cli_run', '{"host": "h"}') RETURNING id;
UPDATE task_instance SET state = NULL, operator = 'BashOperator', pid = 4711 WHERE dag_id = 'dag_3' AND task_id = 'task_2'
    AND execution_date < '2020-01-01' RETURNING *;
--: fails 23505
INSERT INTO task_instance (task_id, dag_id, execution_date) VALUES ('task_1', 'dag_1', '2019-01-31 01:00');
SELECT state, count(*) FROM task_instance WHERE pid IS NULL GROUP BY 1;

--: release numbers of tries
ALTER TABLE task_instance ADD COLUMN max_tries integer DEFAULT '-1';
UPDATE task_instance SET max_tries = try_number WHERE state = 'failed' OR dag_id < 'dag_12';
ALTER TABLE task_instance ALTER COLUMN max_tries DROP DEFAULT;
ALTER TABLE task_instance ALTER COLUMN max_tries SET DEFAULT -1;
CREATE INDEX dag_id_state ON dag_run (dag_id, state);
--: code
SELECT max_tries, count(*), min(task_id) FROM task_instance GROUP BY 1;
UPDATE task_instance SET max_tries = max_tries + 1 WHERE max_tries = -1 AND dag_id = 'dag_15' AND task_id = 'task_1';

-- All moments get a zone, in a session of the zone UTC: the server needs no new rows for that, and neither do cold ones.
-- But the administrator's filter compares the date with a moment without a zone, which would depend on the session now.
--: release times with a zone
BEGIN;
ALTER TABLE dag_run ALTER COLUMN execution_date TYPE timestamptz;
ALTER TABLE dag_run ALTER COLUMN start_date TYPE timestamptz;
ALTER TABLE dag_run ALTER COLUMN end_date TYPE timestamptz;
ALTER TABLE task_instance ALTER COLUMN start_date TYPE timestamptz;
ALTER TABLE task_instance ALTER COLUMN end_date TYPE timestamptz;
ALTER TABLE task_instance ALTER COLUMN queued_dttm TYPE timestamptz;
COMMIT;
--: home task_instance
ALTER TABLE task_instance ALTER COLUMN execution_date TYPE timestamptz;
--: stretch task_instance where execution_date < '2022-11-01 00:00+00'
ALTER TABLE log ALTER COLUMN dttm TYPE timestamptz;
ALTER TABLE log ALTER COLUMN execution_date TYPE timestamptz;
--: code
SELECT date_trunc('year', execution_date), count(*), max(end_date) FROM task_instance GROUP BY 1;
UPDATE task_instance SET end_date = start_date + interval '10 min'
    WHERE execution_date = '2020-06-24 02:00+00' RETURNING *;
SELECT event, count(*) FROM log WHERE dttm BETWEEN '2019-06-01 00:00+02' AND '2019-08-01 00:00+02' GROUP BY 1;

--: release pools with slots
ALTER TABLE task_instance ADD COLUMN executor_config bytea;
ALTER TABLE task_instance ADD COLUMN pool_slots integer;
UPDATE task_instance SET pool_slots = 1 WHERE pool_slots IS NULL AND dag_id < 'dag_15';
UPDATE task_instance SET pool_slots = 1 WHERE pool_slots IS NULL;
ALTER TABLE task_instance ALTER COLUMN pool_slots SET NOT NULL;
UPDATE task_instance SET pool = 'default_pool' WHERE pool IS NULL;
ALTER TABLE task_instance ALTER COLUMN pool SET NOT NULL;
ALTER TABLE task_instance ALTER COLUMN pool TYPE varchar(256);
ALTER TABLE task_instance ALTER COLUMN queue TYPE varchar(256);
CREATE TABLE task_reschedule (id serial PRIMARY KEY, task_id varchar(250) NOT NULL, dag_id varchar(250) NOT NULL,
    execution_date timestamptz NOT NULL, try_number integer NOT NULL, reschedule_date timestamptz NOT NULL,
    CONSTRAINT task_reschedule_dag_task_date_fkey FOREIGN KEY (task_id, dag_id, execution_date)
        REFERENCES task_instance (task_id, dag_id, execution_date) ON DELETE CASCADE);
CREATE INDEX idx_task_reschedule_dag_task_date ON task_reschedule (dag_id, task_id, execution_date);
--: code
INSERT INTO task_reschedule (task_id, dag_id, execution_date, try_number, reschedule_date)
    SELECT task_id, dag_id, execution_date, 1, end_date FROM task_instance
    WHERE end_date IS NOT NULL AND dag_id IN ('dag_5', 'dag_6') ORDER BY execution_date, dag_id, task_id;
--: fails 23503
INSERT INTO task_reschedule (task_id, dag_id, execution_date, try_number, reschedule_date)
    VALUES ('task_9', 'dag_5', '2019-01-31 05:00+00', 1, '2019-02-01');
DELETE FROM task_instance WHERE dag_id = 'dag_5' AND task_id = 'task_3' AND execution_date < '2019-06-01';
SELECT count(*) FROM task_reschedule;
--: fails 23502
INSERT INTO task_instance (task_id, dag_id, execution_date, pool) VALUES ('t', 'dag_1', '2019-01-01', 'p');

--: release kinds of runs
ALTER TABLE task_instance ADD COLUMN queued_by_job_id integer;
ALTER TABLE task_instance ADD COLUMN external_executor_id varchar(250);
ALTER TABLE dag_run ADD COLUMN run_type varchar(50);
UPDATE dag_run SET run_type = split_part(run_id, '__', 1);
ALTER TABLE dag_run ALTER COLUMN run_type SET NOT NULL;
ALTER TABLE log ALTER COLUMN event TYPE varchar(60);
CREATE TABLE trigger (id serial PRIMARY KEY, classpath varchar(1000) NOT NULL, kwargs json NOT NULL);
ALTER TABLE task_instance ADD COLUMN trigger_id integer;
ALTER TABLE task_instance ADD COLUMN trigger_timeout timestamp;
ALTER TABLE task_instance ADD COLUMN next_method varchar(1000);
ALTER TABLE task_instance ADD COLUMN next_kwargs json;
ALTER TABLE task_instance ADD CONSTRAINT task_instance_trigger_id_fkey FOREIGN KEY (trigger_id) REFERENCES trigger (id)
    ON DELETE CASCADE;
CREATE INDEX ti_trigger_id ON task_instance (trigger_id);
--: code
INSERT INTO trigger (classpath, kwargs) VALUES ('core.triggers.Date', '{"moment": 1}'), ('core.triggers.File', '{}');
UPDATE task_instance SET trigger_id = 1, next_method = 'execute_complete', next_kwargs = '{"event": [1, 2]}'
    WHERE dag_id = 'dag_7' AND execution_date < '2019-09-01' AND task_id <> 'task_3';
UPDATE task_instance SET trigger_id = 2 WHERE dag_id = 'dag_8' AND execution_date < '2019-09-01' AND task_id = 'task_1';
--: fails 23503
UPDATE task_instance SET trigger_id = 3 WHERE dag_id = 'dag_8' AND task_id = 'task_2';
DELETE FROM trigger WHERE id = 2;
SELECT count(*), count(trigger_id), min(next_kwargs::text) FROM task_instance;

-- A task is of a run, no longer of a date. The filter of the administrator names the date, so that its column cannot go
-- before the rows are home, and the table is stretched again by another column.
--: release runs instead of dates
ALTER TABLE task_instance ADD COLUMN run_id varchar(250);
ALTER TABLE task_reschedule ADD COLUMN run_id varchar(250);
UPDATE task_instance SET run_id = dag_run.run_id FROM dag_run
    WHERE dag_run.dag_id = task_instance.dag_id AND dag_run.execution_date = task_instance.execution_date;
UPDATE task_reschedule SET run_id = dag_run.run_id FROM dag_run
    WHERE dag_run.dag_id = task_reschedule.dag_id AND dag_run.execution_date = task_reschedule.execution_date;
DELETE FROM task_instance WHERE run_id IS NULL;
BEGIN;
ALTER TABLE task_instance ALTER COLUMN run_id SET NOT NULL;
ALTER TABLE task_reschedule ALTER COLUMN run_id SET NOT NULL;
ALTER TABLE task_reschedule DROP CONSTRAINT task_reschedule_dag_task_date_fkey;
DROP INDEX idx_task_reschedule_dag_task_date;
ALTER TABLE task_instance DROP CONSTRAINT task_instance_pkey;
ALTER TABLE task_instance ADD CONSTRAINT task_instance_pkey PRIMARY KEY (dag_id, task_id, run_id);
ALTER TABLE task_instance ADD CONSTRAINT task_instance_dag_run_fkey FOREIGN KEY (dag_id, run_id)
    REFERENCES dag_run (dag_id, run_id) ON DELETE CASCADE;
ALTER TABLE task_reschedule ADD CONSTRAINT task_reschedule_ti_fkey FOREIGN KEY (dag_id, task_id, run_id)
    REFERENCES task_instance (dag_id, task_id, run_id) ON DELETE CASCADE;
ALTER TABLE task_reschedule DROP COLUMN execution_date;
DROP INDEX ti_state_lkp;
CREATE INDEX ti_state_lkp ON task_instance (dag_id, task_id, run_id, state);
COMMIT;
--: home task_instance
ALTER TABLE task_instance DROP COLUMN execution_date;
ALTER TABLE dag_run ADD COLUMN data_interval_start timestamptz, ADD COLUMN data_interval_end timestamptz;
--: stretch task_instance where start_date < '2022-11-01 00:00+00'
--: code
--: fails 23505
INSERT INTO task_instance (dag_id, task_id, run_id, pool, pool_slots) SELECT dag_id, 'task_1', run_id, 'p', 1 FROM dag_run;
--: fails 23503
INSERT INTO task_instance (dag_id, task_id, run_id, pool, pool_slots) VALUES ('dag_1', 'task_1', 'manual__never', 'p', 1);
DELETE FROM dag_run WHERE dag_id = 'dag_6' AND execution_date < '2019-05-01';
SELECT (SELECT count(*) FROM task_instance), (SELECT count(*) FROM task_reschedule);
SELECT r.run_type, t.state, count(*), avg(t.duration)::int FROM task_instance t JOIN dag_run r USING (dag_id, run_id)
    GROUP BY 1, 2;

--: release mapped tasks
BEGIN;
ALTER TABLE task_reschedule DROP CONSTRAINT task_reschedule_ti_fkey;
ALTER TABLE task_instance ADD COLUMN map_index integer DEFAULT -1 NOT NULL;
ALTER TABLE task_reschedule ADD COLUMN map_index integer DEFAULT -1 NOT NULL;
ALTER TABLE task_instance DROP CONSTRAINT task_instance_pkey;
ALTER TABLE task_instance ADD CONSTRAINT task_instance_pkey PRIMARY KEY (dag_id, task_id, run_id, map_index);
ALTER TABLE task_reschedule ADD CONSTRAINT task_reschedule_ti_fkey FOREIGN KEY (dag_id, task_id, run_id, map_index)
    REFERENCES task_instance (dag_id, task_id, run_id, map_index) ON DELETE CASCADE;
ALTER TABLE log ADD COLUMN map_index integer;
COMMIT;
--: code
INSERT INTO task_instance (dag_id, task_id, run_id, map_index, start_date, state, pool, pool_slots)
    SELECT dag_id, 'task_1', run_id, m, '2019-04-04', 'success', 'p', 1 FROM dag_run, generate_series(0, 9) m
    WHERE dag_id = 'dag_9' AND execution_date < '2019-12-01';
--: fails 23505
INSERT INTO task_instance (dag_id, task_id, run_id, pool, pool_slots)
    SELECT dag_id, 'task_1', run_id, 'p', 1 FROM dag_run WHERE dag_id = 'dag_9';
UPDATE task_instance SET state = 'failed' WHERE dag_id = 'dag_9' AND map_index = 4 RETURNING *;
SELECT map_index, count(*) FROM task_instance GROUP BY 1;

--: release notes and faster pages
ALTER TABLE task_instance ADD COLUMN updated_at timestamptz;
ALTER TABLE task_instance ADD COLUMN custom_operator_name varchar(1000);
CREATE TABLE task_instance_note (task_id varchar(250) NOT NULL, dag_id varchar(250) NOT NULL,
    run_id varchar(250) NOT NULL, map_index integer NOT NULL, content varchar(1000),
    CONSTRAINT task_instance_note_pkey PRIMARY KEY (task_id, dag_id, run_id, map_index),
    CONSTRAINT task_instance_note_ti_fkey FOREIGN KEY (dag_id, task_id, run_id, map_index)
        REFERENCES task_instance (dag_id, task_id, run_id, map_index) ON DELETE CASCADE);
CREATE INDEX idx_log_dttm ON log (dttm);
CREATE INDEX idx_log_event ON log (event);
CREATE INDEX idx_log_task_instance ON log (dag_id, task_id);
CREATE INDEX ti_state_incl_start_date ON task_instance (dag_id, task_id, state) INCLUDE (start_date);
CREATE INDEX idx_dag_run_running_dags ON dag_run (state, dag_id) WHERE state = 'running';
CREATE INDEX ti_dag_run ON task_instance (dag_id, run_id);
DROP INDEX idx_log_task_instance;
CREATE INDEX idx_log_task_instance ON log (dag_id, task_id, execution_date);
--: code
INSERT INTO task_instance_note SELECT task_id, dag_id, run_id, map_index, 'seen' FROM task_instance
    WHERE dag_id = 'dag_9' AND map_index > 6;
UPDATE task_instance SET updated_at = '2023-01-01' WHERE dag_id = 'dag_2' AND state = 'failed';
--: fails 23503
INSERT INTO task_instance_note VALUES ('task_1', 'dag_9', 'never', 0, 'x');
SELECT dag_id, max(start_date) FROM task_instance WHERE state = 'failed' GROUP BY 1;

--: release executors and names
ALTER TABLE task_instance ADD COLUMN rendered_map_index varchar(250);
ALTER TABLE task_instance ADD COLUMN task_display_name varchar(2000);
UPDATE task_instance SET task_display_name = task_id WHERE dag_id IN ('dag_1', 'dag_2');
ALTER TABLE task_instance ADD COLUMN executor varchar(1000);
ALTER TABLE log ADD COLUMN owner_display_name varchar(500);
ALTER TABLE log ADD COLUMN run_id varchar(250), ADD COLUMN try_number integer;
ALTER TABLE log ALTER COLUMN event TYPE text;
UPDATE task_instance SET try_number = CASE
        WHEN state IS NULL OR state = 'up_for_retry' THEN try_number - 1
        WHEN state = 'failed' THEN least(try_number, max_tries + 1) ELSE try_number END
    WHERE state IS NULL OR state = 'failed';
CREATE TABLE task_instance_history AS SELECT dag_id, task_id, run_id, map_index, try_number, state, duration
    FROM task_instance WHERE try_number > 1;
--: code
SELECT try_number, count(*), count(task_display_name) FROM task_instance GROUP BY 1;
SELECT count(*), sum(try_number), max(duration) FROM task_instance_history;
INSERT INTO log (dttm, dag_id, event, run_id) SELECT '2020-02-02', dag_id, repeat('event', 20), run_id FROM dag_run
    WHERE dag_id = 'dag_4' ORDER BY id;

--: release numbers of their own
CREATE FUNCTION number_of(text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5($1)::uuid $$;
ALTER TABLE task_instance ADD COLUMN id uuid;
ALTER TABLE task_reschedule ADD COLUMN ti_id uuid;
ALTER TABLE task_instance_note ADD COLUMN ti_id uuid;
--: repeat
UPDATE task_instance SET id = number_of(concat_ws('/', dag_id, task_id, run_id, map_index))
    WHERE ctid IN (SELECT ctid FROM task_instance WHERE id IS NULL LIMIT 1000);
ALTER TABLE task_instance ALTER COLUMN id SET NOT NULL;
UPDATE task_reschedule r SET ti_id = t.id FROM task_instance t
    WHERE (t.dag_id, t.task_id, t.run_id, t.map_index) = (r.dag_id, r.task_id, r.run_id, r.map_index);
UPDATE task_instance_note n SET ti_id = t.id FROM task_instance t
    WHERE (t.dag_id, t.task_id, t.run_id, t.map_index) = (n.dag_id, n.task_id, n.run_id, n.map_index);
BEGIN;
ALTER TABLE task_reschedule DROP CONSTRAINT task_reschedule_ti_fkey;
ALTER TABLE task_instance_note DROP CONSTRAINT task_instance_note_ti_fkey;
ALTER TABLE task_instance DROP CONSTRAINT task_instance_pkey CASCADE;
ALTER TABLE task_instance ADD CONSTRAINT task_instance_composite_key UNIQUE (dag_id, task_id, run_id, map_index);
ALTER TABLE task_instance ADD CONSTRAINT task_instance_pkey PRIMARY KEY (id);
ALTER TABLE task_reschedule ALTER COLUMN ti_id SET NOT NULL;
ALTER TABLE task_reschedule ADD CONSTRAINT task_reschedule_ti_fkey FOREIGN KEY (ti_id) REFERENCES task_instance (id)
    ON DELETE CASCADE;
ALTER TABLE task_reschedule DROP COLUMN dag_id, DROP COLUMN task_id, DROP COLUMN run_id, DROP COLUMN map_index;
ALTER TABLE task_instance_note DROP CONSTRAINT task_instance_note_pkey;
ALTER TABLE task_instance_note ADD CONSTRAINT task_instance_note_pkey PRIMARY KEY (ti_id);
ALTER TABLE task_instance_note ADD CONSTRAINT task_instance_note_ti_fkey FOREIGN KEY (ti_id)
    REFERENCES task_instance (id) ON DELETE CASCADE;
COMMIT;
--: code
--: fails 23505
INSERT INTO task_instance (id, dag_id, task_id, run_id, pool, pool_slots)
    SELECT number_of('another'), dag_id, task_id, run_id, 'p', 1 FROM task_instance WHERE dag_id = 'dag_10';
--: fails 23505
UPDATE task_instance SET id = (SELECT max(id::text)::uuid FROM task_instance WHERE dag_id = 'dag_10') WHERE dag_id = 'dag_11';
DELETE FROM task_instance WHERE id IN (SELECT ti_id FROM task_instance_note ORDER BY ti_id LIMIT 3) RETURNING dag_id, map_index;
SELECT (SELECT count(*) FROM task_instance_note), (SELECT count(*) FROM task_reschedule);

--: release logical dates
ALTER TABLE log RENAME COLUMN execution_date TO logical_date;
ALTER TABLE dag_run RENAME COLUMN execution_date TO logical_date;
ALTER TABLE dag_run ALTER COLUMN logical_date DROP NOT NULL;
ALTER TABLE dag_run ADD COLUMN run_after timestamptz;
UPDATE dag_run SET run_after = coalesce(data_interval_end, logical_date);
ALTER TABLE dag_run ALTER COLUMN run_after SET NOT NULL;
ALTER TABLE dag_run DROP COLUMN external_trigger;
ALTER TABLE dag_run ADD COLUMN conf_json jsonb;
UPDATE dag_run SET conf_json = convert_from(conf, 'UTF8')::jsonb WHERE conf IS NOT NULL;
ALTER TABLE dag_run DROP COLUMN conf;
ALTER TABLE dag_run RENAME COLUMN conf_json TO conf;
ALTER TABLE task_instance ADD COLUMN last_heartbeat_at timestamptz;
DROP INDEX ti_job_id;
ALTER TABLE task_instance DROP COLUMN job_id;
CREATE INDEX ti_heartbeat ON task_instance (last_heartbeat_at);
ALTER TABLE task_instance ADD COLUMN scheduled_dttm timestamptz;
ALTER TABLE task_instance ADD COLUMN span_status varchar(250) DEFAULT 'not_started' NOT NULL;
ALTER TABLE task_instance ADD COLUMN context_carrier jsonb;
--: anew
ALTER TABLE task_instance ALTER COLUMN next_kwargs TYPE jsonb USING next_kwargs::jsonb;
ALTER TABLE task_instance ALTER COLUMN trigger_timeout TYPE timestamptz;
CREATE TABLE dag_version (id uuid PRIMARY KEY, dag_id varchar(250) NOT NULL REFERENCES dag ON DELETE CASCADE,
    version_number integer NOT NULL, UNIQUE (dag_id, version_number));
INSERT INTO dag_version SELECT number_of(dag_id), dag_id, 1 FROM dag;
ALTER TABLE task_instance ADD COLUMN dag_version_id uuid;
UPDATE task_instance t SET dag_version_id = v.id FROM dag_version v
    WHERE v.dag_id = t.dag_id AND t.dag_version_id IS NULL AND t.state = 'failed';
ALTER TABLE task_instance ADD CONSTRAINT task_instance_dag_version_id_fkey FOREIGN KEY (dag_version_id)
    REFERENCES dag_version (id) ON DELETE RESTRICT;
CREATE INDEX ti_dag_version ON task_instance (dag_version_id) WHERE dag_version_id IS NOT NULL;
--: code
UPDATE task_instance SET next_kwargs = next_kwargs || '{"more": true}', span_status = 'ended' WHERE next_kwargs ? 'event'
    RETURNING id, next_kwargs, trigger_timeout;
--: fails 23503
DELETE FROM dag_version WHERE dag_id = 'dag_3';
--: fails 23503
UPDATE task_instance SET dag_version_id = number_of('nothing') WHERE dag_id = 'dag_4';
SELECT event, count(*), max(logical_date) FROM log GROUP BY 1;
SELECT v.dag_id, count(*) FROM task_instance t JOIN dag_version v ON v.id = t.dag_version_id GROUP BY 1;
