"""Ask WeChat Pay what became of packets whose outcome is open: unknown ones, and sent ones not opened yet."""

from functools import partial

from bot.handlers import order
from bot.workers.services import Services


class ReconcileWorker:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def run_once(self) -> int:
        """Query the packets that are due; returns how many."""
        services = self._services
        if services.sender is None:
            return 0
        on_change = partial(order.on_packet_changed, clock=services.clock)
        return await services.sender.poll_due(services.clock(), on_change=on_change)
