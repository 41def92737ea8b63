"""Readings become datums: what a sample means, what stream it belongs to, what merges with what.

Pure: no clock, no I/O, no session, no charger; those belong to `central_system`. In the order a
reading travels:

    measurands.py   the tables: measurand, phase, unit, location, context, and what a sample is scaled by
    datums.py       the samples of one message -> readings by (time, location) -> datums
    source_ids.py   the template of a stream's name -> its source id
"""
