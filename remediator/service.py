"""One running remediator: the parts, joined, started and stopped together."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from remediator import catalogue, execute, inventory
from remediator.desk import Desk
from remediator.dispatcher import Dispatcher
from remediator.errors import RemediatorError
from remediator.examine import Examiner
from remediator.guard import Limits
from remediator.inventory import Inventory
from remediator.jobs import Parts, jobs_of
from remediator.model import Mode
from remediator.notify.build import mentions_of, receivers_of
from remediator.notify.oncall import load_rotation
from remediator.notify.outbox import Outbox
from remediator.notify.wecom_app import load_app
from remediator.pipeline import Pipeline, Stages
from remediator.probe import Rules
from remediator.prober import Prober
from remediator.reconcile import owner_is_alive, owner_name, reconcile
from remediator.settings import Settings
from remediator.situation import Policy
from remediator.ssh import Ssh, SshOptions, addresses
from remediator.store import Store, open_store
from remediator.timers import Timers
from remediator.tokens import Tokens, load_tokens
from remediator.verify import Verifier
from remediator.web.app import cookie_secret, create_app

log = logging.getLogger(__name__)
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


def policy_of(settings: Settings) -> Policy:
    """Return the operator's numbers as the guards read them."""
    limits = Limits(
        max_hosts_out=settings.max_hosts_out,
        max_hosts_out_pct=settings.max_hosts_out_pct,
        min_healthy_hosts=settings.min_healthy_hosts,
        attempts_per_hour=settings.attempts_per_hour,
        max_hosts_per_hour=settings.max_hosts_per_hour,
        max_hosts_per_hour_pct=settings.max_hosts_per_hour_pct,
        shared_cause_hosts=settings.shared_cause_hosts,
        breaker_runs=settings.breaker_runs,
    )
    return Policy(ceiling=Mode.parse(settings.mode), limits=limits, hold_down_s=settings.hold_down_s)


def real_stages(settings: Settings, fleet: Inventory) -> tuple[Stages, Callable[[], None]]:
    """Return the stages that touch real hosts, and what keeps the connections to them warm."""
    ssh, address_of = Ssh(SshOptions.from_settings(settings)), addresses(fleet)
    executor = execute.from_settings(settings, fleet, os.environ)
    stages = Stages(
        examine=Examiner(ssh, address_of),
        start=executor.start,
        poll=executor.poll,
        cancel=executor.cancel,
        verify=Verifier(ssh, address_of, fleet.adoption_of),
    )

    def warm() -> None:
        for host in fleet.hosts:
            try:
                ssh.warm(address_of(host))
            except RemediatorError as error:
                log.info("host could not be reached ahead of need", extra={"host": host, "why": str(error)})

    return stages, warm


@dataclass
class Service:
    """The joined parts. `start` and `stop` concern the loops; the store is closed by `stop`."""

    store: Store
    pipeline: Pipeline
    desk: Desk
    outbox: Outbox
    dispatcher: Dispatcher
    timers: Timers
    prober: Prober
    app: Flask

    def start(self) -> None:
        """Adopt what an earlier process left, then begin."""
        self.reconcile()
        self.dispatcher.start()
        self.timers.start()

    def stop(self) -> None:
        """End the loops; runs go on in their own processes."""
        self.timers.stop()
        self.outbox.close()
        self.dispatcher.stop()
        self.prober.close()
        self.store.close()

    def reconcile(self) -> None:
        """Do one pass of putting things right."""
        reconcile(self.store, self.pipeline.stages.poll, self.pipeline.clock())


def assemble(
    settings: Settings,
    *,
    fleet: Inventory | None = None,
    stages: Stages | None = None,
    clock: Clock = utc_now,
) -> Service:
    """Join the parts. Raises ConfigError; `fleet` and `stages` replace what is read from the real world."""
    fleet = fleet or inventory.load(settings.inventory)
    known = catalogue.load(settings.faults_file, settings.remedies_file, captures=settings.captures_dir)
    tokens = load_tokens(settings.tokens_file)
    rotation = load_rotation(settings.oncall_file) if settings.oncall_file else None
    told = receivers_of(settings, clock, rotation)
    stages, warm = (stages, None) if stages is not None else real_stages(settings, fleet)
    store = open_store(settings.database_url)
    policy = policy_of(settings)
    pipeline = Pipeline(store, known, lambda: fleet, stages, policy, clock=clock, owner=owner_name())
    dispatcher = Dispatcher(pipeline.due, pipeline.advance)
    desk = Desk(
        store,
        pipeline,
        lambda: fleet,
        clock,
        mode=settings.mode,
        cancel=pipeline.stages.cancel,
        ring=dispatcher.ring,
        problems=lambda: [] if dispatcher.alive() else ["the dispatcher does not run"],
    )
    outbox = Outbox(
        store, told, clock, on_call=mentions_of(rotation), owner=owner_name(), is_alive=owner_is_alive
    )
    prober = Prober(
        store, lambda: fleet, desk.accept, clock, rules_of(settings), timeout_s=settings.probe_timeout_s
    )
    app = _app(settings, tokens, desk, clock)
    timers = Timers(jobs_of(settings, Parts(store, pipeline, outbox, prober, warm), clock))
    return Service(store, pipeline, desk, outbox, dispatcher, timers, prober, app)


def _app(settings: Settings, tokens: Tokens, desk: Desk, clock: Clock) -> Flask:
    secret = cookie_secret(settings.state_dir / "cookie-key")
    app = create_app(settings, tokens, desk, secret=secret, clock=clock)
    if settings.wecom_app_file is not None:
        app.extensions["wecom_app"] = load_app(settings.wecom_app_file)
    return app


def rules_of(settings: Settings) -> Rules:
    """Return how the own probe looks."""
    return Rules(settings.probe_interval_s, settings.probe_retry_s, settings.probe_failures)
