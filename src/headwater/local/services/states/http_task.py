"""``http:invoke``: calls an HTTP API on a loopback address with the credentials of an EventBridge connection.

The connection is read as the machine's role, and its secret from Secrets Manager, as on AWS. Basic and API key
authorization are computed.

Not faithful: AWS calls public HTTPS hosts; here only loopback hosts are called (``http`` too), and any other fails with
``States.Http.Socket`` and a cause that says so. OAuth connections are refused, redirects are not followed, and the
response is not limited by the ``Range`` header that AWS adds.

Source: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows", 2025.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import json
import ssl
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from headwater.local.service import ServiceError
from headwater.local.services.states.errors import RUNTIME, StateFailure
from headwater.local.services.states.json_text import dumps

SOCKET = "States.Http.Socket"
STATUS_CODE = "States.Http.StatusCode."
CONNECTION_RESOURCE = "Events.ConnectionResource."
TIMEOUT_S = 60.0  # AWS's limit of an HTTP Task
_PLACES = ("Authentication", "InvocationConfig")
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
FORBIDDEN_PREFIXES = ("x-amz-", "x-amzn-", "x-forwarded-")
FORBIDDEN_HEADERS = frozenset(
    {
        "a-im", "accept-charset", "accept-datetime", "accept-encoding", "authorization", "cache-control", "connection",
        "content-encoding", "content-md5", "date", "expect", "forwarded", "from", "host", "http2-settings", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "max-forwards", "origin", "pragma",
        "proxy-authorization", "referer", "server", "te", "trailer", "transfer-encoding", "upgrade", "via", "warning",
    }
)  # fmt: skip

Members = dict[str, Any]
ReadService = Callable[..., Members]


def invoke(arguments: Members, read: ReadService) -> Members:
    """Call the API that an HTTP Task's arguments describe.

    Parameters
    ----------
    arguments:
        ``ApiEndpoint``, ``Method``, ``Authentication.ConnectionArn`` (or ``InvocationConfig.ConnectionArn``) and
        optionally ``Headers``, ``QueryParameters``, ``RequestBody`` and ``Transform``.
    read:
        (service, operation, members) → answer, called as the machine's role.

    Returns
    -------
    ``Headers`` (name → list), ``ResponseBody``, ``StatusCode`` and ``StatusText``.

    Raises
    ------
    StateFailure
        ``States.Http.StatusCode.<code>`` for an answer outside 2xx; ``States.Http.Socket`` when none came or the host
        is no loopback host; ``Events.ConnectionResource.<error>`` when the connection cannot be read;
        ``States.Runtime`` for wrong arguments.
    """
    url = _url(arguments.get("ApiEndpoint"))
    method = arguments.get("Method")
    if method not in METHODS:
        raise StateFailure(RUNTIME, f"The HTTP Task's Method must be one of {sorted(METHODS)}, but was {dumps(method)}")
    own = _connection(arguments, read)
    headers = _headers(_object(arguments, "Headers")) | own.headers
    query = _object(arguments, "QueryParameters") | own.query
    body = _body(arguments, headers, own.body)
    target = (url.path or "/") + _query(url.query, query)
    return _exchange(url, method, target, headers, body)


def _url(endpoint: Any) -> SplitResult:
    url = urlsplit(endpoint) if isinstance(endpoint, str) else SplitResult("", "", "", "", "")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise StateFailure(RUNTIME, f"The HTTP Task's ApiEndpoint must be a URL, but was {dumps(endpoint)}")
    if not _is_loopback(url.hostname):
        raise StateFailure(
            SOCKET,
            f"Headwater calls loopback hosts only, and refuses {url.hostname}: serve the API on 127.0.0.1 and give its "
            "URL as ApiEndpoint.",
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _object(arguments: Members, field: str) -> Members:
    given = arguments.get(field, {})
    if not isinstance(given, dict):
        raise StateFailure(RUNTIME, f"The HTTP Task's {field} must be an object, but was {dumps(given)}")
    return given


def _headers(given: Members) -> dict[str, str]:
    for name in given:
        if name.lower() in FORBIDDEN_HEADERS or name.lower().startswith(FORBIDDEN_PREFIXES):
            raise StateFailure(RUNTIME, f"The HTTP Task's Headers must not have {name}")
    return {
        name: ",".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)
        for name, value in given.items()
    }


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)


def _query(present: str, given: Members) -> str:
    pairs = parse_qsl(present, keep_blank_values=True)
    for name, value in given.items():
        pairs += [(name, _scalar(item)) for item in (value if isinstance(value, list) else [value])]
    return f"?{urlencode(pairs, quote_via=quote)}" if pairs else ""


# -- the connection ----------------------------------------------------------------------------------------------------


class _Connection(NamedTuple):
    """What a connection adds to a request."""

    headers: dict[str, str]
    query: dict[str, str]
    body: dict[str, str]


def _connection(arguments: Members, read: ReadService) -> _Connection:
    arn = next((arguments[key]["ConnectionArn"] for key in _PLACES if _names_one(arguments, key)), None)
    if not isinstance(arn, str):
        raise StateFailure(RUNTIME, "The HTTP Task's Authentication must give the ConnectionArn of a connection")
    try:
        connection = read("events", "describe_connection", Name=arn.partition(":connection/")[2].partition("/")[0])
        if connection.get("ConnectionArn") != arn:
            raise ServiceError("ResourceNotFoundException", f"Connection '{arn}' does not exist.")
        secret = json.loads(
            read("secretsmanager", "get_secret_value", SecretId=connection["SecretArn"])["SecretString"]
        )
    except ServiceError as error:
        raise StateFailure(CONNECTION_RESOURCE + error.code.removesuffix("Exception"), error.message) from error
    added = connection.get("AuthParameters", {}).get("InvocationHttpParameters", {})
    headers, query, body = (
        {pair["Key"]: pair["Value"] for pair in added.get(f"{place}Parameters", [])}
        for place in ("Header", "QueryString", "Body")
    )
    return _Connection(headers | _credentials(connection.get("AuthorizationType"), secret), query, body)


def _credentials(kind: Any, secret: Members) -> dict[str, str]:
    """The headers that authorize."""
    if kind == "BASIC":
        pair = f"{secret['username']}:{secret['password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    if kind == "API_KEY":
        return {secret["api_key_name"]: secret["api_key_value"]}
    raise StateFailure(RUNTIME, f"Headwater does not compute connections of the AuthorizationType {kind}")


def _names_one(arguments: Members, key: str) -> bool:
    return isinstance(arguments.get(key), dict) and "ConnectionArn" in arguments[key]


# -- the body and the exchange -----------------------------------------------------------------------------------------


def _body(arguments: Members, headers: dict[str, str], added: dict[str, str]) -> bytes | None:
    body, transform = arguments.get("RequestBody"), arguments.get("Transform") or {}
    if added:
        body = _object({"RequestBody": body or {}}, "RequestBody") | added
    if body is None:
        return None
    if transform.get("RequestBodyEncoding", "NONE") == "URL_ENCODED":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        array_format = transform.get("RequestEncodingOptions", {}).get("ArrayFormat", "INDICES")
        return urlencode(_form(body, array_format)).encode()
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    return (body if isinstance(body, str) else dumps(body)).encode()


def _form(body: Any, array_format: str) -> list[tuple[str, str]]:
    if not isinstance(body, dict):
        raise StateFailure(RUNTIME, f"A URL_ENCODED RequestBody must be an object, but was {dumps(body)}")
    pairs: list[tuple[str, str]] = []
    for name, value in body.items():
        if not isinstance(value, list):
            pairs.append((name, _scalar(value)))
        elif array_format == "COMMAS":
            pairs.append((name, ",".join(map(_scalar, value))))
        else:
            spelling = {"BRACKETS": "{0}[]", "INDICES": "{0}[{1}]", "REPEAT": "{0}"}
            if array_format not in spelling:
                raise StateFailure(RUNTIME, f"ArrayFormat must be one of {[*spelling, 'COMMAS']}, not {array_format}")
            pairs += [(spelling[array_format].format(name, i), _scalar(item)) for i, item in enumerate(value)]
    return pairs


def _exchange(url: SplitResult, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Members:
    host = url.hostname or ""
    try:
        if url.scheme == "https":
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, url.port, timeout=TIMEOUT_S, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, url.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise StateFailure(SOCKET, f"{method} {url.scheme}://{url.netloc}: {type(error).__name__}: {error}") from error
    answer = _answer(response, text)
    if 200 <= response.status < 300:
        return answer
    raise StateFailure(f"{STATUS_CODE}{response.status}", text or response.reason)


def _answer(response: http.client.HTTPResponse, text: str) -> Members:
    headers: dict[str, list[str]] = {}
    for name, value in response.getheaders():
        headers.setdefault(name.lower(), []).append(value)
    body: Any = text
    if "json" in (response.getheader("Content-Type") or ""):
        try:
            body = json.loads(text)
        except ValueError:
            body = text
    return {
        "Headers": headers,
        "ResponseBody": body,
        "StatusCode": response.status,
        "StatusText": response.reason,
    }
