"""Carriers played on this machine: SendGrid, Twilio, FCM and WebPush, with their trouble and their webhooks.

Knows nothing of dangol, so that it can judge it: what the record says was accepted, a carrier would have delivered.
"""

from dangol.devproviders.options import Behaviour, Options
from dangol.devproviders.running import Sim, SimulatorFailed, running

__all__ = ["Behaviour", "Options", "Sim", "SimulatorFailed", "running"]
