"""The queue of Event (asynchronous) invocations: kept in the store, retried, reported to destinations.

A failed event is tried again after one and then two minutes, a throttled one with a growing pause up to five minutes,
until its age is over ("Asynchronous invocation", Lambda developer guide, 2025). What finally fails goes to the
function's OnFailure destination and its dead-letter queue; what succeeds, to OnSuccess. Destinations are SQS queues,
SNS topics and functions.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import UTC, datetime
from threading import Lock, Thread
from typing import Any

from headwater.local.engines.function_spec import Outcome
from headwater.local.service import Endpoint, Members, ServiceError

EVENT = "lambda.event"
RETRY_DELAYS_S = (60.0, 120.0)
THROTTLE_DELAYS_S = (1.0, 300.0)
AGE_S = 6 * 3600

Run = Callable[[str, str | None, bytes, str], Awaitable[tuple[str, Outcome, str]]]

log = logging.getLogger(__name__)


class EventQueue:
    """Thread-safe. Its loop's thread starts with the first event.

    Parameters
    ----------
    run:
        One attempt: (name, qualifier, payload, request id) → (version, outcome, role ARN).
    """

    def __init__(self, endpoint: Endpoint, run: Run, retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S) -> None:
        self._endpoint = endpoint
        self._store = endpoint.store
        self._run = run
        self._retry_delays_s = retry_delays_s
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._closed = False
        self._deliveries: set[Future[None]] = set()

    def resume(self) -> None:
        """Take up what is in the store."""
        for request_id, _ in self._store.scan(EVENT):
            self._schedule(request_id)

    def put(self, name: str, qualifier: str | None, payload: bytes, request_id: str) -> None:
        """Keep an event and deliver it."""
        event = {
            "name": name,
            "qualifier": qualifier,
            "payload": b64encode(payload).decode(),
            "accepted": time.time(),
            "attempts": 0,
            "due": 0.0,
        }
        self._store.put(EVENT, request_id, event)
        self._schedule(request_id)

    def _schedule(self, request_id: str) -> None:
        with self._lock:
            if self._closed:
                return
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(target=self._loop.run_forever, name="function-events", daemon=True)
                self._thread.start()
            delivery = asyncio.run_coroutine_threadsafe(self._deliver(request_id), self._loop)
            self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    def drain(self, limit_s: float) -> None:
        """Wait until no event is due or under way, at most ``limit_s`` seconds; not for those that wait for a retry."""
        end = time.monotonic() + limit_s
        while (left_s := end - time.monotonic()) > 0:
            now = time.time()
            busy = [event for _, event in self._store.scan(EVENT) if event["due"] <= now]
            with self._lock:
                deliveries = set(self._deliveries)
            if not busy or not deliveries:
                return
            wait(deliveries, min(left_s, 0.1), FIRST_COMPLETED)

    def close(self) -> None:
        """Stop; what is not delivered stays in the store for the next start."""
        with self._lock:
            self._closed = True
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None

    async def _deliver(self, request_id: str) -> None:
        pause_s = THROTTLE_DELAYS_S[0]
        while (event := self._store.get(EVENT, request_id)) is not None:
            await asyncio.sleep(max(0.0, event["due"] - time.time()))
            try:
                done = await self._attempt(request_id, event)
            except ServiceError as error:
                if self._closed:
                    return  # it stays in the store for the next start
                if error.code != "TooManyRequestsException":
                    log.warning("the event %s for %s is dropped: %s", request_id, event["name"], error)
                    done = True
                else:
                    done = await self._put_off(request_id, event, pause_s)
                    pause_s = min(pause_s * 2, THROTTLE_DELAYS_S[1])
            except Exception:
                log.exception("the event %s for %s is dropped", request_id, event["name"])
                done = True
            if done:
                await asyncio.to_thread(self._store.delete, EVENT, request_id)
                return

    async def _attempt(self, request_id: str, event: Members) -> bool:
        settings = self._settings(event)
        payload = b64decode(event["payload"])
        version, outcome, role = await self._run(event["name"], event["qualifier"], payload, request_id)
        event["attempts"] += 1
        ended = (version, outcome, role)
        if outcome.error is None:
            await self._report(request_id, event, ended, settings, "OnSuccess", "Success")
            return True
        attempts = settings.get("MaximumRetryAttempts", len(RETRY_DELAYS_S))
        if event["attempts"] > attempts:
            await self._report(request_id, event, ended, settings, "OnFailure", "RetriesExhausted")
            return True
        delay_s = self._retry_delays_s[min(event["attempts"], len(self._retry_delays_s)) - 1]
        event["due"] = time.time() + delay_s
        if self._too_old(event, settings):
            await self._report(request_id, event, ended, settings, "OnFailure", "EventAgeExceeded")
            return True
        await asyncio.to_thread(self._store.put, EVENT, request_id, event)
        return False

    async def _put_off(self, request_id: str, event: Members, pause_s: float) -> bool:
        event["due"] = time.time() + pause_s
        settings = self._settings(event)
        if self._too_old(event, settings):
            await self._report(request_id, event, None, settings, "OnFailure", "EventAgeExceeded")
            return True
        await asyncio.to_thread(self._store.put, EVENT, request_id, event)
        return False

    @staticmethod
    def _too_old(event: Members, settings: Members) -> bool:
        return bool(event["due"] - event["accepted"] > settings.get("MaximumEventAgeInSeconds", AGE_S))

    def _settings(self, event: Members) -> Members:
        record = self._store.get("lambda.function", event["name"]) or {}
        settings: Members = record.get("event_invoke", {}).get(event["qualifier"] or "$LATEST", {})
        dead_letters = record.get("configuration", {}).get("DeadLetterConfig", {}).get("TargetArn")
        return settings | ({"dead_letters": dead_letters} if dead_letters else {})

    async def _report(
        self,
        request_id: str,
        event: Members,
        ended: tuple[str, Outcome, str] | None,
        settings: Members,
        which: str,
        condition: str,
    ) -> None:
        destination = ((settings.get("DestinationConfig") or {}).get(which) or {}).get("Destination")
        role = ended[2] if ended else None
        try:
            if destination:
                text = json.dumps(self._record(request_id, event, ended, condition))
                await asyncio.to_thread(self._send, destination, text, role, {})
            if which == "OnFailure" and settings.get("dead_letters"):
                text = b64decode(event["payload"]).decode()
                await asyncio.to_thread(
                    self._send, settings["dead_letters"], text, role, _attributes(request_id, ended)
                )
        except Exception:
            log.exception("the end of event %s could not be reported", request_id)

    def _record(
        self, request_id: str, event: Members, ended: tuple[str, Outcome, str] | None, condition: str
    ) -> Members:
        name, qualifier = event["name"], event["qualifier"] or "$LATEST"
        arn = f"arn:aws:lambda:{self._endpoint.region}:{self._endpoint.account}:function:{name}:{qualifier}"
        record: Members = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "requestContext": {
                "requestId": request_id,
                "functionArn": arn,
                "condition": condition,
                "approximateInvokeCount": event["attempts"],
            },
            "requestPayload": json.loads(b64decode(event["payload"])),
        }
        if ended is not None:
            version, outcome, _ = ended
            context: dict[str, Any] = {"statusCode": 200, "executedVersion": version}
            record["responseContext"] = context | ({"functionError": outcome.error} if outcome.error else {})
            record["responsePayload"] = json.loads(outcome.payload or b"null")
        return record

    def _send(self, arn: str, text: str, role: str | None, attributes: Members) -> None:
        principal = self._endpoint.assume(role, "destination").principal if role else None
        service, name = arn.split(":")[2], arn.split(":", 5)[5]
        if service == "sqs":
            url = self._endpoint.call("sqs", "get_queue_url", QueueName=name)["QueueUrl"]
            self._endpoint.call(
                "sqs", "send_message", principal=principal, QueueUrl=url, MessageBody=text, MessageAttributes=attributes
            )
        elif service == "sns":
            self._endpoint.call(
                "sns", "publish", principal=principal, TopicArn=arn, Message=text, MessageAttributes=attributes
            )
        else:
            self._endpoint.call(
                "lambda", "invoke", principal=principal, FunctionName=arn, InvocationType="Event", Payload=text.encode()
            )


def _attributes(request_id: str, ended: tuple[str, Outcome, str] | None) -> Members:
    """What Lambda adds to a dead letter."""
    message = ""
    if ended is not None:
        answer = json.loads(ended[1].payload or b"{}")
        message = str(answer.get("errorMessage", "")) if isinstance(answer, dict) else ""
    values = {"RequestID": ("String", request_id), "ErrorCode": ("Number", "200"), "ErrorMessage": ("String", message)}
    return {key: {"DataType": kind, "StringValue": value} for key, (kind, value) in values.items() if value}


async def _cancel_others() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
