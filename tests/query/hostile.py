"""SQL that a stranger may send, and must come to nothing through every door: HTTP, terminal, quack.

`REFUSED` is answered with an error before anything of it runs. `BOUNDED` may run: it ends at its time
or memory limit, or gives a harmless answer, and the server is as well as before.
"""

from __future__ import annotations

from typing import NamedTuple


class Hostile(NamedTuple):
    """A statement, and what it is after."""

    sql: str
    why: str


REFUSED: tuple[Hostile, ...] = (
    # writes
    Hostile("INSERT INTO datum SELECT * FROM datum", "doubles the readings"),
    Hostile("UPDATE chargeSession SET token = 'mine'", "charges somebody else"),
    Hostile("DELETE FROM ledger", "forgets what was said"),
    Hostile("MERGE INTO node USING node n ON true WHEN MATCHED THEN DELETE", "deletes by another word"),
    Hostile("TRUNCATE datum", "empties a table"),
    Hostile("WITH gone AS (DELETE FROM datum RETURNING *) FROM gone", "a write inside of a question"),
    Hostile("SELECT * INTO mine FROM datum", "makes a table"),
    Hostile("EXPLAIN ANALYZE INSERT INTO node SELECT * FROM node", "EXPLAIN ANALYZE really runs it"),
    Hostile("explain/**/analyze--\nDELETE FROM datum", "the same behind comments"),
    Hostile("SELECT nextval('s')", "moves a sequence"),
    # definitions
    Hostile("CREATE TABLE mine AS FROM datum", "fills the disk"),
    Hostile("CREATE OR REPLACE VIEW session AS SELECT 1", "changes what all others see"),
    Hostile("CREATE TEMP MACRO m() AS TABLE FROM read_text('/etc/passwd')", "hides a function in a macro"),
    Hostile("CREATE FUNCTION sum(x) AS 42", "replaces a function"),
    Hostile("CREATE SECRET (TYPE s3, KEY_ID 'x')", "stores a secret"),
    Hostile("CREATE TYPE mood AS ENUM ('bad')", "changes the catalog"),
    Hostile("ALTER TABLE datum DROP COLUMN watts", "loses a column"),
    Hostile("DROP TABLE datum", "loses a table"),
    Hostile("COMMENT ON TABLE datum IS 'owned'", "writes to the catalog"),
    # files and other databases
    Hostile("COPY datum TO '/tmp/x.parquet'", "writes a file"),
    Hostile("COPY (SELECT 1) TO '/tmp/x.csv'", "writes a file"),
    Hostile("COPY node FROM '/etc/passwd'", "reads a file"),
    Hostile("COPY FROM DATABASE solarocpp TO memory", "copies the store"),
    Hostile("EXPORT DATABASE '/tmp/x'", "writes files"),
    Hostile("IMPORT DATABASE '/tmp/x'", "runs files"),
    Hostile("ATTACH 'secrets.duckdb'", "opens the hashes"),
    Hostile("ATTACH ':memory:' AS m", "a database to write to"),
    Hostile("DETACH solarocpp", "takes the store away"),
    Hostile("FROM read_text('/etc/passwd')", "reads a file"),
    Hostile("FROM read_csv('/etc/passwd')", "reads a file"),
    Hostile("FROM read_parquet('http://127.0.0.1/x')", "reaches the network"),
    Hostile("FROM read_json_auto('/proc/self/environ')", "reads the environment"),
    Hostile("FROM read_blob('admin.token')", "reads the token"),
    Hostile("FROM read_duckdb('secrets.duckdb')", "opens the hashes"),
    Hostile("SELECT * FROM glob('/**')", "lists files"),
    Hostile("FROM sniff_csv('/etc/passwd')", "reads a file"),
    Hostile("FROM parquet_metadata('x.parquet')", "reads a file"),
    Hostile("FROM '/etc/passwd'", "a file as a table"),
    Hostile('SELECT * FROM "https://127.0.0.1/x.parquet"', "an address as a table"),
    Hostile("SUMMARIZE '/etc/passwd'", "a file as a table"),
    Hostile("DESCRIBE 'secrets.duckdb'", "a file as a table"),
    Hostile("SELECT (FROM '/etc/hosts' LIMIT 1)", "a file as a table, deeper"),
    # extensions
    Hostile("INSTALL httpfs", "brings code"),
    Hostile("FORCE INSTALL quack FROM 'http://127.0.0.1'", "brings other code"),
    Hostile("LOAD '/tmp/x.duckdb_extension'", "runs code"),
    Hostile("UPDATE EXTENSIONS", "brings code"),
    # settings
    Hostile("SET memory_limit = '1TB'", "lifts a limit"),
    Hostile("SET GLOBAL enable_external_access = true", "opens the files"),
    Hostile("RESET lock_configuration", "unlocks the settings"),
    Hostile("SET VARIABLE x = 1", "leaves something for the next"),
    Hostile("PRAGMA enable_profiling", "writes profiles"),
    Hostile("PRAGMA memory_limit='1TB'", "lifts a limit"),
    Hostile("PRAGMA database_list", "tells paths"),
    Hostile("SELECT setseed(0.5)", "changes the connection of the next"),
    Hostile("USE memory", "changes where names lead"),
    # statements about the server
    Hostile("CALL enable_logging()", "logs the queries of others"),
    Hostile("FROM enable_logging()", "the same as a table"),
    Hostile("CHECKPOINT", "holds up writers"),
    Hostile("FROM force_checkpoint()", "the same as a table"),
    Hostile("VACUUM", "holds up writers"),
    Hostile("ANALYZE", "holds up writers"),
    Hostile("BEGIN", "keeps a transaction open"),
    Hostile("ROLLBACK", "ends the one it runs in"),
    Hostile("PREPARE p AS DROP TABLE datum", "hides a statement"),
    Hostile("EXECUTE p", "runs a hidden statement"),
    Hostile("DEALLOCATE p", "takes a statement away"),
    # looking at the server and at others
    Hostile("SELECT getenv('SOLAROCPP_TOKEN')", "reads the token from the environment"),
    Hostile("SELECT list_transform(['HOME'], lambda v: getenv(v))", "the same within a lambda"),
    Hostile("SELECT current_setting('quack_authentication_function')", "how tokens are checked"),
    Hostile("SELECT \"current_setting\"('temp_directory')", "a path, with quotes about the name"),
    Hostile("FROM duckdb_settings()", "paths and limits"),
    Hostile("FROM system.main.duckdb_logs", "queries of others, qualified"),
    Hostile("FROM duckdb_secrets()", "secrets"),
    Hostile("FROM which_secret('s3://x', 's3')", "secrets"),
    Hostile("FROM duckdb_databases", "paths"),
    Hostile("FROM pg_catalog.pg_settings", "paths and limits"),
    Hostile("FROM pragma_database_list", "paths"),
    Hostile("FROM duckdb_prepared_statements()", "statements of others"),
    Hostile("FROM pg_prepared_statements", "statements of others"),
    Hostile("FROM duckdb_temporary_files()", "files"),
    Hostile("FROM duckdb_connections()", "who else is here"),
    Hostile("FROM duckdb_extensions()", "paths"),
    Hostile("FROM quack_active_connections()", "who else is here"),
    Hostile("FROM quack_server_list()", "shows the token"),
    Hostile("FROM quack_serve('quack:0.0.0.0')", "opens a door without us"),
    Hostile("CALL quack_stop('quack:127.0.0.1')", "closes the door for all"),
    Hostile("SELECT quack_check_token('a', 'b', 'c')", "tries tokens"),
    Hostile("FROM quack_query('quack:127.0.0.1:9494', 'SELECT 1')", "has the server call itself"),
    Hostile("FROM whoami()", "who the server is"),
    Hostile("FROM answers.main.q1", "what others asked for"),
    Hostile('FROM "Answers".q1', "what others asked for"),
    Hostile("FROM histogram_values('duckdb_logs', message)", "queries of others, their table named by a text"),
    Hostile("FROM histogram(duckdb_databases, path)", "paths, from a macro over query_table"),
    Hostile("SELECT current_query()", "what else was asked"),
    Hostile("SELECT write_log('x')", "writes to the log"),
    # SQL in SQL
    Hostile("FROM query('DROP TABLE datum')", "SQL from a text"),
    Hostile("FROM query_table('duckdb_logs')", "a table from a text"),
    Hostile("FROM json_execute_serialized_sql('{}')", "SQL from a tree"),
    Hostile("SELECT json_serialize_plan('FROM read_text(''/etc/passwd'')')", "has it planned, which looks at files"),
    Hostile("SELECT $$ ; $$; DROP TABLE datum", "a semicolon that counts behind one that does not"),
    Hostile("SELECT 1; DROP TABLE datum", "two statements"),
    Hostile("SELECT 1 /* ; */ ; -- \n ATTACH 'x'", "two statements, behind comments"),
    Hostile("/* SELECT */ DROP /* SELECT */ TABLE datum -- SELECT 1", "a comment that looks like a question"),
    Hostile("PIVOT datum ON status USING count(*)", "runs a CREATE TYPE first"),
    # bombs that neither a memory limit nor an interrupt would stop
    Hostile("SELECT repeat('x', 1000000000)", "a gigabyte in one value"),
    Hostile("SELECT repeat(repeat(repeat('x', 10000), 10000), 10000)", "the same in steps"),
    Hostile("SELECT repeat('x', watts::BIGINT) FROM datum", "as long as a charger says"),
    Hostile("SELECT lpad('x', 2000000000, 'y')", "two gigabytes"),
    Hostile("SELECT len(range(4000000000))", "a list of all numbers"),
    Hostile("SELECT generate_series(TIMESTAMP '0001-01-01', now()::TIMESTAMP, INTERVAL '1 us')", "all microseconds"),
    Hostile("SELECT list_transform(range(10000), lambda x: range(10000))", "a list of lists"),
    Hostile("SELECT list_resize([1], 4000000000)", "a list of nothing"),
    Hostile("SELECT printf('%1000000000d', 1)", "a gigabyte of blanks"),
    Hostile("SELECT format('{:{}}', 1, 1000000000)", "the same, its width an argument"),
    Hostile("SELECT list_reduce(['x', 'x'], lambda a, b: a || a)", "doubles at each step"),
    Hostile("SELECT bitstring('1', 4000000000)", "half a gigabyte"),
    Hostile("SELECT length(" + "bin(" * 9 + "'x'" + ")" * 9 + ")", "eight times longer at each step"),
    Hostile("SELECT replace(rpad('', 50000, 'x'), 'x', rpad('', 50000, 'y'))", "each letter becomes a text"),
    Hostile("SELECT regexp_replace(rpad('', 50000, 'x'), 'x', '" + "y" * 100 + "', 'g')", "the same by a pattern"),
    Hostile("SELECT string_split(rpad(range::VARCHAR, 90000, 'x'), '') FROM range(4000)", "each letter becomes a text"),
    Hostile("SELECT levenshtein(rpad(range::VARCHAR, 90000, 'x'), token) FROM range(2000), datum", "hours in one call"),
    Hostile("SELECT jaro_similarity(message, message) FROM ledger", "the same by another name"),
    Hostile("SELECT request LIKE '%a_%b%c' FROM ledger", "LIKE with _ tries again at each place: hours for one text"),
    Hostile("SELECT request NOT ILIKE '%a%b%c' FROM ledger", "ILIKE does so without _"),
    Hostile("SELECT request GLOB '*a*b*c' FROM ledger", "and GLOB"),
    Hostile("SELECT like_escape(request, '%a%b%c', '$') FROM ledger", "LIKE as a function"),
    Hostile("SELECT request LIKE request FROM ledger", "a pattern that somebody sent"),
    Hostile(
        "SELECT contains(rpad(token, 9000, 'a'), rpad('', 4000, 'a') || 'b') FROM datum", "4,000 for each character"
    ),
    Hostile("SELECT regexp_matches(rpad(token, 9000, 'a'), '[ab]{1,900}c') FROM datum", "900 steps for a character"),
    Hostile("SELECT regexp_matches(token, token) FROM datum", "a pattern that somebody sent"),
    Hostile(
        "SELECT regexp_replace(rpad(token, 1600, 'a'), 'q*', 'b', 'g') FROM datum", "the rest again for each match"
    ),
    Hostile("SELECT regexp_replace(string_agg(request, ''), 'a', 'b', 'g') FROM ledger", "the same, for all"),
    Hostile("SELECT (rpad('9', 15000, '9') || nodeId)::BIGNUM FROM datum", "a number whose digits cost their square"),
    Hostile("SELECT bitstring_agg(nodeId, 0, 900000000) FROM datum GROUP BY created", "100 MB for each row"),
    Hostile("SELECT list_aggregate([nodeId], 'bitstring_agg', 0, 900000000) FROM datum", "the same by another name"),
    Hostile("SELECT approx_top_k(watts, 900000) FROM datum GROUP BY created", "room for 900,000 for each row"),
    Hostile("SELECT list_select([rpad('', 8000, 'x')], list_resize([1], 1900, 1))", "one element, 1,900 times"),
    Hostile(
        "SELECT quantile_cont(watts, [x / 2000.0 FOR x IN range(1900)]) OVER (ORDER BY created) FROM datum",
        "1,900 quantiles for each row",
    ),
    Hostile(
        "WITH RECURSIVE a(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM a) SELECT max(length(s)) FROM a",
        "doubles without end",
    ),
    Hostile("SELECT s || s FROM (SELECT concat(" + "repeat('x', 4000), " * 3 + "token) s FROM datum)", "joined twice"),
    Hostile(
        "WITH " + ", ".join(f"t{n} AS (SELECT s || s s FROM t{n - 1})" for n in range(1, 25)) + " FROM t24",
        "doubles with each CTE",
    ),
    Hostile("SELECT repeat(request, 9000) FROM ledger", "a long text, often"),
    Hostile("SELECT repeat($1, 9000)", "a parameter, as long as may be"),
    Hostile(
        "SELECT list_transform(range(1000), lambda x: list_sum(list_transform(range(1000), lambda y: x * y)))",
        "a lambda in a lambda: a million for each row",
    ),
    Hostile("SELECT [[y FOR y IN range(1000)] FOR x IN range(1000)]", "the same as comprehensions"),
    Hostile("SELECT list_transform(range(1000), lambda x: request) FROM ledger", "a thousand copies"),
    Hostile(
        "SELECT max(length(s || range)) FROM (SELECT string_agg(range, '') s FROM range(1000000)), range(2048)",
        "a text of a million rows, once for each of 2,048",
    ),
    Hostile(
        "SELECT max(length((SELECT string_agg(request, '') FROM ledger) || range)) FROM range(2048)", "as a subquery"
    ),
    Hostile("SELECT unnest(range(2000)), string_agg(request, '') FROM ledger", "beside unnest"),
    Hostile("SELECT list(request) OVER (ORDER BY created) FROM ledger", "all so far, once for each row"),
    Hostile(
        "SELECT mode(watts) OVER (ORDER BY created ROWS BETWEEN transactionId PRECEDING AND CURRENT ROW) FROM datum",
        "a frame of its own for each row, counted anew",
    ),
    Hostile(
        "SELECT sum(DISTINCT watts) OVER (ORDER BY created ROWS 99999 PRECEDING EXCLUDE CURRENT ROW) FROM datum",
        "the same by what it leaves out",
    ),
    Hostile("SELECT first_value(l) OVER () FROM (SELECT list(request) l FROM ledger GROUP BY action)", "in a window"),
    Hostile(
        "SELECT list_transform(l, lambda x: len(list_filter(l, lambda y: y = x))) FROM (SELECT list(soc) l FROM datum)",
        "each with each",
    ),
    Hostile("SELECT " + "+".join(["1"] * 5000), "deeper than the stack"),
)

BOUNDED: tuple[Hostile, ...] = (
    Hostile("/* /* */ EXPLAIN SELECT 1 --*/ EXPLAIN ANALYZE DELETE FROM charger", "to DuckDB, comments nest"),
    Hostile("--\r EXPLAIN ANALYZE DELETE FROM charger /*\nEXPLAIN SELECT 1 --*/", "to DuckDB, \\r ends a comment"),
    Hostile("WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT max(n) FROM a", "never ends"),
    Hostile("SELECT count(*) FROM range(1000000) a, range(1000000) b", "a cross join of millions"),
    Hostile("SELECT count(*) FROM range(10000000) a, range(10000000) b, range(10000000) c", "a larger one"),
    Hostile("SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY hash(range)) n FROM range(1000000000))", "sorts"),
    Hostile("SELECT range FROM range(1000000000) ORDER BY hash(range)", "sorts, and shows all"),
    Hostile("SELECT count(DISTINCT range) FROM range(10000000000)", "keeps all it sees"),
    Hostile("SELECT length(string_agg(range::VARCHAR, ',')) FROM range(10000000000)", "one text of all"),
    Hostile("SELECT len(list(range)) FROM range(10000000000)", "one list of all"),
    Hostile("SELECT median(random()) FROM range(10000000000)", "keeps all it sees"),
    Hostile("SELECT regexp_matches(rpad('', 9999, 'a'), '(a*)*b')", "a regex that takes exponential time elsewhere"),
    Hostile("SELECT '" + "x" * 100_000 + "'", "a long text"),
    Hostile("FROM datum AT (VERSION => 1)", "time travel"),
    Hostile("FROM secrets.credential", "the hashes, were they attached"),
    Hostile("FROM credential", "the hashes, were they here"),
    Hostile('SELECT "password" FROM datum', "a column that is not there"),
)
