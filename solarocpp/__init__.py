"""solarocpp, an OCPP 1.6J central system that turns charge sessions into time series.

A tour, in the order a frame travels (an arrow is an import; nothing points back up):

    gateway/         sockets: listens, judges handshakes, one nursery for each charger
      -> ocpp/             frames, correlation and messages; pure, knows no socket
      -> central_system/   what we answer and what it means; pure, knows no socket and no JSON
           -> metering/    readings become datums; pure
           -> registry/    accounts, nodes, chargers, tokens, credentials
      -> store/            the one writer: ledger, group commit, projector, tables
      -> certificates/     makes and reads certificates; knows nothing of ours
    query/           what analysts ask: sessions, datums, latest; needs nothing above but table names
    web/, cli/       the same questions and orders over HTTP and from a shell
    simulator/       charge points that behave, for demonstrations, tests and measurements
    staging.py       the past of a simulated site as a data directory, made without sockets
    rebuilding.py    the ledger through the handlers again, into tables that take the place of those that are there
    app.py           nests it all and takes it down again in order
"""

__version__ = "0.1.0"
