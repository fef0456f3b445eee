from tests.contract.providers.conftest import dead_port

__all__ = ["dead_port"]
