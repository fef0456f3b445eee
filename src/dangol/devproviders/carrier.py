"""What all simulated carriers share: deciding, recording, and turning faults into replies."""

from __future__ import annotations

from hashlib import blake2b

from dangol.devproviders.credentials import Credentials
from dangol.devproviders.deciding import Decider
from dangol.devproviders.http import Reply, answer
from dangol.devproviders.options import Provider
from dangol.devproviders.record import Record
from dangol.devproviders.words import Act, Fault

JUNK = b"<html><head><title>It works!</title></head><body>It works!</body></html>"


class Carrier:
    """One provider's endpoints stand on this."""

    provider: Provider
    success: int
    """The status of an accepted message."""

    def __init__(self, decider: Decider, record: Record, credentials: Credentials, seed: str) -> None:
        self.decider, self.record, self.credentials = decider, record, credentials
        self._seed = blake2b(f"{seed} {self.provider}".encode(), digest_size=32).digest()
        self._made = 0

    def unique(self) -> bytes:
        """Sixteen bytes that no other call gives; the same ones in the same order for the same seed."""
        self._made += 1
        return blake2b(self._made.to_bytes(8, "big"), key=self._seed, digest_size=16).digest()

    def refused(self, data: bytes, status: int | str, delay: float = 0.0) -> Reply:
        """Not accepted: count it and answer."""
        self.record.refuse(self.provider, str(status))
        return Reply(data, delay=delay)

    def broken(self, act: Act) -> Reply | None:
        """The reply to a request that a fault keeps from being accepted; None if it is accepted."""
        if act.fault is None or act.fault.accepted:
            return None
        self.record.refuse(self.provider, act.fault.value)
        return Reply(delay=act.delay, hang=act.fault is Fault.HANG, reset=act.fault is Fault.RESET_BEFORE)

    def heard(self, act: Act) -> str:
        """What the caller gets to hear about an accepted message."""
        return str(self.success) if act.fault is None else act.fault.value

    def accepted(self, act: Act, data: bytes) -> Reply:
        """The reply to an accepted request, with what its fault makes of it."""
        fault, delay = act.fault, act.delay
        if fault is None:
            return Reply(data, delay=delay)
        if fault is Fault.JUNK:
            return Reply(answer(self.success, JUNK, {"Content-Type": "text/html"}), delay=delay)
        if fault is Fault.ERROR_AFTER_ACCEPT:
            return Reply(self.server_error(), delay=delay)
        return Reply(
            data,
            delay=delay,
            hang=fault is Fault.TIMEOUT_AFTER_ACCEPT,
            reset=fault is Fault.RESET_AFTER_BODY,
            cut=fault is Fault.CUT,
        )

    def server_error(self) -> bytes:
        """This provider's 500."""
        raise NotImplementedError
