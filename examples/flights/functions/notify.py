"""Lambda: say how the run ended, in the log and, when TOPIC_ARN is set, by SNS."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

from common.json_logs import json_logger

log = json_logger("notify")
sns = boto3.client("sns") if os.environ.get("TOPIC_ARN") else None

SUBJECT_LENGTH = 100  # SNS: at most 100 characters


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Report the status that the state machine gives."""
    run = event.get("run", {})
    status = event.get("status") or "UNKNOWN"
    text = f"flight-delays {run.get('RUN_DATE') or 'all months'}: {status}"
    log.info(text, extra={"fields": {"run_id": run.get("id"), "status": status, "error": event.get("error")}})
    if sns is None:
        return {"status": status, "published": False}
    answer = sns.publish(
        TopicArn=os.environ["TOPIC_ARN"], Subject=text[:SUBJECT_LENGTH], Message=json.dumps(event, default=str)
    )
    return {"status": status, "published": True, "message_id": answer["MessageId"]}
