"""`parley`, but missing a worker that is gone three times as fast: for tests that kill one.

What it waits keeps its proportions: a message is shown again after a lease has ended.
"""

from core import requeue
from core.aws import claims, source

claims.LEASE, requeue.ORPHANED = claims.LEASE / 3, requeue.ORPHANED / 3
source.VISIBILITY, source.HEARTBEAT = source.VISIBILITY // 3, source.HEARTBEAT / 3

from bots import serve  # noqa: E402 - others may take these over by value
from local.cli import main  # noqa: E402

serve.SWEEP_EVERY /= 3

main()
