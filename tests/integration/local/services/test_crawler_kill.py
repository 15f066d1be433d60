"""A crawler whose endpoint is killed: found interrupted at the next start, nothing half-written, and runs again."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from headwater.local.endpoint import EndpointSettings, LocalEndpoint

SERVE = """
import json, os, signal, sys
from pathlib import Path
from headwater.local.endpoint import EndpointSettings, LocalEndpoint

endpoint = LocalEndpoint(EndpointSettings(home=Path(sys.argv[1])))
endpoint.start()
role = "arn:aws:iam::000000000000:role/crawler"
statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "glue.amazonaws.com"}}
document = lambda one: json.dumps({"Version": "2012-10-17", "Statement": [one]})
endpoint.call("iam", "create_role", RoleName="crawler", AssumeRolePolicyDocument=document(trust))
endpoint.call("iam", "put_role_policy", RoleName="crawler", PolicyName="p", PolicyDocument=document(statement))
endpoint.call("s3", "create_bucket", Bucket="lake")
for number in range(100):
    endpoint.call("s3", "put_object", Bucket="lake", Key=f"raw/t/d={number}/f.csv", Body=b"a,b\\n1,x\\n2,y\\n")
endpoint.call("glue", "create_database", DatabaseInput={"Name": "lake"})
target = {"S3Targets": [{"Path": "s3://lake/raw/t/"}]}
endpoint.call("glue", "create_crawler", Name="raw", Role=role, DatabaseName="lake", Targets=target)
endpoint.call("glue", "start_crawler", Name="raw")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_crawl_is_interrupted_and_can_run_again(tmp_path: Path) -> None:
    home = tmp_path / ".headwater"
    command = [sys.executable, "-c", SERVE, str(home)]
    ended = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr

    endpoint = LocalEndpoint(EndpointSettings(home=home))
    endpoint.start()
    try:
        crawler = endpoint.call("glue", "get_crawler", Name="raw")["Crawler"]
        assert crawler["State"] == "READY"
        assert crawler["LastCrawl"]["Status"] == "FAILED"
        assert crawler["LastCrawl"]["ErrorMessage"].startswith("Headwater.Interrupted: ")
        assert endpoint.call("glue", "get_tables", DatabaseName="lake")["TableList"] == []
        ready = threading.Event()
        endpoint.bus.subscribe("glue.crawler", lambda event: ready.set() if event["status"] == "READY" else None)
        endpoint.call("glue", "start_crawler", Name="raw")
        assert ready.wait(60)
        last = endpoint.call("glue", "get_crawler", Name="raw")["Crawler"]["LastCrawl"]
        assert last["Status"] == "SUCCEEDED", last
        partitions = endpoint.call("glue", "get_partitions", DatabaseName="lake", TableName="t")["Partitions"]
        assert len(partitions) == 100
    finally:
        endpoint.stop()
