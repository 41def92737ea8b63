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
    Hostile("SELECT " + "+".join(["1"] * 5000), "deeper than the stack"),
)

BOUNDED: tuple[Hostile, ...] = (
    Hostile("WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT max(n) FROM a", "never ends"),
    Hostile(
        "WITH RECURSIVE a(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM a) SELECT max(length(s)) FROM a",
        "doubles without end",
    ),
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
