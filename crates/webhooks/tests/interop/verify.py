"""Verifies messages with the library of Standard Webhooks: one JSON object a line, an answer for each."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    message = json.loads(line)
    try:
        Webhook(message["secret"]).verify(message["body"], message["headers"])
        print("verified")
    except WebhookVerificationError:
        print("refused")
