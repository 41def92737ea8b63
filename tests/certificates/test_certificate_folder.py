"""What `tls init` makes: files that OpenSSL and chargers take, and none that must stay made anew."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from solarocpp.certificates import read_certificates
from solarocpp.certificates.folder import Made, TlsFolder
from solarocpp.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> TlsFolder:
    return TlsFolder(tmp_path / "tls")


def init(
    folder: TlsFolder,
    *chargers: str,
    names: tuple[str, ...] = (),
    renew: bool = False,
    days: int = 30,
    hid: str = "",
) -> Made:
    return folder.init(
        names=names,
        fallback_names=("localhost", "127.0.0.1"),
        chargers=chargers,
        now=datetime.now(UTC),  # noqa: TID251 OpenSSL judges them by its own clock
        days=days,
        renew=renew,
        hid=hid,
    )


def made(folder: TlsFolder, result: Made) -> list[str]:
    return [path.relative_to(folder.directory).as_posix() for path in result.written]


def test_everything_is_made_once(folder: TlsFolder) -> None:
    first = init(folder, "CP001")
    assert made(folder, first) == [
        "ca.pem",
        "ca.key",
        "server.pem",
        "server.key",
        "chargers/CP001.pem",
        "chargers/CP001.key",
    ]
    contents = {path: path.read_bytes() for path in first.written}
    assert init(folder, "CP001").written == ()
    assert made(folder, init(folder, "CP001", "CP002")) == ["chargers/CP002.pem", "chargers/CP002.key"]
    assert {path: path.read_bytes() for path in contents} == contents


def test_accounts_do_not_share_the_certificates_of_chargers_that_are_called_the_same(folder: TlsFolder) -> None:
    init(folder, "CP001")
    results = [init(folder, "CP001", hid=hid) for hid in ("hid22222", "hid33333")]
    assert [made(folder, result) for result in results] == [
        ["chargers/hid22222/CP001.pem", "chargers/hid22222/CP001.key"],
        ["chargers/hid33333/CP001.pem", "chargers/hid33333/CP001.key"],
    ]
    paths = [folder.charger("CP001", hid)[0] for hid in ("", "hid22222", "hid33333")]
    found = [read_certificates(path.read_bytes())[0] for path in paths]
    assert [(one.names, one.organization) for one in found] == [
        (("CP001",), "solarocpp"),
        (("CP001",), "hid22222"),
        (("CP001",), "hid33333"),
    ]


def test_keys_are_for_their_owner_only(folder: TlsFolder) -> None:
    init(folder, "CP001")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.directory.rglob("*.key")}
    assert modes == {"ca.key": 0o600, "server.key": 0o600, "CP001.key": 0o600}


def test_renewing_makes_the_server_anew_and_never_the_authority(folder: TlsFolder) -> None:
    init(folder, "CP001", names=("old.example", "10.0.0.5"))
    before = folder.authority.read_bytes(), folder.authority_key.read_bytes(), folder.server.read_bytes()
    again = init(folder, renew=True)
    assert made(folder, again) == ["server.pem", "server.key"]
    assert again.server.hosts == ("old.example", "10.0.0.5")  # those it had
    assert folder.server.read_bytes() != before[2]
    assert (folder.authority.read_bytes(), folder.authority_key.read_bytes()) == before[:2]
    other = init(folder, "CP001", names=("new.example",), renew=True)
    assert made(folder, other) == ["server.pem", "server.key", "chargers/CP001.pem", "chargers/CP001.key"]
    assert other.server.hosts == ("new.example",)


def test_a_certificate_outlives_no_authority(folder: TlsFolder) -> None:
    server = init(folder, days=100_000).server
    (authority,) = read_certificates(folder.authority.read_bytes())
    assert server.not_after == authority.not_after
    assert authority.not_after - server.not_before > timedelta(days=19 * 365)


@pytest.mark.parametrize("identifier", ["CP001", "a/b", "..", "Büro 1|%", "x" * 64])
def test_openssl_takes_both_ends_whatever_the_identifier(folder: TlsFolder, identifier: str) -> None:
    """A whole handshake, strict as Python 3.13 is by default."""
    init(folder, identifier)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder.server, folder.server_key)
    server.load_verify_locations(folder.authority)
    server.verify_mode = ssl.CERT_REQUIRED
    charger = ssl.create_default_context(cafile=folder.authority)
    certificate, key = folder.charger(identifier)
    assert certificate.parent == folder.directory / "chargers"
    charger.load_cert_chain(certificate, key)
    for context in (server, charger):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    for host in ("localhost", "127.0.0.1"):
        there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = (server.wrap_bio(there, here, server_side=True), charger.wrap_bio(here, there, server_hostname=host))
        for end in (ends[1], ends[0], ends[1], ends[0]):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
        shown = ends[0].getpeercert()
        assert shown is not None
        assert [text for rdn in shown["subject"] for kind, text in rdn if kind == "commonName"] == [identifier]


def test_an_identifier_that_no_certificate_can_hold_is_refused(folder: TlsFolder) -> None:
    for identifier in ("x" * 65, ""):
        with pytest.raises(ConfigError, match="1 to 64 characters"):
            init(folder, identifier)


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example"])
def test_a_name_that_no_host_can_have_is_refused(folder: TlsFolder, name: str) -> None:
    with pytest.raises(ConfigError, match="a host name or an address"):
        init(folder, names=(name,))


@pytest.mark.parametrize(("gone", "left"), [("ca.key", "ca.pem"), ("ca.pem", "ca.key")])
def test_half_an_authority_is_not_replaced_by_a_new_one(folder: TlsFolder, gone: str, left: str) -> None:
    """It would be one that no charger trusts; somebody took the key away to keep it safe."""
    init(folder)
    (folder.directory / gone).unlink()
    with pytest.raises(ConfigError, match=f"the file that belongs to .*{left}; put it back"):
        init(folder, "CP001")
    assert not (folder.directory / gone).exists()


def test_an_authority_of_ones_own_is_used(folder: TlsFolder) -> None:
    own = trustme.CA(key_type=trustme.KeyType.RSA)
    folder.directory.mkdir()
    own.cert_pem.write_to_path(folder.authority)
    own.private_key_pem.write_to_path(folder.authority_key)
    server = init(folder).server
    assert server.is_issued_by(read_certificates(own.cert_pem.bytes())[0])


@pytest.mark.parametrize("key", [b"rubbish", trustme.CA().private_key_pem.bytes()])
def test_a_key_of_another_authority_is_refused(folder: TlsFolder, key: bytes) -> None:
    init(folder)
    folder.authority_key.write_bytes(key)
    with pytest.raises(ConfigError, match=r"ca.key is .*; allowed: the key of .*ca\.pem"):
        init(folder, "CP001")
