-- An issue tracker of the kind of GitLab: about ten years of what its two big tables went through, in our own words,
-- after its public release notes and documentation for migrations. Its tool (that of Rails, with helpers of its own)
-- adds columns without locks for long, fills them in batches, keeps an old and a new column in step by a trigger until
-- all servers run new code, and takes the old one away a release later.

--: release as it began
CREATE TABLE projects (id serial PRIMARY KEY, name varchar(255) NOT NULL);
CREATE TABLE users (id serial PRIMARY KEY, username varchar(255) NOT NULL);
CREATE TABLE milestones (id serial PRIMARY KEY, title varchar(255) NOT NULL, project_id integer);
CREATE TABLE issues (
    id serial PRIMARY KEY, title varchar(255), assignee_id integer, author_id integer, project_id integer,
    created_at timestamp, updated_at timestamp, position integer DEFAULT 0, branch_name varchar(255), description text,
    milestone_id integer, state varchar(255), iid integer, updated_by_id integer);
CREATE INDEX index_issues_on_assignee_id ON issues (assignee_id);
CREATE INDEX index_issues_on_author_id ON issues (author_id);
CREATE INDEX index_issues_on_created_at ON issues (created_at);
CREATE INDEX index_issues_on_milestone_id ON issues (milestone_id);
CREATE UNIQUE INDEX index_issues_on_project_id_and_iid ON issues (project_id, iid);
CREATE INDEX index_issues_on_project_id ON issues (project_id);
CREATE INDEX index_issues_on_state ON issues (state);
CREATE INDEX index_issues_on_title ON issues (title);
CREATE TABLE notes (
    id serial PRIMARY KEY, note text, noteable_type varchar(255), author_id integer, created_at timestamp,
    updated_at timestamp, project_id integer, attachment varchar(255), line_code varchar(255), commit_id varchar(255),
    noteable_id integer, system boolean DEFAULT false NOT NULL, st_diff text, updated_by_id integer);
CREATE INDEX index_notes_on_author_id ON notes (author_id);
CREATE INDEX index_notes_on_commit_id ON notes (commit_id);
CREATE INDEX index_notes_on_created_at ON notes (created_at);
CREATE INDEX index_notes_on_line_code ON notes (line_code);
CREATE INDEX index_notes_on_noteable_id_and_noteable_type ON notes (noteable_id, noteable_type);
CREATE INDEX index_notes_on_project_id_and_noteable_type ON notes (project_id, noteable_type);
INSERT INTO projects (name) SELECT 'project ' || g FROM generate_series(1, 20) g;
INSERT INTO users (username) SELECT 'user' || g FROM generate_series(1, 50) g;
INSERT INTO milestones (title, project_id) SELECT 'milestone ' || g, 1 + g % 20 FROM generate_series(1, 60) g;
INSERT INTO issues (title, assignee_id, author_id, project_id, created_at, updated_at, position, branch_name,
        description, milestone_id, state, iid, updated_by_id)
    SELECT 'issue ' || g, CASE WHEN g % 4 > 0 THEN 1 + g % 50 END, 1 + g % 53, 1 + g % 20,
        timestamp '2016-01-01' + g * interval '21 hours', timestamp '2016-01-02' + g * interval '22 hours', g % 7,
        CASE WHEN g % 3 = 0 THEN 'fix-' || g END, CASE WHEN g % 8 > 0 THEN repeat('It does not work. ', g % 5) END,
        CASE WHEN g % 5 = 0 THEN 1 + g % 60 END, CASE WHEN g % 12 = 0 THEN 'opened' ELSE 'closed' END, 1 + g / 20,
        nullif(g % 9, 4)
    FROM generate_series(1, 2400) g;
INSERT INTO notes (note, noteable_type, author_id, created_at, updated_at, project_id, attachment, line_code, commit_id,
        noteable_id, system, st_diff, updated_by_id)
    SELECT CASE WHEN g % 11 = 0 THEN 'thumbsup' ELSE 'note ' || g END,
        CASE WHEN g % 6 = 0 THEN 'Commit' WHEN g % 6 = 1 THEN 'MergeRequest' ELSE 'Issue' END, 1 + g % 50,
        timestamp '2016-01-01' + g * interval '14 hours', timestamp '2016-01-01' + g * interval '15 hours', 1 + g % 20,
        CASE WHEN g % 40 = 0 THEN 'picture.png' END, CASE WHEN g % 6 = 1 THEN md5(g::text) || '_1_' || g % 90 END,
        CASE WHEN g % 6 = 0 THEN md5(g::text) END, CASE WHEN g % 6 > 0 THEN 1 + g % 2400 END, g % 5 = 0,
        CASE WHEN g % 6 = 1 THEN '--- a' END, nullif(g % 9, 2)
    FROM generate_series(1, 3600) g;
--: stretch issues where created_at < '2021-05-01'
--: stretch notes where created_at < '2021-05-01'

--: release confidential issues
ALTER TABLE issues ADD COLUMN confidential boolean;
ALTER TABLE issues ALTER COLUMN confidential SET DEFAULT false;
--: batches of 800 to 2400
UPDATE issues SET confidential = false WHERE id BETWEEN {from} AND {to};
ALTER TABLE issues ALTER COLUMN confidential SET NOT NULL;
CREATE INDEX CONCURRENTLY index_issues_on_confidential ON issues (confidential);
ALTER TABLE issues ADD COLUMN due_date date;
CREATE INDEX CONCURRENTLY index_issues_on_due_date ON issues (due_date);
ALTER TABLE issues ADD COLUMN moved_to_id integer;
ALTER TABLE issues ADD COLUMN deleted_at timestamp;
ALTER TABLE issues ADD COLUMN weight integer;
CREATE INDEX CONCURRENTLY index_issues_on_deleted_at ON issues (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX CONCURRENTLY index_issues_on_title_trigram ON issues USING gin (title gin_trgm_ops);
CREATE INDEX CONCURRENTLY index_issues_on_description_trigram ON issues USING gin (description gin_trgm_ops);
DROP INDEX index_issues_on_title;
--: code
SELECT id, title, due_date FROM issues WHERE title ILIKE '%issue 12%' AND NOT confidential;
UPDATE issues SET confidential = true, due_date = '2018-05-06' WHERE id IN (44, 45, 2390) RETURNING *;
UPDATE issues SET deleted_at = '2018-06-01' WHERE id % 400 = 7;
UPDATE issues SET moved_to_id = id + 20, weight = 3 WHERE id IN (100, 101, 2300);
--: fails 23502
UPDATE issues SET confidential = NULL WHERE id = 60;
--: fails 23505
INSERT INTO issues (project_id, iid, title) VALUES (2, 1, 'a number that is taken');
INSERT INTO issues (project_id, iid, title, state, author_id, created_at)
    SELECT 1 + g % 20, 200 + g, 'imported ' || g, 'closed', g, '2017-01-01' FROM generate_series(1, 40) g
    RETURNING id, confidential;

--: release emoji in a table of their own
ALTER TABLE notes ADD COLUMN is_award boolean DEFAULT false NOT NULL;
CREATE INDEX CONCURRENTLY index_notes_on_is_award ON notes (is_award);
UPDATE notes SET is_award = true WHERE noteable_type = 'Issue' AND note = 'thumbsup';
CREATE TABLE award_emoji (id serial PRIMARY KEY, name varchar, user_id integer, awardable_type varchar,
    awardable_id integer, created_at timestamp, updated_at timestamp);
BEGIN;
LOCK TABLE notes IN SHARE MODE;
INSERT INTO award_emoji (name, user_id, awardable_type, awardable_id, created_at, updated_at)
    SELECT note, author_id, noteable_type, noteable_id, created_at, updated_at FROM notes WHERE is_award ORDER BY id;
DELETE FROM notes WHERE is_award;
COMMIT;
ALTER TABLE notes DROP COLUMN is_award;
CREATE INDEX index_award_emoji_on_awardable ON award_emoji (awardable_type, awardable_id);
--: code
SELECT i.id, count(*) FROM issues i JOIN award_emoji a ON a.awardable_id = i.id GROUP BY 1 HAVING count(*) > 1;
SELECT count(*), count(DISTINCT author_id) FROM notes WHERE note = 'thumbsup';

--: release discussions
ALTER TABLE notes ADD COLUMN type varchar(255), ADD COLUMN position text, ADD COLUMN original_position text;
ALTER TABLE notes ADD COLUMN resolved_at timestamp, ADD COLUMN resolved_by_id integer;
ALTER TABLE notes ADD COLUMN discussion_id varchar(255);
ALTER TABLE notes ADD COLUMN note_html text;
ALTER TABLE notes ADD COLUMN cached_markdown_version integer;
UPDATE notes SET type = 'LegacyDiffNote' WHERE line_code IS NOT NULL;
ALTER TABLE notes DROP COLUMN st_diff;
CREATE INDEX CONCURRENTLY index_notes_on_discussion_id ON notes (discussion_id);
DROP INDEX CONCURRENTLY index_notes_on_line_code;
ALTER TABLE issues ADD COLUMN title_html text;
ALTER TABLE issues ADD COLUMN description_html text;
ALTER TABLE issues ADD COLUMN lock_version integer, ADD COLUMN relative_position integer;
ALTER TABLE issues ADD COLUMN time_estimate integer, ADD COLUMN last_edited_at timestamp;
ALTER TABLE issues ADD COLUMN closed_at timestamp;
UPDATE issues SET closed_at = updated_at WHERE state = 'closed' AND closed_at IS NULL AND id <= 900;
CREATE INDEX CONCURRENTLY index_issues_on_relative_position ON issues (relative_position);
ALTER TABLE issues ADD COLUMN discussion_locked boolean;
--: code
UPDATE notes SET discussion_id = md5(id::text), note_html = '<p>' || note || '</p>' WHERE id % 100 = 3 RETURNING id;
UPDATE notes SET resolved_at = '2019-03-03', resolved_by_id = 7 WHERE type IS NOT NULL AND id < 300;
UPDATE issues SET lock_version = coalesce(lock_version, 0) + 1 WHERE id = 77 AND lock_version IS NULL;
SELECT state, count(*), max(closed_at), count(discussion_locked) FROM issues GROUP BY state;

--: release several assignees
CREATE TABLE issue_assignees (user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    issue_id integer NOT NULL REFERENCES issues ON DELETE CASCADE);
--: batches of 1200 to 2440
INSERT INTO issue_assignees (user_id, issue_id)
    SELECT assignee_id, id FROM issues WHERE assignee_id IS NOT NULL AND id BETWEEN {from} AND {to};
CREATE UNIQUE INDEX CONCURRENTLY index_issue_assignees_on_issue_id_and_user_id ON issue_assignees (issue_id, user_id);
ALTER TABLE issues DROP COLUMN assignee_id;
ALTER TABLE issues DROP COLUMN position, DROP COLUMN branch_name;
DELETE FROM issues WHERE deleted_at IS NOT NULL;
DROP INDEX CONCURRENTLY index_issues_on_deleted_at;
ALTER TABLE issues DROP COLUMN deleted_at;
--: code
INSERT INTO issue_assignees VALUES (3, 12), (4, 13);
--: fails 23503
INSERT INTO issue_assignees VALUES (3, 7);
--: fails 23505
INSERT INTO issue_assignees SELECT user_id, issue_id FROM issue_assignees WHERE issue_id = 21;
DELETE FROM issues WHERE id = 33 RETURNING id, title, state;
SELECT count(*) FROM issue_assignees;

--: release foreign keys
UPDATE issues SET author_id = NULL WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = author_id);
ALTER TABLE issues ADD CONSTRAINT fk_issues_author FOREIGN KEY (author_id) REFERENCES users (id) ON DELETE SET NULL
    NOT VALID;
ALTER TABLE issues VALIDATE CONSTRAINT fk_issues_author;
ALTER TABLE issues ADD CONSTRAINT fk_issues_project FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE
    NOT VALID;
ALTER TABLE issues VALIDATE CONSTRAINT fk_issues_project;
ALTER TABLE issues ADD CONSTRAINT fk_issues_milestone FOREIGN KEY (milestone_id) REFERENCES milestones (id)
    ON DELETE SET NULL NOT VALID;
ALTER TABLE issues VALIDATE CONSTRAINT fk_issues_milestone;
UPDATE issues SET moved_to_id = NULL WHERE moved_to_id NOT IN (SELECT id FROM issues);
ALTER TABLE issues ADD CONSTRAINT fk_issues_moved_to FOREIGN KEY (moved_to_id) REFERENCES issues (id)
    ON DELETE SET NULL NOT VALID;
ALTER TABLE issues VALIDATE CONSTRAINT fk_issues_moved_to;
CREATE INDEX CONCURRENTLY index_issues_on_moved_to_id ON issues (moved_to_id) WHERE moved_to_id IS NOT NULL;
ALTER TABLE notes ADD CONSTRAINT fk_notes_project FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE
    NOT VALID;
ALTER TABLE notes VALIDATE CONSTRAINT fk_notes_project;
--: code
--: fails 23503
UPDATE issues SET milestone_id = 999 WHERE id = 50;
--: fails 23503
INSERT INTO notes (note, project_id) VALUES ('nowhere', 999);
DELETE FROM users WHERE id = 17;
SELECT id, author_id FROM issues WHERE author_id IS NULL;
DELETE FROM milestones WHERE id = 21;
DELETE FROM projects WHERE id = 20;
SELECT count(*), (SELECT count(*) FROM notes) FROM issues;

--: release times with a zone
ALTER TABLE issues ADD COLUMN closed_at_for_type_change timestamptz;
CREATE FUNCTION trigger_closed_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.closed_at_for_type_change := NEW.closed_at;
    RETURN NEW;
END
$$;
CREATE TRIGGER trigger_closed_at BEFORE INSERT OR UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION trigger_closed_at();
--: batches of 1000 to 2460
UPDATE issues SET closed_at_for_type_change = closed_at WHERE id BETWEEN {from} AND {to} AND closed_at IS NOT NULL;
UPDATE issues SET closed_at = '2021-01-01 12:00' WHERE id = 1301;
BEGIN;
DROP TRIGGER trigger_closed_at ON issues;
DROP FUNCTION trigger_closed_at();
ALTER TABLE issues DROP COLUMN closed_at;
ALTER TABLE issues RENAME COLUMN closed_at_for_type_change TO closed_at;
COMMIT;
--: code
SELECT date_trunc('year', closed_at), count(*) FROM issues GROUP BY 1;
UPDATE issues SET closed_at = '2020-06-07 08:09+02' WHERE id = 1302 RETURNING *;

--: release states as numbers
ALTER TABLE issues ADD COLUMN state_id smallint;
--: batches of 800 to 2460
UPDATE issues SET state_id = CASE state WHEN 'opened' THEN 1 WHEN 'closed' THEN 2 WHEN 'locked' THEN 4 END
    WHERE id BETWEEN {from} AND {to} AND state_id IS NULL;
ALTER TABLE issues ALTER COLUMN state_id SET DEFAULT 1;
ALTER TABLE issues ADD CONSTRAINT check_state_id CHECK (state_id IS NOT NULL) NOT VALID;
UPDATE issues SET state_id = 1 WHERE state_id IS NULL;
ALTER TABLE issues VALIDATE CONSTRAINT check_state_id;
ALTER TABLE issues ALTER COLUMN state_id SET NOT NULL;
ALTER TABLE issues DROP CONSTRAINT check_state_id;
CREATE INDEX CONCURRENTLY idx_issues_on_project_and_due_date_and_state ON issues (project_id, due_date, id, state_id)
    WHERE due_date IS NOT NULL;
CREATE INDEX CONCURRENTLY idx_issues_on_state_id ON issues (state_id);
DROP INDEX CONCURRENTLY index_issues_on_state;
ALTER TABLE issues DROP COLUMN state;
UPDATE issues SET lock_version = 0 WHERE lock_version IS NULL AND id % 4 = 0;
ALTER TABLE issues ALTER COLUMN lock_version SET DEFAULT 0;
--: code
UPDATE issues SET state_id = 1 WHERE id IN (402, 403, 2330) RETURNING id, closed_at, lock_version;
--: fails 23502
INSERT INTO issues (project_id, iid, state_id) VALUES (1, 900, NULL);
SELECT state_id, count(*) FROM issues WHERE due_date IS NULL GROUP BY 1;

--: release limits of texts
ALTER TABLE issues ADD COLUMN external_key varchar(255);
CREATE UNIQUE INDEX CONCURRENTLY index_issues_on_project_id_and_external_key ON issues (project_id, external_key)
    WHERE external_key IS NOT NULL;
ALTER TABLE issues ALTER COLUMN title TYPE varchar(512);
ALTER TABLE issues ADD CONSTRAINT check_title CHECK (char_length(title) <= 300) NOT VALID;
ALTER TABLE issues VALIDATE CONSTRAINT check_title;
ALTER TABLE notes ALTER COLUMN line_code TYPE text, ALTER COLUMN commit_id TYPE varchar;
ALTER TABLE notes ADD CONSTRAINT check_note CHECK (char_length(note) <= 8) NOT VALID;
--: fails 23514
ALTER TABLE notes VALIDATE CONSTRAINT check_note;
ALTER TABLE notes DROP CONSTRAINT check_note;
ALTER TABLE notes ADD CONSTRAINT check_note CHECK (char_length(note) <= 1000000) NOT VALID;
ALTER TABLE notes VALIDATE CONSTRAINT check_note;
ALTER TABLE notes ALTER COLUMN attachment SET STORAGE EXTENDED, ALTER COLUMN noteable_type SET STATISTICS 200;
COMMENT ON COLUMN issues.external_key IS 'Key of the issue in another tracker';
COMMENT ON TABLE notes IS 'What people said';
--: code
UPDATE issues SET external_key = 'EXT-' || iid WHERE project_id = 4 AND iid < 30;
--: fails 23505
UPDATE issues SET external_key = 'EXT-3' WHERE project_id = 4 AND iid = 40;
--: fails 23514
UPDATE issues SET title = repeat('x', 301) WHERE id = 91;

--: release types of work
CREATE TABLE work_item_types (id bigserial PRIMARY KEY, base_type smallint NOT NULL UNIQUE, name text NOT NULL);
INSERT INTO work_item_types (base_type, name) VALUES (0, 'Issue'), (1, 'Incident'), (2, 'Test Case'), (3, 'Requirement');
ALTER TABLE issues ADD COLUMN issue_type smallint DEFAULT 0 NOT NULL;
UPDATE issues SET issue_type = 1 WHERE id % 30 = 4;
CREATE INDEX CONCURRENTLY index_issues_on_incident ON issues (project_id, iid) WHERE issue_type = 1;
ALTER TABLE issues ADD COLUMN work_item_type_id bigint;
CREATE INDEX CONCURRENTLY index_issues_on_work_item_type_id ON issues (work_item_type_id);
ALTER TABLE issues ADD CONSTRAINT fk_issues_work_item_type FOREIGN KEY (work_item_type_id)
    REFERENCES work_item_types (id) NOT VALID;
ALTER TABLE issues VALIDATE CONSTRAINT fk_issues_work_item_type;
CREATE FUNCTION fill_work_item_type() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.work_item_type_id IS NULL THEN
        SELECT id INTO NEW.work_item_type_id FROM work_item_types WHERE base_type = NEW.issue_type;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER fill_work_item_type BEFORE INSERT ON issues FOR EACH ROW EXECUTE FUNCTION fill_work_item_type();
--: batches of 800 to 2460
UPDATE issues SET work_item_type_id = t.id FROM work_item_types t
    WHERE t.base_type = issue_type AND work_item_type_id IS NULL AND issues.id BETWEEN {from} AND {to};
ALTER TABLE issues ADD CONSTRAINT check_work_item_type CHECK (work_item_type_id IS NOT NULL) NOT VALID;
ALTER TABLE issues VALIDATE CONSTRAINT check_work_item_type;
--: code
INSERT INTO issues (project_id, iid, title, issue_type, created_at)
    SELECT 3, 400 + g, 'incident ' || g, g % 2, '2018-08-08' FROM generate_series(1, 40) g RETURNING id, work_item_type_id;
--: fails 23503
DELETE FROM work_item_types WHERE base_type = 1;
--: fails 23514
UPDATE issues SET work_item_type_id = NULL WHERE id = 55;
SELECT t.name, count(*) FROM issues i JOIN work_item_types t ON t.id = i.work_item_type_id GROUP BY 1;

--: release types of work, cleaned up
DROP TRIGGER fill_work_item_type ON issues;
DROP FUNCTION fill_work_item_type();
DROP INDEX CONCURRENTLY index_issues_on_incident;
ALTER TABLE issues DROP COLUMN issue_type;
ALTER TABLE issues ALTER COLUMN work_item_type_id SET DEFAULT 1;
--: code
INSERT INTO issues (project_id, iid, title, created_at) VALUES (5, 700, 'plain', '2019-01-01') RETURNING work_item_type_id;

--: release confidential notes get another name
ALTER TABLE notes ADD COLUMN confidential boolean;
UPDATE notes SET confidential = true WHERE id % 50 = 1;
CREATE INDEX CONCURRENTLY index_notes_on_confidential ON notes (id) WHERE confidential;
ALTER TABLE notes ADD COLUMN internal boolean DEFAULT false NOT NULL;
CREATE FUNCTION notes_confidential_to_internal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.confidential IS DISTINCT FROM OLD.confidential THEN
        NEW.internal := coalesce(NEW.confidential, NEW.internal);
    ELSIF NEW.internal IS DISTINCT FROM OLD.internal THEN
        NEW.confidential := NEW.internal;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER notes_confidential_to_internal BEFORE INSERT OR UPDATE OF confidential, internal ON notes FOR EACH ROW
    EXECUTE FUNCTION notes_confidential_to_internal();
--: batches of 1200 to 3600
UPDATE notes SET internal = confidential WHERE confidential AND id BETWEEN {from} AND {to};
UPDATE notes SET confidential = true WHERE id IN (500, 502, 3590) RETURNING id, internal;
UPDATE notes SET internal = false WHERE id IN (51, 101) RETURNING id, confidential;
CREATE INDEX CONCURRENTLY index_notes_on_internal ON notes (id) WHERE internal;
DROP TRIGGER notes_confidential_to_internal ON notes;
DROP FUNCTION notes_confidential_to_internal();
ALTER TABLE notes DROP COLUMN confidential;
--: code
SELECT count(*), min(id), max(id) FROM notes WHERE internal;
INSERT INTO notes (note, noteable_type, noteable_id, project_id, created_at, internal)
    SELECT 'old note ' || g, 'Issue', 10 + g, 2, '2019-02-02', g % 7 = 0 FROM generate_series(1, 60) g;

--: release namespaces
ALTER TABLE projects ADD COLUMN namespace_id bigint;
UPDATE projects SET namespace_id = 1000 + id;
ALTER TABLE issues ADD COLUMN namespace_id bigint;
--: batches of 800 to 2600
UPDATE issues SET namespace_id = p.namespace_id FROM projects p
    WHERE p.id = issues.project_id AND issues.id BETWEEN {from} AND {to} AND issues.namespace_id IS NULL;
CREATE UNIQUE INDEX CONCURRENTLY index_issues_on_namespace_id_iid_unique ON issues (namespace_id, iid);
ALTER TABLE issues ADD CONSTRAINT check_namespace CHECK (namespace_id IS NOT NULL) NOT VALID;
ALTER TABLE issues VALIDATE CONSTRAINT check_namespace;
DROP INDEX CONCURRENTLY index_issues_on_project_id_and_iid;
ALTER INDEX index_issues_on_namespace_id_iid_unique RENAME TO index_issues_on_namespace_id_and_iid;
ALTER TABLE notes ADD COLUMN namespace_id bigint;
UPDATE notes SET namespace_id = 1000 + project_id WHERE id % 3 = 0 AND namespace_id IS NULL;
--: code
--: fails 23505
INSERT INTO issues (namespace_id, iid, title) VALUES (1003, 20, 'taken');
INSERT INTO issues (project_id, namespace_id, iid, title, created_at)
    VALUES (3, 1090, 20, 'the same project and number', '2019-05-05');

--: release bigger numbers
ALTER TABLE notes ADD COLUMN id_convert_to_bigint bigint DEFAULT 0 NOT NULL;
ALTER TABLE notes ADD COLUMN author_id_convert_to_bigint bigint;
CREATE FUNCTION notes_to_bigint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.id_convert_to_bigint := NEW.id;
    NEW.author_id_convert_to_bigint := NEW.author_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER notes_to_bigint BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION notes_to_bigint();
CREATE TABLE suggestions (id bigserial PRIMARY KEY, note_id integer NOT NULL REFERENCES notes ON DELETE CASCADE, text text);
INSERT INTO suggestions (note_id, text) SELECT id, 'better: ' || id FROM notes WHERE id % 20 = 2 ORDER BY id;
--: batches of 900 to 3700
UPDATE notes SET id_convert_to_bigint = id, author_id_convert_to_bigint = author_id WHERE id BETWEEN {from} AND {to};
CREATE UNIQUE INDEX CONCURRENTLY index_notes_on_id_convert_to_bigint ON notes (id_convert_to_bigint);
CREATE INDEX CONCURRENTLY index_notes_on_author_id_bigint ON notes (author_id_convert_to_bigint);
ALTER TABLE suggestions ALTER COLUMN note_id TYPE bigint;
ALTER TABLE suggestions ADD CONSTRAINT fk_suggestions_note_new FOREIGN KEY (note_id)
    REFERENCES notes (id_convert_to_bigint) ON DELETE CASCADE NOT VALID;
ALTER TABLE suggestions VALIDATE CONSTRAINT fk_suggestions_note_new;
--: code
--: fails 23503
INSERT INTO suggestions (note_id, text) VALUES (999999, 'of nothing');
INSERT INTO suggestions (note_id, text) VALUES (402, 'of a cold note');
DELETE FROM notes WHERE id = 62;
INSERT INTO notes (note, created_at) VALUES ('between the releases', '2019-03-03') RETURNING *;

--: release bigger numbers, swapped
BEGIN;
LOCK TABLE notes IN ACCESS EXCLUSIVE MODE;
ALTER TABLE notes RENAME COLUMN id TO id_tmp;
ALTER TABLE notes RENAME COLUMN id_convert_to_bigint TO id;
ALTER TABLE notes RENAME COLUMN id_tmp TO id_convert_to_bigint;
ALTER TABLE notes RENAME COLUMN author_id TO author_id_tmp;
ALTER TABLE notes RENAME COLUMN author_id_convert_to_bigint TO author_id;
ALTER TABLE notes RENAME COLUMN author_id_tmp TO author_id_convert_to_bigint;
ALTER FUNCTION notes_to_bigint() RESET ALL;
ALTER SEQUENCE notes_id_seq OWNED BY notes.id;
ALTER SEQUENCE notes_id_seq AS bigint;
ALTER TABLE notes ALTER COLUMN id SET DEFAULT nextval('notes_id_seq');
ALTER TABLE notes ALTER COLUMN id_convert_to_bigint SET DEFAULT 0;
ALTER TABLE suggestions DROP CONSTRAINT suggestions_note_id_fkey;
ALTER TABLE notes DROP CONSTRAINT notes_pkey CASCADE;
ALTER TABLE notes ADD CONSTRAINT notes_pkey PRIMARY KEY USING INDEX index_notes_on_id_convert_to_bigint;
ALTER TABLE suggestions RENAME CONSTRAINT fk_suggestions_note_new TO fk_suggestions_note;
DROP INDEX index_notes_on_author_id;
ALTER INDEX index_notes_on_author_id_bigint RENAME TO index_notes_on_author_id;
DROP TRIGGER notes_to_bigint ON notes;
DROP FUNCTION notes_to_bigint();
COMMIT;
--: code
INSERT INTO notes (note, author_id, created_at) VALUES ('a big number', 3000000000, '2019-04-04') RETURNING *;
--: fails 23505
INSERT INTO notes (id, note) VALUES (700, 'taken');
DELETE FROM notes WHERE id = 82;
SELECT count(*) FROM suggestions s JOIN notes n ON n.id = s.note_id;

--: release bigger numbers, cleaned up
ALTER TABLE notes DROP COLUMN id_convert_to_bigint, DROP COLUMN author_id_convert_to_bigint;
--: anew
ALTER TABLE issues ALTER COLUMN updated_by_id TYPE bigint;
ALTER TABLE issues ADD COLUMN imported_from smallint DEFAULT 0 NOT NULL;
ALTER TABLE notes ADD COLUMN imported_from smallint DEFAULT 0 NOT NULL;
ALTER TABLE notes RENAME COLUMN attachment TO attachment_name;
ANALYZE issues;
--: code
SELECT id, author_id, internal, imported_from FROM notes WHERE id IN (5, 405, 3599);
UPDATE issues SET updated_by_id = 5000000000, imported_from = 2 WHERE id IN (222, 2400) RETURNING *;
