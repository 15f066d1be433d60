"""The platform's lines and the runtime's frames."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from headwater.local.engines.function_logs import FrameReader, Report, platform_log

REPORT = Report("id", 12.345, 128, 40, 99.5, "error", "Runtime.ExitError")


def frame(stamp_us: int, message: str) -> bytes:
    body = message.encode()
    return b"\xa5\x5a\x00\x03" + len(body).to_bytes(4, "big") + stamp_us.to_bytes(8, "big") + body


@given(st.lists(st.tuples(st.integers(0, 2**50), st.text())), st.data())
def test_frames_come_out_whole_however_the_bytes_are_cut(records: list[tuple[int, str]], data: st.DataObject) -> None:
    raw = b"".join(frame(stamp, message) for stamp, message in records)
    reader, found = FrameReader(), []
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        found += reader.feed(raw[:size])
        raw = raw[size:]
    assert found == [(stamp // 1000, message) for stamp, message in records]


def test_what_is_no_frame_is_not_lost() -> None:
    assert [text for _, text in FrameReader().feed(b"someone wrote to the descriptor")] == [
        "someone wrote to the descriptor"
    ]


def test_text_report() -> None:
    assert platform_log("Text").end(REPORT) == [
        "END RequestId: id\n",
        "REPORT RequestId: id\tDuration: 12.35 ms\tBilled Duration: 112 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 40 MB\tInit Duration: 99.50 ms\tStatus: error\tError Type: Runtime.ExitError\t\n",
    ]


def test_json_report() -> None:
    (line,) = platform_log("JSON").end(REPORT)
    event = json.loads(line)
    assert event["type"] == "platform.report"
    assert event["record"] == {
        "requestId": "id",
        "metrics": {
            "durationMs": 12.345,
            "billedDurationMs": 112,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 40,
            "initDurationMs": 99.5,
        },
        "status": "error",
        "errorType": "Runtime.ExitError",
    }
