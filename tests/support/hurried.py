"""`parley`, but missing a worker that is gone three times as fast: for tests that kill one.

What it waits keeps its proportions: a message is shown again after a lease has ended.
"""

from core.aws.dynamodb import claims
from core.aws.sqs import consumer
from core.turn import requeue_policy

claims.LEASE, requeue_policy.ORPHANED = claims.LEASE / 3, requeue_policy.ORPHANED / 3
consumer.VISIBILITY, consumer.HEARTBEAT = consumer.VISIBILITY // 3, consumer.HEARTBEAT / 3

from bots import serve  # noqa: E402 - others may take these over by value
from cli.main import main  # noqa: E402

serve.SWEEP_EVERY /= 3

main()
