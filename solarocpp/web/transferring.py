"""Files on their way: what a charger was told to send or to fetch, how far it is, and where it lies.

    offer_upload, offer_download   an operator's order: a row of `fileTransfer`, and a URL with a secret
    arriving, departing            the charger is there (`file_exchange`), with that secret
    note_effects, end_failed       the charger says that nothing will come (`file_failures`)
    transfers                      what is under way and what was

Everything is written through to the store; the secrets are known as hashes only, and to nobody twice. A file
that comes is written beside its place and moved there when it is whole.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

import msgspec
import structlog
import trio

from solarocpp.errors import FileRefused, RegistryError, StoreError
from solarocpp.registry import Charger
from solarocpp.store import Store
from solarocpp.store.effects import Effect
from solarocpp.store.transfers import (
    FileTransfer,
    Purpose,
    TransferState,
    delete_secrets,
    delete_transfers,
    ended_event,
    insert_secret,
    next_transfer_id,
    select_secrets,
    select_transfers,
    store_transfer,
)
from solarocpp.web.file_failures import failures
from solarocpp.web.file_moves import MOST_UPLOAD_BYTES, UPLOADS, Arrival, Departure, too_large

FIRMWARE: Final = "firmware"

MOST_AT_ONCE: Final = 20
"""Files that move at the same time, each with a piece of 64 KiB in memory; the next charger is told to come later."""
LIFETIME: Final = timedelta(days=1)
"""How long a URL is good: a charger may be offline over night, or be told to update at three."""

_END_S: Final = 5.0

_HOPEFUL: Final = frozenset[TransferState]({"waiting", "moving", "failed"})
"""Of these a file may still come, until the URL expires."""

log = structlog.get_logger()


class Firmware(NamedTuple):
    """A file that chargers can be told to fetch."""

    name: str
    size: int
    sha256: str


class Listening(NamedTuple):
    """Where chargers reach the files."""

    scheme: str
    port: int
    url: str
    """What they are told instead; empty: nothing."""


class Reached(Protocol):
    """What is looked at of a link."""

    @property
    def charger_id(self) -> int:
        """The charger it belongs to."""

    @property
    def reached(self) -> str:
        """The address of ours that the charger dialled; empty: a proxy did."""


class Transferring:
    """All transfers of a store, in memory and written through; `at_once` files move, of `most` bytes each."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], most: int = MOST_UPLOAD_BYTES, at_once: int = MOST_AT_ONCE
    ) -> None:
        """Reads what is under way; nobody moves a file yet."""
        self.most_bytes = most
        self._most_at_once = at_once
        self._store = store
        self._clock = clock
        self._folder = store.directory
        self._transfers = {row.transfer_id: row for row in store.read_now(select_transfers)}
        self._by_digest = store.secrets.read_now(select_secrets)
        self._moving = 0
        self._changed = trio.Event()
        self._failed: dict[int, str] = {}
        """By transfer, what a charger said of a file that will not come, until that is written down."""
        self._failing = trio.Event()
        self._listening: Listening | None = None

    def listen(self, listening: Listening) -> None:
        """Is told where chargers reach the files."""
        self._listening = listening

    def base_url(self, charger: Charger, links: Callable[[], Sequence[Reached]] | None) -> str:
        """Gives what a charger's URLs begin with.

        Raises:
            RegistryError: nothing listens for files, or it is not known where the charger reaches us.
        """
        if self._listening is None:
            text = "No charger can send or fetch files here. Start the server with: solarocpp serve --files :9001"
            raise RegistryError("transfer", charger.identifier, text, status=409)
        if self._listening.url:
            return self._listening.url.rstrip("/")
        found = [link.reached for link in links() if link.charger_id == charger.charger_id] if links else []
        if not found or not found[0]:
            why = "is not connected" if not found else "comes through a proxy"
            text = (
                f"{charger.identifier} {why}, so it is not known where it reaches us. "
                "Say so: solarocpp serve --files-url http://THIS-MACHINE:9001"
            )
            raise RegistryError("transfer", charger.identifier, text, status=409)
        host = f"[{found[0]}]" if ":" in found[0] else found[0]
        return f"{self._listening.scheme}://{host}:{self._listening.port}"

    async def wait_change(self) -> None:
        """Waits until any transfer is not as it was."""
        await self._changed.wait()

    def transfers(self, account_id: int | None = None) -> list[FileTransfer]:
        """Lists transfers as they are now, newest first; of one account, or all."""
        found = [self._now(row) for row in self._transfers.values() if account_id in {None, row.account_id}]
        return sorted(found, key=lambda row: -row.transfer_id)

    def transfer(self, number: int, account_id: int | None = None) -> FileTransfer:
        """Finds one.

        Raises:
            RegistryError: there is none of this account with that number.
        """
        row = self._transfers.get(number)
        if row is None or account_id not in {None, row.account_id}:
            text = f"There is no file transfer {number}. See: solarocpp transfer list"
            raise RegistryError("transfer", number, text, status=404)
        return self._now(row)

    async def offer_upload(
        self, charger: Charger, purpose: Purpose, lifetime: timedelta = LIFETIME
    ) -> tuple[FileTransfer, str]:
        """Expects a file of a charger; returns the transfer, and the path for its URL, `/files/SECRET`."""
        return await self._offer(charger, purpose, lifetime)

    async def offer_download(
        self, charger: Charger, firmware: Firmware, lifetime: timedelta = LIFETIME
    ) -> tuple[FileTransfer, str]:
        """Lets a charger fetch a file; returns the transfer, and the path for its URL, `/files/SECRET/NAME`."""
        return await self._offer(charger, "firmware", lifetime, firmware)

    async def cancel(self, number: int, remark: str, account_id: int | None = None) -> FileTransfer:
        """Makes the URL of a transfer worthless.

        Raises:
            RegistryError: there is none, or it is over.
        """
        row = self.transfer(number, account_id)
        if row.state not in _HOPEFUL:
            text = f"File transfer {number} is {row.state} already."
            raise RegistryError("transfer", number, text, status=409)
        return await self._end(row, "cancelled", remark=remark)

    async def forget(self, number: int, account_id: int | None = None) -> FileTransfer:
        """Removes a transfer, and the file that came with it; a firmware file stays.

        Raises:
            RegistryError: there is none.
        """
        row = self.transfer(number, account_id)
        await self._drop({number})
        if row.file is not None and row.purpose != "firmware":
            (self._folder / row.file).unlink(missing_ok=True)
        return row

    async def forget_ended(self, before: datetime) -> int:
        """Removes transfers that were over before a time; not one whose file came, which would have no name then.

        Raises:
            StoreError: the store cannot do it now.
        """
        old = {number for number, row in self._transfers.items() if _over(row) < before and not self._has_come(row)}
        if old:
            await self._drop(old)
        return len(old)

    def path_of(self, row: FileTransfer) -> Path:
        """Says where the file of a transfer lies.

        Raises:
            RegistryError: none has come, or it was removed.
        """
        if row.state != "done" or row.file is None or not (self._folder / row.file).is_file():
            text = f"File transfer {row.transfer_id} has no file: it is {row.state}."
            raise RegistryError("transfer", row.transfer_id, text, status=409)
        return self._folder / row.file

    @asynccontextmanager
    async def arriving(self, secret: str, name: str, length: int | None) -> AsyncIterator[Arrival]:
        """A charger sends a file; it is there once `finish` of what this gives has returned.

        Raises:
            FileRefused: the URL is not good, or the file too large.
        """
        row = self._find(secret)
        if row.purpose == "firmware":
            raise FileRefused(405, "This URL gives a file, it takes none.", {"allow": "GET, HEAD"})
        if length is not None and length > self.most_bytes:
            raise too_large(self.most_bytes)
        with self.turn():
            arrival = Arrival(self, row, name)
            try:
                yield arrival
            finally:
                arrival.close()
                with trio.move_on_after(_END_S, shield=True):
                    await self._begin_again(row)

    def departing(self, secret: str) -> Departure:
        """A charger fetches a file.

        Raises:
            FileRefused: the URL is not good, or the file is gone.
        """
        row = self._find(secret)
        if row.purpose != "firmware":
            raise FileRefused(405, "This URL takes a file, it gives none.", {"allow": "PUT, POST"})
        path = self._folder / str(row.file)
        if not path.is_file():
            raise FileRefused(410, "The file was removed.")
        return Departure(self, row, path)

    async def note_progress(self, row: FileTransfer, count: int) -> None:
        """Shows how many bytes there are."""
        current = self._transfers.get(row.transfer_id)
        if current is not None and current.state in _HOPEFUL:
            await self._keep(msgspec.structs.replace(current, state="moving", bytes=count, finished=None, remark=None))

    async def note_end(self, row: FileTransfer, **known: object) -> None:
        """The file is through."""
        current = self._transfers.get(row.transfer_id)
        if current is not None and current.state in _HOPEFUL:
            await self._end(current, "done", remark=None, **known)

    def note_effects(self, charger_id: int, effects: Sequence[Effect]) -> None:
        """Hears what a charger said; what ends a transfer is left to `end_failed`, for this must not wait."""
        for failure in failures(effects):
            own = [self._now(row) for row in self._transfers.values() if row.charger_id == charger_id]
            self._failed.update({row.transfer_id: failure.remark for row in failure.meant(own)})
            self._failing.set()

    async def end_failed(self) -> None:
        """Writes down which transfers chargers gave up, until it is cancelled.

        Their URLs stay good: some chargers say so after each try, and the last may bring the file.
        """
        while True:
            await self._failing.wait()
            self._failing = trio.Event()
            while self._failed:
                number, remark = self._failed.popitem()
                try:
                    await self._note_failure(number, remark)
                except StoreError as exc:  # it is over once its URL is, as if the charger had said nothing
                    log.warning("file_transfer_not_stored", number=number, reason=str(exc))

    async def _note_failure(self, number: int, remark: str) -> None:
        current = self._transfers.get(number)
        if current is not None and current.state in {"waiting", "moving"}:
            await self._end(current, "failed", remark=remark)
        elif current is not None and current.state == "done":
            await self._keep(msgspec.structs.replace(current, remark=remark))

    async def _begin_again(self, row: FileTransfer) -> None:
        """What broke off counts nothing: a charger sends the whole file again."""
        current = self._transfers.get(row.transfer_id)
        if current is not None and current.state == "moving":
            await self._keep(msgspec.structs.replace(current, state="waiting", bytes=0))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Counts a file that moves.

        Raises:
            FileRefused: too many do.
        """
        if self._moving >= self._most_at_once:
            raise FileRefused(503, f"{self._most_at_once} files are moving already.", {"retry-after": "30"})
        self._moving += 1
        try:
            yield
        finally:
            self._moving -= 1

    def now(self) -> datetime:
        """Asks the clock."""
        return self._clock()

    @property
    def folder(self) -> Path:
        """The data directory."""
        return self._folder

    def _now(self, row: FileTransfer) -> FileTransfer:
        if row.state in {"waiting", "moving"} and row.expires <= self._clock():
            return msgspec.structs.replace(row, state="expired")
        return row

    def _find(self, secret: str) -> FileTransfer:
        row = self._transfers.get(self._by_digest.get(_digest(secret), 0))
        if row is None:
            raise FileRefused(404, "There is no such file here. Each URL is good for one file and for a day.")
        if row.expires <= self._clock() or row.state == "cancelled":
            state = row.state if row.state == "cancelled" else "expired"
            raise FileRefused(410, f"This file transfer is {state}.")
        return row

    async def _offer(
        self, charger: Charger, purpose: Purpose, lifetime: timedelta, firmware: Firmware | None = None
    ) -> tuple[FileTransfer, str]:
        secret, now = secrets.token_urlsafe(32), self._clock()
        number = await self._store.write(next_transfer_id)
        row = FileTransfer(
            transfer_id=number,
            account_id=charger.account_id,
            charger_id=charger.charger_id,
            identifier=charger.identifier,
            purpose=purpose,
            state="waiting",
            created=now,
            expires=now + lifetime,
            file=None if firmware is None else f"{UPLOADS}/{FIRMWARE}/{firmware.name}",
            size=None if firmware is None else firmware.size,
            sha256=None if firmware is None else firmware.sha256,
        )
        await self._store.secrets.write(partial(insert_secret, transfer_id=number, digest=_digest(secret)))
        await self._keep(row)
        self._by_digest[_digest(secret)] = number
        return row, f"/files/{secret}" if firmware is None else f"/files/{secret}/{firmware.name}"

    async def _end(
        self, row: FileTransfer, state: Literal["done", "failed", "cancelled"], **known: object
    ) -> FileTransfer:
        now = self._clock()
        row = msgspec.structs.replace(row, state=state, finished=now, **known)
        await self._keep(row)
        self._store.record(None, [ended_event(row, now)])
        log.info("file_transfer_ended", identifier=row.identifier, purpose=row.purpose, state=state, bytes=row.bytes)
        return row

    def _has_come(self, row: FileTransfer) -> bool:
        return row.purpose != "firmware" and row.file is not None and (self._folder / row.file).exists()

    async def _drop(self, numbers: Collection[int]) -> None:
        await self._store.secrets.write(partial(delete_secrets, transfer_ids=numbers))
        await self._store.write(partial(delete_transfers, transfer_ids=numbers))
        self._transfers = {number: row for number, row in self._transfers.items() if number not in numbers}
        self._by_digest = {digest: number for digest, number in self._by_digest.items() if number not in numbers}

    async def _keep(self, row: FileTransfer) -> None:
        self._transfers[row.transfer_id] = row
        self._changed.set()
        self._changed = trio.Event()
        await self._store.write(partial(store_transfer, transfer=row))


def _over(row: FileTransfer) -> datetime:
    """Since when nothing can come of a transfer: a charger that gave up may try again while its URL is good."""
    return row.expires if row.finished is None else max(row.finished, row.expires)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
