"""How long queues keep messages, and for how long an event must be remembered because of that.

A message waits in its queue, then as a dead letter, then, once it was redriven, in its queue again;
each time its time begins anew. Whatever says that its event is over must outlive all three.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
"""

from __future__ import annotations

DAY = 86_400
QUEUED = 4 * DAY
"""Seconds that a queue keeps a message; template.yaml says the same."""
DEAD = 14 * DAY
"""Seconds that a queue of dead letters does, the most that SQS allows."""
REMEMBERED = QUEUED + DEAD + QUEUED + DAY
"""Seconds that an event is remembered after its last change: a delivery up to then is known."""
