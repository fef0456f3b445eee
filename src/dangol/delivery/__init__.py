"""Handing messages over: the provider protocol, the dispatcher and the shipped providers; decides nothing."""
