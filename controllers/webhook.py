"""Near real time: Dataverse says that something changed."""

import hashlib
import hmac
import secrets
import time

from odoo import http
from odoo.http import request

# Calls that one process answers: so many at once, and so many a second after that.
BURST, RATE = 100, 50
# Dataverse leaves the row out of what would be larger (Dataverse: "Use webhooks").
LARGEST_BODY = 256 * 1024
# What nobody knows stands for the key of a connection that does not exist.
NOBODY = secrets.token_urlsafe(32)


class Bucket:
    """A token bucket. One a process: it protects the process, nothing else."""

    def __init__(self, burst, rate, clock=time.monotonic):
        self.burst, self.rate, self.clock = burst, rate, clock
        self.tokens, self.filled_at = burst, clock()

    def take(self):
        """Whether one more call may be answered now."""
        now = self.clock()
        gained = (now - self.filled_at) * self.rate
        self.tokens = min(self.burst, self.tokens + gained)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


bucket = Bucket(BURST, RATE)


class Webhook(http.Controller):
    @http.route(
        "/dataverse_sync/webhook/<string:code>",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
        max_content_length=LARGEST_BODY,
    )
    def hear(self, code, **_unknown):
        """Wake the scheduled action, which asks Dataverse what really changed.

        The body is not read: whoever forges a call gains one look at Dataverse, which
        would have happened anyway. The answer and the work are the same for a wrong
        key and for a connection that does not exist.

        :param code: of the connection
        """
        if not bucket.take():
            return self._answer(429, {"Retry-After": "1"})
        connection = (
            request.env["integration.connection"]
            .sudo()
            # With its key: one query, whether there is such a connection or not.
            .search_fetch([("code", "=", code)], ["webhook_key"], limit=1)
        )
        key = request.httprequest.headers.get(connection._webhook_header, "")
        if not self._is_same(key, connection.webhook_key or NOBODY):
            return self._answer(401)
        connection._hear_webhook()
        return self._answer(204)

    def _is_same(self, given, expected):
        """Compare two keys; how long it takes tells not even their length."""
        return hmac.compare_digest(
            *(hashlib.sha256(key.encode()).digest() for key in (given, expected))
        )

    def _answer(self, status, headers=None):
        return request.make_response(
            "", headers=list((headers or {}).items()), status=status
        )
