# Daily work. `just` alone is what a change must pass before it is committed; `just --list` is the contributor's guide.
# Nothing here is needed to use or test solarocpp: README.md's lines do their own set-up.

python := ".venv/bin/python"
ours := "solarocpp tests examples"

# format, lint, types, tests: before every commit
default: format lint types test

# the virtual environment, with everything a contributor needs
setup:
    python3 -m venv .venv && .venv/bin/pip install -q -c requirements.lock -e '.[dev]'

# rewrite the sources in the one format
format:
    .venv/bin/ruff format {{ours}}

# every rule of ruff; each ignore has its reason in pyproject.toml
lint:
    .venv/bin/ruff check {{ours}}

# mypy, strict
types:
    .venv/bin/mypy

# all tests, or some: `just test tests/ocpp -k frames`
test *arguments:
    {{python}} -m pytest {{arguments}}

# a server on ./data: `just serve --ocpp 0.0.0.0:9000`
serve *arguments:
    .venv/bin/solarocpp serve {{arguments}}

# a server with simulated chargers, on a throw-away data directory
demo *arguments:
    .venv/bin/solarocpp demo {{arguments}}

# the figures in README.md: one JSON line each; exits 1 when a promise does not hold
bench:
    {{python}} tests/bench/ingest.py
    {{python}} tests/bench/ingest.py --stages
    {{python}} tests/bench/connect.py
    {{python}} tests/bench/query.py
    {{python}} tests/bench/readers.py
    {{python}} tests/bench/api.py
    {{python}} tests/bench/export.py
    {{python}} tests/bench/files.py
    {{python}} tests/bench/storm.py
    {{python}} tests/bench/churn.py
    {{python}} tests/bench/siege.py
    {{python}} tests/bench/rebuild.py

# kill -9 a loaded server at random points, and look for what was confirmed; a seed repeats a run
crash seed="":
    SOLAROCPP_CRASH_SEED={{seed}} {{python}} -m pytest tests/crash -s

# schemathesis over the whole API for so many seconds: no server error, no answer outside its schema; a seed repeats a run
schema seconds="300" seed="1":
    SOLAROCPP_SCHEMA_SECONDS={{seconds}} SOLAROCPP_SCHEMA_SEED={{seed}} {{python}} -m pytest tests/web/test_web_schema.py -s

# data/README.md, from the tables in the code
docs:
    {{python}} -m solarocpp.query.reference > data/README.md

# the lock file, for every platform and Python we support
lock:
    .venv/bin/pip install -q uv && .venv/bin/uv pip compile -q --universal --python-version 3.11 --extra dev --no-header pyproject.toml -o requirements.lock
