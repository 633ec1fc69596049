"""Writing the body of a `$batch` request and reading its answer, line by line."""

from __future__ import annotations

import email
import json
from dataclasses import dataclass, field
from typing import Any

import requests
from environment import Api

LINE = "\r\n"


def operation(
    method: str,
    url: str,
    body: dict[str, Any] | None = None,
    content_id: str | None = None,
    **headers: str,
) -> str:
    """One part: an HTTP request; header names have underscores for hyphens."""
    part = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id:
        part.append(f"Content-ID: {content_id}")
    request = [f"{method} {url} HTTP/1.1"]
    request += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
    text = ""
    if body is not None:
        request.append("Content-Type: application/json")
        text = json.dumps(body)
    return LINE.join([*part, "", *request, "", text, ""])


def change_set(*operations: str) -> str:
    """One part: a change set of operations."""
    lines = ["Content-Type: multipart/mixed; boundary=changeset_1", ""]
    for item in operations:
        lines += ["--changeset_1", item]
    return LINE.join([*lines, "--changeset_1--", ""])


def send(api: Api, *parts: str, ending: str = "--batch_1--", **options: Any):
    """The answer to a batch of parts."""
    lines = [text for part in parts for text in ("--batch_1", part)]
    headers = {"Content-Type": 'multipart/mixed; boundary="batch_1"'}
    body = LINE.join([*lines, ending, ""])
    return api.post("$batch", data=body.encode(), headers=headers, **options)


@dataclass
class Part:
    """The answer to one operation, or a change set's answers in `parts`."""

    status: int
    headers: dict[str, str]
    body: str
    content_id: str | None = None
    parts: list[Part] = field(default_factory=list)

    def json(self) -> Any:
        return json.loads(self.body)


def read(answer: requests.Response) -> list[Part]:
    """The parts of a multipart answer."""
    kind = answer.headers["Content-Type"]
    assert kind.startswith("multipart/mixed; boundary=batchresponse_"), answer.text
    document = f"Content-Type: {kind}{LINE}{LINE}".encode() + answer.content
    return _parts(email.message_from_bytes(document))


def _parts(message: email.message.Message) -> list[Part]:
    found = []
    for part in message.get_payload():
        if part.is_multipart():
            assert part.get_boundary().startswith("changesetresponse_")
            found.append(Part(0, {}, "", parts=_parts(part)))
            continue
        assert part.get_content_type() == "application/http"
        text = part.get_payload(decode=True).decode()
        head, _, body = text.replace(LINE, "\n").partition("\n\n")
        line, *headers = head.split("\n")
        found.append(
            Part(
                int(line.split()[1]),
                dict(header.split(": ", 1) for header in headers),
                body.strip(),
                part["Content-ID"],
            )
        )
    return found
