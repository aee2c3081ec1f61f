-- A chat server of the kind of Zulip: about ten years of its table of messages, and of the table that says which user
-- has read which message, in our own words, after its public release notes. Its tool (the one of Django) adds a default
-- for the moment of the command alone, makes foreign keys deferrable, and swaps what is too big to change at once.

--: release as it began
CREATE TABLE realm (id serial PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE userprofile (id serial PRIMARY KEY, email varchar(254) NOT NULL UNIQUE,
    realm_id integer NOT NULL REFERENCES realm DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE recipient (id serial PRIMARY KEY, type_id integer NOT NULL, type smallint NOT NULL, UNIQUE (type, type_id));
CREATE TABLE client (id serial PRIMARY KEY, name varchar(30) NOT NULL UNIQUE);
CREATE TABLE message (
    id serial PRIMARY KEY, subject varchar(60) NOT NULL, content text NOT NULL, rendered_content text,
    rendered_content_version integer, pub_date timestamptz NOT NULL, last_edit_time timestamptz, edit_history text,
    recipient_id integer NOT NULL REFERENCES recipient DEFERRABLE INITIALLY DEFERRED,
    sender_id integer NOT NULL REFERENCES userprofile DEFERRABLE INITIALLY DEFERRED,
    sending_client_id integer NOT NULL REFERENCES client DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX message_subject ON message (subject);
CREATE INDEX message_subject_like ON message (subject varchar_pattern_ops);
CREATE INDEX message_pub_date ON message (pub_date);
CREATE INDEX message_recipient_id ON message (recipient_id);
CREATE INDEX message_sender_id ON message (sender_id);
CREATE TABLE usermessage (
    id serial PRIMARY KEY, flags integer NOT NULL,
    message_id integer NOT NULL REFERENCES message DEFERRABLE INITIALLY DEFERRED,
    user_profile_id integer NOT NULL REFERENCES userprofile DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (user_profile_id, message_id));
CREATE INDEX usermessage_message_id ON usermessage (message_id);
CREATE TABLE reaction (id serial PRIMARY KEY, emoji_name text NOT NULL,
    message_id integer NOT NULL REFERENCES message DEFERRABLE INITIALLY DEFERRED,
    user_profile_id integer NOT NULL REFERENCES userprofile DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT reaction_uniq UNIQUE (user_profile_id, message_id, emoji_name));
INSERT INTO realm (name) SELECT 'realm ' || g FROM generate_series(1, 3) g;
INSERT INTO userprofile (email, realm_id) SELECT 'user' || g || '@example.org', 1 + g % 3 FROM generate_series(1, 30) g;
INSERT INTO recipient (type_id, type) SELECT g, 1 + g % 3 FROM generate_series(1, 40) g;
INSERT INTO client (name) VALUES ('website'), ('mobile'), ('bot');
INSERT INTO message (subject, content, rendered_content, rendered_content_version, pub_date, last_edit_time, edit_history,
        recipient_id, sender_id, sending_client_id)
    SELECT 'Topic ' || g % 90, 'said ' || g || CASE WHEN g % 9 = 0 THEN ' http://example.org/picture.png' ELSE '' END,
        CASE WHEN g % 10 > 0 THEN '<p>said ' || g || '</p>' END, CASE WHEN g % 10 > 0 THEN 1 END,
        '2014-01-01 00:00+00'::timestamptz + g * interval '27 hours',
        CASE WHEN g % 25 = 0 THEN '2014-01-02 00:00+00'::timestamptz + g * interval '27 hours' END,
        CASE WHEN g % 25 = 0 THEN '[{"prev_content": "Said", "user_id": ' || 1 + g % 30 || '}]' END,
        1 + g % 40, 1 + g % 30, 1 + g % 3
    FROM generate_series(1, 2500) g;
INSERT INTO usermessage (flags, message_id, user_profile_id)
    SELECT CASE WHEN g % 20 = 0 THEN 0 WHEN g % 33 = 0 THEN 3 WHEN g % 35 = 0 THEN 9 ELSE 1 END, g, 1 + (g + k) % 30
    FROM generate_series(1, 2500) g, generate_series(0, 1) k ORDER BY g, k;
INSERT INTO reaction (emoji_name, message_id, user_profile_id) SELECT 'smile', g * 5, 1 + g % 30 FROM generate_series(1, 300) g;
--: stretch message where pub_date < '2021-03-01 00:00+00'
--: stretch usermessage where message_id <= 2300

--: release attachments, images and links
BEGIN;
ALTER TABLE message ADD COLUMN has_attachment boolean DEFAULT false NOT NULL;
ALTER TABLE message ALTER COLUMN has_attachment DROP DEFAULT;
ALTER TABLE message ADD COLUMN has_image boolean DEFAULT false NOT NULL;
ALTER TABLE message ALTER COLUMN has_image DROP DEFAULT;
ALTER TABLE message ADD COLUMN has_link boolean DEFAULT false NOT NULL;
ALTER TABLE message ALTER COLUMN has_link DROP DEFAULT;
COMMIT;
UPDATE message SET has_link = true, has_image = content LIKE '%.png%' WHERE content LIKE '%http://%';
CREATE INDEX message_has_link ON message (has_link);
CREATE INDEX message_has_image ON message (has_image);
--: code
SELECT has_link, has_image, has_attachment, count(*) FROM message GROUP BY 1, 2, 3;
--: fails 23502
INSERT INTO message (subject, content, pub_date, recipient_id, sender_id, sending_client_id)
    VALUES ('Topic', 'by old code', '2015-01-01', 1, 1, 1);
INSERT INTO message (subject, content, pub_date, recipient_id, sender_id, sending_client_id, has_attachment, has_image,
        has_link)
    SELECT 'Imported', 'import ' || g, '2015-01-01', 1 + g % 40, 1, 3, g % 2 = 0, false, false FROM generate_series(1, 50) g
    RETURNING id;

--: release search
ALTER TABLE message ADD COLUMN search_tsvector tsvector;
CREATE FUNCTION message_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_tsvector := to_tsvector('english', NEW.subject || ' ' || coalesce(NEW.rendered_content, NEW.content));
    RETURN NEW;
END
$$;
CREATE TRIGGER message_search BEFORE INSERT OR UPDATE ON message FOR EACH ROW EXECUTE FUNCTION message_search();
--: batches of 900 to 2600
UPDATE message SET rendered_content = rendered_content WHERE id BETWEEN {from} AND {to};
CREATE INDEX CONCURRENTLY message_search_tsvector ON message USING gin (search_tsvector);
CREATE INDEX CONCURRENTLY message_upper_subject ON message (upper(subject::text));
DROP INDEX message_subject_like;
DROP INDEX message_subject;
ALTER TABLE message ALTER COLUMN search_tsvector SET STATISTICS 1000;
--: code
SELECT id, subject FROM message WHERE search_tsvector @@ plainto_tsquery('english', 'topic 17');
UPDATE message SET subject = 'Topic renamed', last_edit_time = '2016-01-01' WHERE upper(subject) = upper('topic 18')
    AND recipient_id < 20 RETURNING id, search_tsvector;
SELECT upper(subject), count(*), max(pub_date) FROM message WHERE recipient_id = 7 GROUP BY 1;

--: release unread and starred
CREATE INDEX CONCURRENTLY usermessage_unread ON usermessage (user_profile_id, message_id) WHERE flags & 1 = 0;
CREATE INDEX CONCURRENTLY usermessage_starred ON usermessage (user_profile_id, message_id) WHERE (flags & 2) <> 0;
CREATE INDEX CONCURRENTLY usermessage_mentioned ON usermessage (user_profile_id, message_id) WHERE (flags & 8) <> 0;
UPDATE usermessage SET flags = flags & ~64 WHERE flags & 64 <> 0;
UPDATE usermessage SET flags = flags | 1 WHERE flags & 1 = 0 AND message_id < 300;
--: code
SELECT user_profile_id, count(*) FROM usermessage WHERE flags & 1 = 0 GROUP BY 1;
UPDATE usermessage SET flags = flags | 2 WHERE user_profile_id = 4 AND message_id IN (3, 33, 63, 2463) RETURNING *;
SELECT message_id FROM usermessage WHERE user_profile_id = 4 AND (flags & 2) <> 0;
--: fails 23505
INSERT INTO usermessage (flags, message_id, user_profile_id) VALUES (0, 30, 1);

--: release dates get their name
ALTER TABLE message RENAME COLUMN pub_date TO date_sent;
ALTER INDEX message_pub_date RENAME TO message_date_sent;
DROP INDEX message_has_link;
DROP INDEX message_has_image;
ALTER TABLE reaction ADD COLUMN reaction_type varchar(30) DEFAULT 'unicode_emoji' NOT NULL;
ALTER TABLE reaction ALTER COLUMN reaction_type DROP DEFAULT;
ALTER TABLE reaction ADD COLUMN emoji_code text DEFAULT '1f642' NOT NULL;
ALTER TABLE reaction ALTER COLUMN emoji_code DROP DEFAULT;
ALTER TABLE reaction ADD CONSTRAINT reaction_code_uniq UNIQUE (user_profile_id, message_id, reaction_type, emoji_code);
ALTER TABLE reaction DROP CONSTRAINT reaction_uniq;
--: code
INSERT INTO reaction (emoji_name, message_id, user_profile_id, reaction_type, emoji_code) VALUES ('smile', 12, 3, 'u', '1f');
--: fails 23503
INSERT INTO reaction (emoji_name, message_id, user_profile_id, reaction_type, emoji_code) VALUES ('x', 99999, 3, 'u', '1f');
--: fails 23503
DELETE FROM message WHERE id = 12;
SELECT date_trunc('year', date_sent), count(*) FROM message GROUP BY 1;

--: release more than two thousand million
ALTER TABLE usermessage ADD COLUMN bigint_id bigint;
CREATE FUNCTION usermessage_bigint_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.bigint_id := NEW.id;
    RETURN NEW;
END
$$;
CREATE TRIGGER usermessage_bigint_id BEFORE INSERT ON usermessage FOR EACH ROW EXECUTE FUNCTION usermessage_bigint_id();
CREATE UNIQUE INDEX CONCURRENTLY usermessage_bigint_id_idx ON usermessage (bigint_id);
--: batches of 1300 to 5100
UPDATE usermessage SET bigint_id = id WHERE id BETWEEN {from} AND {to} AND bigint_id IS NULL;
--: code
INSERT INTO usermessage (flags, message_id, user_profile_id) SELECT 1, 40, g FROM generate_series(15, 20) g RETURNING *;
SELECT count(*), count(bigint_id), sum(bigint_id - id) FROM usermessage;

--: release more than two thousand million, swapped
BEGIN;
ALTER TABLE usermessage ALTER COLUMN bigint_id SET NOT NULL;
ALTER TABLE usermessage DROP CONSTRAINT usermessage_pkey;
DROP TRIGGER usermessage_bigint_id ON usermessage;
DROP FUNCTION usermessage_bigint_id();
ALTER SEQUENCE usermessage_id_seq OWNED BY NONE;
ALTER TABLE usermessage ALTER COLUMN id DROP DEFAULT, ALTER COLUMN id DROP NOT NULL;
ALTER TABLE usermessage RENAME COLUMN id TO id_old;
ALTER TABLE usermessage RENAME COLUMN bigint_id TO id;
ALTER TABLE usermessage ADD CONSTRAINT usermessage_pkey PRIMARY KEY USING INDEX usermessage_bigint_id_idx;
DROP SEQUENCE usermessage_id_seq;
CREATE SEQUENCE usermessage_id_seq OWNED BY usermessage.id;
SELECT setval('usermessage_id_seq', (SELECT max(id) + 1 FROM usermessage));
ALTER TABLE usermessage ALTER COLUMN id SET DEFAULT nextval('usermessage_id_seq');
COMMIT;
ALTER TABLE usermessage DROP COLUMN id_old;
--: code
INSERT INTO usermessage (flags, message_id, user_profile_id) SELECT 1, 41, g FROM generate_series(20, 25) g RETURNING *;
--: fails 23505
INSERT INTO usermessage (id, flags, message_id, user_profile_id) VALUES (1200, 1, 41, 1);
UPDATE usermessage SET flags = 1 | 2048 WHERE id IN (77, 4990) RETURNING *;

--: release bigger flags
BEGIN;
ALTER TABLE usermessage DROP CONSTRAINT usermessage_message_id_fkey;
--: anew
ALTER TABLE usermessage ALTER COLUMN flags TYPE bigint USING flags::bigint;
--: anew
ALTER TABLE message ALTER COLUMN id TYPE bigint USING id::bigint;
ALTER SEQUENCE message_id_seq AS bigint;
ALTER TABLE usermessage ALTER COLUMN message_id TYPE bigint USING message_id::bigint;
ALTER TABLE usermessage ADD CONSTRAINT usermessage_message_id_fk FOREIGN KEY (message_id) REFERENCES message (id)
    DEFERRABLE INITIALLY DEFERRED;
COMMIT;
ALTER TABLE reaction ALTER COLUMN message_id TYPE bigint USING message_id::bigint;
ALTER TABLE usermessage ALTER COLUMN flags SET DEFAULT 0;
--: code
SELECT user_profile_id, count(*) FROM usermessage WHERE flags & 1 = 0 GROUP BY 1;
INSERT INTO message (id, subject, content, date_sent, recipient_id, sender_id, sending_client_id, has_attachment,
        has_image, has_link) VALUES (5000000000, 'Far', 'away', '2016-01-01', 1, 1, 1, false, false, false);
INSERT INTO usermessage (message_id, user_profile_id, flags) VALUES (5000000000, 1, 1::bigint << 40) RETURNING *;
--: fails 23503
INSERT INTO usermessage (message_id, user_profile_id) VALUES (5000000001, 1);
DELETE FROM usermessage WHERE message_id = 5000000000;
DELETE FROM message WHERE id = 5000000000;

--: release messages of realms
ALTER TABLE message ADD COLUMN realm_id integer NULL CONSTRAINT message_realm_id_fk REFERENCES realm (id)
    DEFERRABLE INITIALLY DEFERRED;
SET CONSTRAINTS message_realm_id_fk IMMEDIATE;
CREATE INDEX message_realm_id ON message (realm_id);
--: batches of 900 to 2600
UPDATE message SET realm_id = u.realm_id FROM userprofile u
    WHERE u.id = message.sender_id AND message.id BETWEEN {from} AND {to} AND message.realm_id IS NULL;
ALTER TABLE message ALTER COLUMN realm_id SET NOT NULL;
CREATE INDEX CONCURRENTLY message_realm_date_sent ON message (realm_id, date_sent);
CREATE INDEX CONCURRENTLY message_realm_recipient_date_sent ON message (realm_id, recipient_id, date_sent);
CREATE INDEX CONCURRENTLY message_realm_recipient_upper_subject
    ON message (realm_id, recipient_id, upper(subject::text), id DESC NULLS LAST);
CREATE INDEX CONCURRENTLY message_realm_sender_recipient ON message (realm_id, sender_id, recipient_id);
DROP INDEX CONCURRENTLY message_upper_subject;
DROP INDEX CONCURRENTLY message_date_sent;
DROP INDEX CONCURRENTLY message_realm_id;
--: code
SELECT id FROM message WHERE realm_id = 2 AND recipient_id = 5 AND upper(subject) = 'TOPIC 4' ORDER BY id DESC LIMIT 10;
--: fails 23503
UPDATE message SET realm_id = 9 WHERE id = 44;
UPDATE message SET subject = 'moved', recipient_id = 3 WHERE realm_id = 1 AND upper(subject) = 'TOPIC 7' RETURNING id;

--: release histories of edits in another form
--: repeat
WITH old AS (SELECT id FROM message WHERE edit_history LIKE '%"prev_content"%' ORDER BY id LIMIT 60)
    UPDATE message m SET edit_history = replace(m.edit_history, '"prev_content"', '"prev_content_was"')
    FROM old WHERE old.id = m.id;
CREATE INDEX CONCURRENTLY message_edit_history_id ON message (id) WHERE edit_history IS NOT NULL;
ALTER TABLE message ADD COLUMN last_moved_time timestamptz;
UPDATE message SET last_moved_time = last_edit_time WHERE subject = 'moved';
ALTER TABLE message ALTER COLUMN subject TYPE varchar(120);
ALTER TABLE message ADD COLUMN type smallint DEFAULT 1 NOT NULL;
ALTER TABLE message ALTER COLUMN type DROP DEFAULT;
ALTER TABLE message ADD CONSTRAINT message_type_check CHECK (type >= 0);
--: code
SELECT count(*), min(id), max(edit_history) FROM message WHERE edit_history IS NOT NULL;
--: fails 23514
UPDATE message SET type = -1 WHERE id = 45;
INSERT INTO message (subject, content, date_sent, recipient_id, sender_id, sending_client_id, has_attachment, has_image,
        has_link, realm_id, type)
    SELECT 'Batch', 'later import ' || g, '2017-01-01', 1 + g % 40, 2, 3, false, false, false, 2, g % 2
    FROM generate_series(1, 60) g RETURNING id, search_tsvector;

--: release channels
ALTER TABLE message ADD COLUMN is_channel_message boolean DEFAULT true NOT NULL;
--: batches of 900 to 2700
UPDATE message SET is_channel_message = false FROM recipient r
    WHERE r.id = recipient_id AND r.type <> 2 AND message.id BETWEEN {from} AND {to};
CREATE INDEX CONCURRENTLY message_channel_realm_upper_subject
    ON message (realm_id, upper(subject::text), id DESC NULLS LAST) WHERE is_channel_message;
ALTER TABLE message DROP CONSTRAINT message_type_check;
ALTER TABLE message ADD CONSTRAINT message_type_check CHECK (type IN (0, 1, 2)) NOT VALID;
ALTER TABLE message VALIDATE CONSTRAINT message_type_check;
UPDATE message SET subject = '' WHERE NOT is_channel_message AND subject <> '';
DROP INDEX CONCURRENTLY message_realm_recipient_upper_subject;
COMMENT ON COLUMN message.subject IS 'The topic; empty in direct messages';
--: code
SELECT is_channel_message, count(*), count(DISTINCT subject) FROM message GROUP BY 1;
--: fails 23514
UPDATE message SET type = 3 WHERE id = 46;

-- What the search reads is made by the server itself; the trigger goes.
--: release search without a trigger
DROP TRIGGER message_search ON message;
DROP FUNCTION message_search();
ALTER TABLE message DROP COLUMN search_tsvector;
--: anew
ALTER TABLE message ADD COLUMN search_tsvector tsvector
    GENERATED ALWAYS AS (to_tsvector('english', subject || ' ' || content)) STORED;
CREATE INDEX CONCURRENTLY message_search_tsvector ON message USING gin (search_tsvector);
CREATE STATISTICS message_realm_sender ON realm_id, sender_id FROM message;
ANALYZE message;
--: code
SELECT id, subject FROM message WHERE search_tsvector @@ plainto_tsquery('english', 'topic 17');
UPDATE message SET content = 'edited' WHERE id IN (90, 91, 2490) RETURNING id, search_tsvector;

--: release another name
BEGIN;
ALTER TABLE usermessage RENAME TO user_message;
ALTER INDEX usermessage_pkey RENAME TO user_message_pkey;
CREATE VIEW usermessage AS SELECT * FROM user_message;
COMMIT;
--: code
UPDATE usermessage SET flags = flags | 4 WHERE message_id IN (5, 2400) RETURNING *;
DELETE FROM usermessage WHERE user_profile_id = 7 AND message_id < 50;

--: release another name, cleaned up
DROP VIEW usermessage;
ALTER TABLE user_message RENAME CONSTRAINT usermessage_message_id_fk TO user_message_message_id_fk;
ALTER SEQUENCE usermessage_id_seq RENAME TO user_message_id_seq;
--: code
SELECT flags, count(*) FROM user_message GROUP BY 1;
INSERT INTO user_message (flags, message_id, user_profile_id) SELECT 1, 61, g FROM generate_series(5, 10) g RETURNING *;
