"""How long queues keep messages, and therefore how long a handled event must be remembered.

A message waits in its queue, then in the dead-letter queue, then, once redriven, in its queue
again, and each time the retention period starts over. The record that its event was handled must
outlive all three.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
"""

from __future__ import annotations

DAY = 86_400
QUEUED = 4 * DAY
"""Seconds that a queue keeps a message; template.yaml has the same value."""
DEAD = 14 * DAY
"""Seconds that a dead-letter queue keeps a message: the most that SQS allows."""
REMEMBERED = QUEUED + DEAD + QUEUED + DAY
"""Seconds that an event is remembered after its last change, so that no redelivery is answered
twice."""
